# shellcheck shell=bash
# Is sent ahead of what root's bash is to read where the program may not be there yet: a look, and the program's own
# state. The line after it is sudo's password, or empty; it is read here, whether sudo asks or not.
{
  IFS= read -r password
  export LC_ALL=C
  ours=/usr/local/sbin/twopir

  # not_let_in TEXT...: remote/ssh.ts knows the status, EX_NOPERM of sysexits.h.
  not_let_in() {
    echo "$*" >&2
    exit 77
  }

  if [ "$(id -u)" = 0 ]; then
    exec bash -s "$@"
  elif [ -x "$ours" ] && sudo -n "$ours" bash -c : </dev/null 2>/dev/null; then
    exec sudo -n "$ours" bash -s "$@"
  elif answer=$(sudo -n bash -c : </dev/null 2>&1); then
    exec sudo -n bash -s "$@"
  elif [ -z "$password" ]; then
    not_let_in "user $(id -un) may not use sudo without a password (${answer##*$'\n'}). Set it" \
      "(npm run pulumi -- config set --secret twopir:sudoPassword; docs/configuration.yaml says how for $2 alone)," \
      "or have sudo ask for none there (sudo raspi-config nonint do_sudo_pass 1)"
  # That line is all that sudo can read, or the next ones would be its second and third try (passwd_tries, sudoers(5)).
  elif ! answer=$(printf '%s\n' "$password" | sudo -S -k -p '' bash -c : 2>&1); then
    not_let_in "sudo rejects the password that is set for user $(id -un)" \
      "(twopir:sudoPassword, or sudoPassword of $2 in twopir:pis): ${answer##*$'\n'}"
  fi
  # Where sudo does not ask after all, the password is left on stdin: root's bash begins behind the empty line.
  # shellcheck disable=SC2016 # the inner shell expands them
  { printf '%s\n\n' "$password" && cat; } |
    sudo -S -k -p '' bash -c 'while IFS= read -r line && [ -n "$line" ]; do :; done; exec bash -s "$@"' bash "$@"
  exit
}
