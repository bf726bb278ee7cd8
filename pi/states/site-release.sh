# shellcheck shell=bash disable=SC2154
# One release of the site lies on the volume: an image of all that was in the folder. What is live stays so: nginx
# serves a release when the server block names it.

use card
takes release
takes archive   # its name in the home of the user who logs in, where nobody else can put one; empty: none is sent
takes bytes     # of it
takes published # how it is served, for who goes back to it without its folder

folder=$releases/$release

want() {
  local now
  need_releases
  now=$(now_live)
  if ! there "$folder/made"; then
    [ "$mode" != check ] || [ -z "$archive" ] || need_room
    make_for "release $(short "$release") is not on the volume yet; $now"
  elif there "$folder/damaged"; then
    make_for "the image of release $(short "$release") is damaged, as $(cat "$folder/damaged") found"
  elif [ "$(cut -d ' ' -f 2- "$folder/made")" != "$(size_and_time "$folder/image")" ]; then
    make_for "the image of release $(short "$release") was altered by hand"
  else
    [ -z "$(difference "$folder/published" "$published"$'\n')" ] ||
      mend "it is not noted how release $(short "$release") is served" write_file "$folder/published" "$published"$'\n'
    [ -z "$archive" ] || [ ! -e "$(sent)" ] || mend "an archive is left that nobody needs" rm -f -- "$(sent)"
  fi
}

# make_for REASON: where nothing was sent, of what the card of this Pi has.
make_for() {
  local hash
  hash=$(cut -d ' ' -f 1 "$folder/made" 2>/dev/null) || true
  if [ -n "$archive" ]; then
    change "$1" make
  elif [ -n "$hash" ] && is_on_card "$release" "$hash" && is_right "$release"; then
    change "$1; the card of $pi has it" put_back_image
  else
    obstacle "$1: take twopir:release out of the config, and publish the folder of that release"
  fi
}

# need_room: where it is to lie, and where it arrives. The image is smaller than the archive, but for a block.
need_room() {
  local where free needed=$((bytes / 1000000 + spare))
  for where in "$mount_point" "$(dirname "$(sent)")"; do
    free=$(too_little "$where" "$needed")
    [ -z "$free" ] ||
      refuse "release $(short "$release") needs $needed MB in $where, and $free MB are free there: make room, publish" \
        "less, or keep fewer releases (twopir:keepReleases)"
  done
}

sent() { echo "$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)/$archive"; }

now_live() {
  local now time
  read -r now time _ <<<"$(live)"
  if [ -n "$now" ]; then
    echo "live since $time: $(short "$now")"
  else
    echo "none is live yet"
  fi
}

# make: everything that can fail comes before the renames, the last of which makes it a release. gzip is the compression
# that every kernel can read.
make() {
  local answer
  need sqfstar squashfs-tools
  [ -f "$(sent)" ] || fail "the archive of release $(short "$release") has not arrived: run pulumi up again"
  [ "$(sha256sum <"$(sent)")" = "$release  -" ] ||
    fail "the archive of release $(short "$release") arrived damaged, so nothing was changed: run pulumi up again"
  mkdir -p "$folder"
  # What fails leaves nothing: of a full disk it would take the room that the next one needs.
  trap 'rm -f -- "$folder"/*.new; rmdir --ignore-fail-on-non-empty -- "$folder"' EXIT
  rm -f -- "$folder"/*.new
  [ "$bytes" -lt 10000000 ] || say "making the image of release $(short "$release"), of $((bytes / 1000000)) MB"
  answer=$(python3 "$here/programs/keep-times.py" "$(sent)" "$(former)" "$folder/files.gz.new" |
    sqfstar -quiet -no-progress -no-xattrs -comp gzip -root-mode 755 "$folder/image.new" 2>&1) ||
    fail "the image of the release cannot be made, so nothing was changed: $(tail -n 1 <<<"$answer")"
  printf '%s\n' "$published" >"$folder/published.new"
  describe "$folder/image.new" >"$folder/made.new"
  sync "$folder"/{image,made,files.gz,published}.new
  mv -T "$folder/files.gz.new" "$folder/files.gz"
  mv -T "$folder/published.new" "$folder/published"
  put_in_place
  rm -f -- "$(sent)"
}

put_back_image() {
  trap 'rm -f -- "$folder"/*.new' EXIT
  cp -- "$card/$release.image" "$folder/image.new"
  describe "$folder/image.new" "$hash" >"$folder/made.new"
  sync "$folder"/{image,made}.new
  put_in_place
}

# put_in_place: a Pi that copies it meanwhile finds no note, rather than that of the image before.
put_in_place() {
  rm -f -- "$folder/made"
  mv -T "$folder/image.new" "$folder/image"
  mv -T "$folder/made.new" "$folder/made"
  rm -f -- "$folder/damaged"
  sync "$folder"
  trap - EXIT
}

# former: a folder with the files of this release, of a former version, or of the live one.
former() {
  local now path
  now=$(live)
  for path in "$folder/www" "$card/${now%% *}" "$releases/${now%% *}/www"; do
    [ ! -d "$path" ] || { echo "$path" && return; }
  done
}

unwant() { say "the releases of the site stay on the volume"; }
