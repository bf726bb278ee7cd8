# shellcheck shell=bash disable=SC2154
# The server block that every Pi's nginx runs lies on the volume.

use on-volume files
takes config_path content

want() {
  need nginx nginx
  need_mount
  want_file "$config_path" "$content" validate
}

# nginx refuses a bad one here, before any Pi meets it.
validate() {
  local try answer
  try=$(mktemp)
  printf 'events {}\nhttp { include /etc/nginx/mime.types; include %s; }\n' "$1" >"$try"
  if ! answer=$(nginx -t -q -c "$try" 2>&1); then
    rm -f "$try"
    fail "nginx refuses the server block, so it stays as it was: $answer"
  fi
  rm -f "$try"
}

unwant() {
  need_mount
  rm -f "$config_path"
}
