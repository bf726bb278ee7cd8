# shellcheck shell=bash disable=SC2154
# This program itself, all that lies in pi/, is on the Pi, as the version that the operator has; the state comes along
# with it (see install.sh). The version is what version_of says of its files.

use files
takes version
takes user                                  # who logs in
takes volume brick mount_point address host # what "twopir status" asks about; brick: empty where it stores nothing

home=/usr/local/lib/twopir
versions=$home/versions
current=$home/current
command=/usr/local/sbin/twopir
history=$notes/program # TIME VERSION of each that was installed
# Of several rules the last one counts (sudoers(5)), by the names of these files.
rule=/etc/sudoers.d/zz-twopir

want() {
  local now loose left
  [ ! -d "$home" ] || [ -w "$home" ] ||
    obstacle "$home cannot be written to: the card is mounted read-only, as Linux does with one that fails (see dmesg)"
  now=$(basename "$(readlink "$current" || true)")
  if [ "$now" != "$version" ]; then
    change "$(described "$now")" install
  elif [ "$(version_of "$versions/$version")" != "$version" ]; then
    change "the program in $versions/$version was altered" install
  elif [ "$(readlink "$command")" != "$current/twopir" ]; then
    change "$command does not point to the program" link_command
  fi
  loose=$(find "$home" ! -type l \( ! -uid 0 -o -perm /022 \) -print -quit 2>/dev/null || true)
  [ -z "$loose" ] || mend "somebody who is not root may write to $loose" close
  want_rule
  left=$({ grep -Lx "pi=$own_pi" "$states"/* 2>/dev/null || true; } | xargs -r -n 1 basename | xargs)
  [ -z "$left" ] || mend "states of another name of this Pi are noted: $left" forget
}

# What it was called before, it is not any more: two notes of one state would be one too many for its service.
forget() { { grep -LxZ "pi=$own_pi" "$states"/* || true; } | xargs -0 -r rm -f --; }

close() {
  chown -R 0:0 "$home"
  chmod -R go-w "$home"
}

# want_rule: sudo lets the user run this program without a password, and so whatever comes after this state.
want_rule() {
  local text="# Made by twopir. The program does what it is told, as root.
$user ALL=(root) NOPASSWD: $command
" reason
  if [ "$user" = root ]; then
    [ ! -e "$rule" ] || mend "$rule is there, and root logs in" rm -f "$rule"
    return
  fi
  reason=$(difference "$rule" "$text")
  [ -n "$reason" ] || [ "$(stat -c %a:%u:%g "$rule")" = 440:0:0 ] || reason="$rule has another mode than 440, or owner"
  [ -z "$reason" ] || mend "$reason" write_file "$rule" "$text" accepted
  if [ "$mode" = check ] && { [ -n "$told" ] || [ ! -x "$command" ]; }; then return; fi
  unasked || obstacle "sudo asks user $user for a password in spite of $rule: is there a line about $user behind" \
    "@includedir in /etc/sudoers, or no such @includedir, or a file in /etc/sudoers.d that comes after it?"
}

# unasked: that user reaches root by the rule, as all the other states do, and as we did where it works (see sudo.sh).
unasked() {
  [[ "${SUDO_USER:-} ${SUDO_COMMAND:-}" == "$user $command bash -s "* ]] ||
    runuser -u "$user" -- sudo -n "$command" bash -c : </dev/null >/dev/null 2>&1
}

# accepted CANDIDATE: sudo reads it, and would refuse to work at all with a mistake in it.
accepted() {
  local answer
  chmod 440 "$1"
  answer=$(visudo -c -f "$1" 2>&1) || fail "visudo refuses $rule, so it stays as it was: $answer"
}

# described NOW: a version that this Pi has had before the one of now is an older one.
described() {
  local of since
  since=$(installed "$1" | tail -n 1)
  of=$(installed "$version" | head -n 1)
  if [ -z "$1" ]; then
    echo "twopir is not on this Pi"
  elif [ -n "$of" ] && [[ $of < $since ]]; then
    echo "this Pi has a newer program than this checkout: it got this version at $of, and a later one at $since. To" \
      "keep the later one: git pull (docs/operations.md#back-to-an-earlier-version)"
  else
    echo "the program on this Pi is another one, installed $since"
  fi
}

installed() { sed -n "s/ $1\$//p" "$history" 2>/dev/null || true; } # VERSION

# version_of FOLDER: of the names and contents of its files, as in operator/program.ts.
version_of() {
  (cd "$1" 2>/dev/null && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)
}

# Whoever runs now keeps the version that he has; only the one before this is kept, since no other one can run: this
# state has the Pi's lock, and the service below is started again.
install() {
  local fresh=$versions/$version.new former name
  [ "$(version_of "$here")" = "$version" ] ||
    fail "the program did not arrive, or arrived damaged: run pulumi up again"
  former=$(basename "$(readlink "$current" || true)")
  mkdir -p "$versions" "$notes"
  rm -rf -- "$fresh" "$versions/$version.old"
  cp -R "$here" "$fresh"
  chmod -R u=rwX,go=rX "$fresh"
  chmod 755 "$fresh/twopir" # whatever the checkout has
  chown -R 0:0 "$fresh"
  find "$fresh" -type f -exec sync {} +
  [ ! -e "$versions/$version" ] || mv -T "$versions/$version" "$versions/$version.old"
  mv -T "$fresh" "$versions/$version"
  ln -sfn "versions/$version" "$current.new"
  mv -T "$current.new" "$current"
  [ "$former" = "$version" ] || printf '%s %s\n' "$(date -u +%FT%TZ)" "$version" >>"$history"
  link_command
  for name in "$versions"/*; do
    [[ ${name##*/} == "$version" || ${name##*/} == "${former:-none}" ]] || rm -rf -- "$name"
  done
  ! systemctl is-active -q twopir-full-copy.service || systemctl restart twopir-full-copy.service
}

link_command() {
  mkdir -p "$(dirname "$command")"
  ln -sfn "$current/twopir" "$command"
}

# Where the Pi has another name in the config now, its states under that name go on.
unwant() {
  if list_noted | grep -qvxF "$state"; then return; fi
  # First, since nobody would look for it where the program is gone.
  rm -f -- "$rule"
  rm -f -- "$history" "$states/$state" # next: where these are and the command is not, something is wrong
  find "$notes" -depth -type d -empty -delete
  rm -rf -- "$versions"
  rm -f -- "$current" "$command"
  rmdir "$home" 2>/dev/null || true
}
