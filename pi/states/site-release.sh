# shellcheck shell=bash disable=SC2154
# One release of the site lies on the volume, whole and as it came. What is live stays so: nginx serves a release when
# the server block names it.

use releases
takes archive # its name in the home of the user who logs in, where nobody else can put one
takes bytes   # of it

folder=$releases/$release

want() {
  local now was=''
  need_releases
  if ! there "$folder"; then
    [ "$mode" != check ] || need_room
    now=$(now_live)
    change "release $(short "$release") is not on the volume yet; $now" unpack
    return
  fi
  may_be_entered "$mount_point" "$releases" "$folder"
  now=$(contents "$folder/www" | sha256sum)
  if there "$folder/contents"; then was=$(sha256sum <"$folder/contents"); fi
  if [ "$now" != "$was" ]; then
    change "release $(short "$release") was altered by hand: $(altered)" unpack
  elif [ -e "$(sent)" ]; then
    mend "an archive is left that nobody needs" rm -f -- "$(sent)"
  fi
}

spare=50 # MB; what else is written meanwhile

# need_room: where it is to be unpacked, and where it arrives. Files are rounded up to whole blocks, and each has
# its note in gluster's index: a twentieth more.
need_room() {
  local where free needed=$((bytes * 105 / 100000000 + spare))
  for where in "$mount_point" "$(dirname "$(sent)")"; do
    free=$(df -BMB --output=avail "$where" 2>/dev/null | sed -n '2s/[^0-9]//gp') || true
    [ -z "$free" ] || [ "$free" -ge "$needed" ] ||
      refuse "release $(short "$release") needs $needed MB in $where, and $free MB are free there: make room, publish" \
        "less, or keep fewer releases (twopir:keepReleases)"
  done
}

sent() { echo "$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)/$archive"; }

now_live() {
  local line
  line=$(live)
  if [ -n "$line" ]; then
    echo "live is $(short "${line#* }") since ${line% *}"
  else
    echo "it is the first"
  fi
}

# contents FOLDER: all that is in it, with kind, mode, owner; files also with size and time, links with their target.
contents() {
  ! there "$1" || {
    find "$1" -type d -printf '%y %m %U:%G %P\0' -o -printf '%y %m %U:%G %s %T@ %l %P\0' ||
      fail "release $(short "$release") cannot be read whole, so it stays as it is"
  } | sort -z
}

# altered: the first three names that differ.
altered() {
  comm -z -3 "$folder/contents" <(contents "$folder/www") 2>/dev/null | tr -d '\t' | tr '\0\n' '\n?' |
    sed -E 's/^d \S+ \S+ |^[^d] \S+ \S+ \S+ \S+ \S* //' | sort -u | sed -n 1,3p | paste -sd ' '
}

# Everything that can fail comes before the rename that makes it a release.
unpack() {
  local fresh=$folder.new time
  [ -f "$(sent)" ] || fail "the archive of release $(short "$release") has not arrived: run pulumi up again"
  [ "$(sha256sum <"$(sent)")" = "$release  -" ] ||
    fail "the archive of release $(short "$release") arrived damaged, so nothing was changed: run pulumi up again"
  rm -rf -- "$fresh"
  # What fails leaves nothing: of a full disk it would take the room that the next one needs.
  trap 'rm -rf -- "$folder.new"' EXIT
  mkdir -p "$fresh/www"
  # One time for all of a release, and another than the former one's: browsers ask by time and size whether a file
  # is another one.
  time=$(date +%s)
  tar -x --touch --no-same-owner -C "$fresh/www" -f "$(sent)" ||
    fail "the release cannot be unpacked, so nothing was changed"
  find "$fresh/www" -exec touch -h -d "@$time" {} +
  contents "$fresh/www" >"$fresh/contents"
  printf '# unpacked %s\n' "$(date -u -d "@$time" +%FT%TZ)" >"$fresh/unpacked.conf"
  # Four at once: each waits for both cards.
  find "$fresh" ! -type l -print0 | xargs -0 -P 4 -n 50 sync
  replace "$fresh"
  sync "$releases"
  rm -f -- "$(sent)"
}

# replace FOLDER: it becomes the release. One that was altered by hand goes by two renames, since FUSE cannot exchange.
replace() {
  rm -rf -- "$folder.old"
  if there "$folder"; then mv -T "$folder" "$folder.old"; fi
  mv -T "$1" "$folder"
  rm -rf -- "$folder.old"
}

unwant() { say "the releases of the site stay on the volume"; }
