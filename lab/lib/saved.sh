# shellcheck shell=bash
# Saved states of a lab: its cards, host keys, power, cables and zone. A saved card is a layer that the cards loaded
# from it lie over, so that loading one copies next to nothing. Sourced, not run.
#
#   saved/LAB/NAME/        one saved state; NAME.new while it is being made, so that it is whole or not there
#     manifest             what it fits: format, subnet, debian, the user's own key; which Pis were on
#     lab/                 files of the lab's folder as they were: keys, known_hosts, parted, the zone
#     piK/                 base, ready, cut as in the lab's folder; upper: what its layer cannot hold
#     with/                the folder of --with
#   saved/LAB/layers/ID/   the rest of a card: many states and cards may lie over it

saved=$root/.twopir/saved/$lab
saved_format=1
spare=200 # MB; what the Pis write while they are saved
unfit=3   # exit status of `load` where there is no saved state that fits

saved_name() {
  [[ ${1:-} =~ ^[a-z][a-z0-9-]{0,31}$ && $1 != layers ]] ||
    die "\"${1:-}\" is no name for a saved state: give lower-case letters, digits and dashes, a letter first"
}

# saved_options WORD...: sets key and with.
saved_options() {
  key='' with=''
  while [ $# -gt 0 ]; do
    case $1 in
      --key) key=${2:-} ;;
      --with)
        with=$(realpath -m -- "${2:-}")
        # It is replaced by `load`: nothing of the user's may be.
        [[ $with == "$root"/.twopir/?* ]] || die "--with takes a folder in $root/.twopir, not \"${2:-}\""
        ;;
      *) die "save and load know --key TEXT and --with FOLDER, not \"$1\"" ;;
    esac
    shift $(($# > 1 ? 2 : 1))
  done
}

# no_layer FOLDER: what in there must not lie in a layer, by its path from FOLDER. Each file of a brick has a second,
# hard link in .glusterfs, and an overlay parts the two when it copies up one. And an overlay knows the flags of chattr
# only of what lies in its upper folder.
no_layer() {
  find "$1" -xdev -type d -name .glusterfs -prune -printf '%P\n' | sed 's:/\.glusterfs$::'
  { cd "$1" && getfattr -R -h -n trusted.overlay.protattr . 2>/dev/null; } | sed -n 's/^# file: //p' || true
}

# copy_no_layer FROM TO: with the folders that they lie in.
copy_no_layer() {
  local path
  no_layer "$1" | while IFS= read -r path; do
    (cd "$1" && cp -a --parents -- "$path" "$2")
  done
}

# save NAME [--key TEXT] [--with FOLDER]
save() {
  local name=$1 new=$saved/$1.new on=() k
  saved_name "$name"
  saved_options "${@:2}"
  [ -z "$with" ] || [ -d "$with" ] || die "there is no folder $with to save with the lab"
  lock
  [ -n "$(made_pis)" ] || die "lab $lab has no Pis to save: make some with \`lab.sh up\`"
  for k in $(made_pis); do ! lives "pi$k" || on+=("$k"); done
  have_room
  # At rest, so that it comes up as after a clean boot.
  for k in "${on[@]}"; do leave "$k" poweroff & done
  wait_all
  end_group ns
  # shellcheck disable=SC2064 # the values of now
  trap "rm -rf --one-file-system '$new'" EXIT
  rm -rf --one-file-system "$new"
  mkdir -p "$new/lab" "$saved/layers"
  for k in $(made_pis); do save_card "$k" "$new/pi$k" & done
  cp -a "$lab_dir"/{id_ed25519,id_ed25519.pub,known_hosts,ns} "$new/lab/"
  [ ! -e "$lab_dir/parted" ] || cp -a "$lab_dir/parted" "$new/lab/"
  [ -z "$with" ] || cp -a "$with" "$new/with"
  wait_all
  printf '%s\n' "format=$saved_format" "subnet=$subnet" "debian=$debian" "key=$key" "on=${on[*]}" >"$new/manifest"
  drop_saved "$name"
  mv -T "$new" "$saved/$name"
  trap - EXIT
  drop_unused_layers
  start_names
  for k in "${on[@]}"; do power_on "$k"; done
  unlock
  for k in "${on[@]}"; do await_pi "$k"; done
  await_names
}

# save_card K FOLDER
save_card() {
  local card=$lab_dir/pi$1 layer path
  layer=$(mktemp -d "$saved/layers/XXXXXXXX")
  chmod 755 "$layer"
  mkdir -p "$2/upper"
  cp -a "$card/upper/." "$layer"
  no_layer "$layer" | while IFS= read -r path; do rm -rf --one-file-system "${layer:?}/$path"; done
  copy_no_layer "$card/upper" "$2/upper"
  echo "$layer:$(cat "$card/base")" >"$2/base"
  cp -a "$card/ready" "$2/"
  [ ! -e "$card/cut" ] || touch "$2/cut"
}

# have_room: a full disk is found before the first Pi is stopped.
have_room() {
  local needed free
  needed=$(du -cxsm "$lab_dir"/pi*/upper "${with:-$lab_dir/ns}" | tail -n 1 | cut -f 1)
  free=$(df -m --output=avail "$lab_dir" | tail -n 1)
  [ "$free" -gt $((needed + spare)) ] ||
    die "saving lab $lab needs $((needed + spare)) MB in $root/.twopir, and only ${free// /} MB are free:" \
      "\`lab.sh saved\` lists what takes room there, and \`lab.sh forget NAME\` frees it"
}

# load NAME [--key TEXT] [--with FOLDER]
load() {
  local name=$1 from=$saved/$1 new=$lab_dir/loading on k
  saved_name "$name"
  saved_options "${@:2}"
  fits "$from"
  install_tools
  mkdir -p "$lab_dir"
  lock
  refuse_foreign ns
  refuse_used_subnet
  rm -rf --one-file-system "$new"
  mkdir "$new"
  for k in "$from"/pi*; do load_card "$k" "$new/${k##*/}" & done
  cp -a "$from/lab/." "$new/"
  wait_all
  # From here on what was there is gone; what comes is complete.
  end_group
  remove_network
  find "$lab_dir" -mindepth 1 -maxdepth 1 ! -name lock ! -name loading -exec rm -rf --one-file-system {} +
  sed -n '/^\(subnet\|debian\)=/p' "$from/manifest" >"$lab_dir/settings"
  mv "$new"/* "$lab_dir/"
  rmdir "$new"
  if [ -n "$with" ]; then
    rm -rf --one-file-system "$with"
    mkdir -p "$(dirname "$with")"
    [ ! -d "$from/with" ] || cp -a "$from/with" "$with"
  fi
  make_network
  part_rules
  start_names
  on=$(sed -n 's/^on=//p' "$from/manifest")
  for k in $on; do power_on "$k"; done
  unlock
  for k in $on; do await_pi "$k"; done
  await_names
}

# load_card SAVED-CARD FOLDER
load_card() {
  mkdir -p "$2"
  cp -a "$1/upper" "$2/"
  cp -a "$1"/{base,ready} "$2/"
  [ ! -e "$1/cut" ] || touch "$2/cut"
}

# fits SAVED-STATE: or the end, with a status of its own.
fits() {
  local why="" setting layer
  if [ ! -e "$1/manifest" ]; then
    why="there is none: make one with \`lab.sh save ${1##*/}\`"
  else
    for setting in "format $saved_format" "subnet $subnet" "debian $debian" "key $key"; do
      grep -qxF -- "${setting/ /=}" "$1/manifest" ||
        why="it was saved with $(grep "^${setting%% *}=" "$1/manifest" || echo "no ${setting%% *}"), not ${setting/ /=}"
    done
    for layer in $(cat "$1"/pi*/base | tr : '\n'); do
      [ -d "$layer" ] || why="the folder $layer that it lies over is gone"
    done
    grep -qF -- ":$(base_dir)" "$1"/pi*/base || why="it lies over another Debian image than that of now"
  fi
  [ -z "$why" ] || {
    printf 'twopir: lab %s has no saved state %s that fits: %s\n' "$lab" "${1##*/}" "$why" >&2
    exit $unfit
  }
}

# drop_saved NAME: a rename first, so that a half is never found.
drop_saved() {
  rm -rf --one-file-system "$saved/$1.old"
  [ ! -d "$saved/$1" ] || mv -T "$saved/$1" "$saved/$1.old"
  rm -rf --one-file-system "$saved/$1.old"
}

# drop_unused_layers: those that no saved state and no card of a lab lies over.
drop_unused_layers() {
  local layer
  for layer in "$saved"/layers/*/; do
    layer=${layer%/}
    [ ! -d "$layer" ] || grep -qsF -- "$layer" "$saved"/*/pi*/base "$lab_dir"/pi*/base ||
      rm -rf --one-file-system "$layer"
  done
}

# forget NAME|--all
forget() {
  [ ! -d "$lab_dir" ] || lock
  if [ "${1:-}" = --all ]; then
    rm -rf --one-file-system "$saved"
    return
  fi
  saved_name "${1:-}"
  [ -d "$saved/$1" ] || die "lab $lab has no saved state $1: \`lab.sh saved\` lists them"
  drop_saved "$1"
  drop_unused_layers
}

# list_saved: each one's name, age, size in MB and what it was saved with.
list_saved() {
  local state
  for state in "$saved"/*/manifest; do
    [ -e "$state" ] || continue
    state=${state%/manifest}
    # shellcheck disable=SC2046 # one word each
    printf '%-12s %s  %4s MB  %s\n' "${state##*/}" "$(date -r "$state/manifest" '+%F %T')" \
      "$(du -csm "$state" $(cat "$state"/pi*/base | cut -d : -f 1) | tail -n 1 | cut -f 1)" \
      "$(grep -E '^(key|on)=' "$state/manifest" | xargs)"
  done
}

# wait_all: for what this shell started in the background; ends where one of it failed.
wait_all() {
  local job failed=0
  for job in $(jobs -p); do wait "$job" || failed=1; done
  [ $failed = 0 ] || exit 1
}
