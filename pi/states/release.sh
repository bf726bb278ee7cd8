# shellcheck shell=bash disable=SC2154
# The release is on this Pi's own card, so that nginx serves it whatever becomes of the volume; and this Pi looks for it
# itself, when nginx starts, when the volume comes, and once a night (programs/release.sh).

use card mounting services
takes release
takes bytes # of the archive

service_path=/etc/systemd/system/twopir-release.service
timer_path=/etc/systemd/system/twopir-release.timer

want() {
  local why name wants
  wants=/etc/systemd/system/$(unit).wants/${service_path##*/}
  want_ours "$service_path"
  want_ours "$timer_path"
  want_service twopir-release.timer
  is_read "$(unit_facts twopir-release.service)" || mend "systemd has not read $service_path" systemctl daemon-reload
  [ "$(failures)" -lt "$patience" ] ||
    note "the release on the card of $pi could not be looked through, or put right: journalctl -u twopir-release" \
      say "it is tried again by itself"
  [ -e "$wants" ] || mend "the release is not looked for when the volume comes" come_with_mount
  why=$(lacking "$release")
  if [ -n "$why" ]; then
    [ "$mode" != check ] || is_on_card "$release" "$(hash_on_volume "$release")" || need_room_here
    [ "$mode" != apply ] || need_releases
    change "$why" bring "$release"
    for name in $([ "$mode" = check ] || superfluous_here "$release"); do drop_here "$name"; done
  fi
  [ "$(beneath readlink "$mount_point/cluster" || true)" = "$card/cluster" ] ||
    mend "nginx would not start while the volume is away" lay_beneath
}

patience=4 # of its tries, which are 30 s apart; after a boot the first may come before the volume does

# failures: of this Pi's own look for the release, the tries since it succeeded last.
failures() {
  local shown
  shown=$(unit_facts twopir-release.service)
  if [[ $shown != *Result=success* && $shown =~ NRestarts=([0-9]+) ]]; then echo "${BASH_REMATCH[1]}"; else echo 0; fi
}

# come_with_mount: systemctl refuses units that come of /etc/fstab.
come_with_mount() {
  mkdir -p "${wants%/*}"
  ln -sfn "$service_path" "$wants"
  systemctl daemon-reload
}

# need_room_here: for its copy, and for the volume's, which may lie on the same card.
need_room_here() {
  local free needed=$((bytes * 2 / 1000000 + spare))
  free=$(too_little /var/lib "$needed")
  [ -z "$free" ] ||
    refuse "release $(short "$release") needs $needed MB on the card of this Pi (/var/lib), and $free MB are free" \
      "there: make room, or publish less"
}

# lay_beneath: where the article's links lead while the volume is not mounted, they find the server block that nginx
# had last. The folder beneath lets nobody write there, see mount.sh.
lay_beneath() { change_beneath ln -sfn "$card/cluster" "$mount_point/cluster"; }

unwant() {
  local name wants
  systemctl disable -q --now twopir-release.timer 2>/dev/null || true
  wants=/etc/systemd/system/$(unit).wants
  rm -f "$service_path" "$timer_path" "$wants/${service_path##*/}"
  rmdir --ignore-fail-on-non-empty "$wants" 2>/dev/null || true
  systemctl daemon-reload
  change_beneath find "$mount_point" -maxdepth 1 -lname "$card/cluster" -delete
  for name in $(on_card); do drop_here "$name"; done
  rm -rf --one-file-system -- "$card" "$served" "$opened"
}
