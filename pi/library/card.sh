# shellcheck shell=bash disable=SC2154
# The releases of the site on this Pi's own card, from which nginx serves them, whatever becomes of the volume:
#
#   /var/lib/twopir-releases/ID        the image ID.image, mounted; where that cannot be done, unpacked
#   /var/lib/twopir-releases/ID.made   of the image: SHA-256, size, time
#   /var/lib/twopir-releases/cluster   the server block that nginx read last; files/usr/local/lib/twopir/nginx-runs
#                                      writes it, and starts nginx with it where the volume does not answer

use releases

card=/var/lib/twopir-releases
served=/run/twopir-releases # which of them nginx serves, by nginx-runs
# A file for each that is open. The server block includes it: a nginx whose Pi has not the release does not start, and
# browsers go on to the next one, where it would say of each page that there is none.
opened=/run/twopir-open

spare=50 # MB that are free beside a release; what else is written meanwhile

# released: of the server block on stdin, the release that it serves; nothing where it serves none.
released() { sed -nE "s#^ *root $card/([0-9a-f]{64});#\1#p"; }

# lacking ID: why nginx cannot serve this release from the card; nothing where it can. Reads the same few bytes of any
# site.
lacking() {
  if [ ! -r "$card/$1.made" ]; then
    echo "release $(short "$1") is not on the card of this Pi yet"
  elif ! is_on_card "$1" "$(cut -d ' ' -f 1 "$card/$1.made")"; then
    echo "the image of release $(short "$1") on the card of this Pi is not what was written there"
  elif ! is_on_card "$1" "$(hash_on_volume "$1")"; then
    echo "the image of release $(short "$1") on the card of this Pi is another one than the volume's"
  elif ! is_open "$1"; then
    echo "release $(short "$1") is not mounted from the card of this Pi"
  fi
}

# hash_on_volume ID: of its image; nothing where the volume does not say.
hash_on_volume() { ! { mounted && mount_answers; } || cut -d ' ' -f 1 "$releases/$1/made" 2>/dev/null || true; }

# is_on_card ID HASH: the image that has it, as far as size and time tell; with no hash, any.
is_on_card() {
  local hash='' size='' time=''
  read -r hash size time < <(cat "$card/$1.made" 2>/dev/null || true) || true
  [ "${2:-$hash}" = "$hash" ] && [ "$(size_and_time "$card/$1.image")" = "$size $time" ]
}

# is_open ID: nginx finds the files of this image. Where it was opened once more, the mount on top counts.
is_open() {
  local mount source options
  [ -e "$opened/$1" ] || return 1
  mount=$(findmnt -n -o SOURCE,OPTIONS -t squashfs --mountpoint "$card/$1" 2>/dev/null | tail -n 1) || true
  read -r source options <<<"$mount"
  if [ -z "$source" ]; then
    [ -d "$card/$1" ] && cmp -s "$card/$1.unpacked" "$card/$1.made"
    return
  fi
  [[ ,$options, == *,ro,*nosuid,nodev,noexec,* ]] && ! is_replaced "$source"
}

# is_replaced LOOP_DEVICE: of the file behind it, which is another one by now.
is_replaced() { grep -qs ' (deleted)$' "/sys/block/${1##*/}/loop/backing_file"; }

# bring ID: copies the image from the volume, where the card has not the same, and opens it. One at a time: at boot
# nginx and the volume come at once.
bring() {
  [ -n "$(lacking "$1")" ] || return 0
  with_lock
  [ -z "$(lacking "$1")" ] || copy_and_open "$1"
  exec 7>&-
}
bring_wait=300 # seconds; a card writes 10 MB/s and more

with_lock() {
  mkdir -p "$card"
  exec 7>>"$card/lock"
  flock -w "$bring_wait" 7 || fail "another program brings a release to this card, and has for $bring_wait s"
}

# bring_anew ID: one that is damaged on the card.
bring_anew() {
  with_lock
  say "the image of release $(short "$1") on the card of $pi is damaged: it comes anew from the volume"
  copy "$1" "$(hash_on_volume "$1")"
  open_image "$1"
  exec 7>&-
}

# copy_and_open ID: while the volume is away, visitors get what the card has. All of an image is read once a night.
copy_and_open() {
  local hash
  hash=$(hash_on_volume "$1")
  if [ -n "$hash" ] && ! is_on_card "$1" "$hash"; then
    copy "$1" "$hash"
  elif [ ! -e "$card/$1.image" ]; then
    fail "release $(short "$1") is neither on the card of $pi nor, as far as can be seen, on the volume"
  fi
  open_image "$1"
}

# is_right ID: reads all of it.
is_right() {
  local made
  made=$(cat "$card/$1.made" 2>/dev/null) && [ "$(describe "$card/$1.image" 2>/dev/null)" = "$made" ] &&
    { [ ! -e "$card/$1.unpacked" ] || is_as_unpacked "$1"; }
}

# is_as_unpacked ID: what lies there is what is in the image. Where there is no room to see that, nothing is said.
is_as_unpacked() {
  local again=$card/$1.new same=yes
  rm -rf --one-file-system -- "${again:?}"
  if unsquashfs -quiet -no-progress -d "$again" "$card/$1.image" >/dev/null 2>&1; then
    diff -rq -- "$again" "$card/$1" >/dev/null 2>&1 || same=''
  fi
  rm -rf --one-file-system -- "${again:?}"
  [ -n "$same" ]
}

# copy ID HASH: what fails leaves nothing, and what cannot succeed is not begun: a service tries it again and again.
copy() {
  local fresh=$card/$1.image.new size free
  [ -n "$2" ] || fail "the volume does not say which image release $(short "$1") has"
  [ ! -e "$releases/$1/damaged" ] || fail_damaged "$1"
  rm -rf --one-file-system -- "$card"/*.new
  size=$(stat -c %s "$releases/$1/image") || fail "the image of release $(short "$1") cannot be read from the volume"
  free=$(too_little "$card" $((size / 1000000 + spare)))
  [ -z "$free" ] ||
    fail "there is no room in $card for release $(short "$1"), of $((size / 1000000)) MB: $free MB are free"
  trap 'rm -f -- "$card"/*.image.new' EXIT
  [ "$size" -lt 10000000 ] || say "copying release $(short "$1") to the card of this Pi"
  cp -- "$releases/$1/image" "$fresh" || fail "the image of release $(short "$1") cannot be copied to $card"
  sync "$fresh"
  if [ "$(sha256sum <"$fresh")" != "$2  -" ]; then
    # It may just have been made once more.
    [ "$(hash_on_volume "$1")" != "$2" ] || echo "$pi" >"$releases/$1/damaged"
    fail_damaged "$1"
  fi
  mv -T "$fresh" "$card/$1.image"
  describe "$card/$1.image" "$2" >"$card/$1.made"
  sync "$card"
  trap - EXIT
}

fail_damaged() {
  fail "the image of release $(short "$1") on the volume is not what was made: publish it again with pulumi up"
}

# open_image ID: over one that is open, so that no visitor finds nothing there.
open_image() {
  local answer
  mkdir -p "$card/$1" "$opened"
  if answer=$(mount -t squashfs -o loop,ro,nodev,nosuid,noexec "$card/$1.image" "$card/$1" 2>&1); then
    rm -f "$card/$1.unpacked"
  else
    say "an image cannot be mounted on $pi, so the release is unpacked on its card: ${answer#mount: }"
    rm -rf --one-file-system -- "$card/${1:?}.new"
    unsquashfs -quiet -no-progress -d "$card/$1.new" "$card/$1.image" >/dev/null ||
      fail "the image of release $(short "$1") can neither be mounted on $pi nor unpacked: $answer"
    sync -f "$card/$1.new"
    close_image "$1"
    rm -rf --one-file-system -- "$card/${1:?}"
    mv -T "$card/$1.new" "$card/$1"
    cp "$card/$1.made" "$card/$1.unpacked"
  fi
  : >"$opened/$1"
}

# close_image ID: who reads from it can go on.
close_image() {
  rm -f "$opened/$1"
  while mountpoint -q "$card/$1"; do umount -l "$card/$1"; done
}

# superfluous_here ID: what the card has beside that one, and beside what is live and what nginx serves still.
superfluous_here() {
  local needed name
  needed=$(
    echo "$1"
    {
      live | cut -d ' ' -f 1
      released <"$mount_point/cluster"
      cat "$served"
    } 2>/dev/null || true
  )
  for name in $(on_card); do
    [[ $'\n'$needed$'\n' == *$'\n'"$name"$'\n'* ]] || echo "$name"
  done
}

# on_card: the ids of all that is there, also of what somebody has taken a part of.
on_card() {
  { find "$card" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null || true; } |
    { grep -oE '^[0-9a-f]{64}' || true; } | sort -u
}

drop_here() { # ID
  close_image "$1"
  rm -rf --one-file-system -- "$card/${1:?}" "$card/$1".*
}
