# shellcheck shell=bash disable=SC2154
# The web root exists and has a page: nginx's own to begin with; from then on the content is the user's.

use on-volume files
takes web_root

first_page=/usr/share/nginx/html/index.html # /usr/share/nginx/www in the article's time

want() {
  local page
  need nginx nginx
  need_mount
  if ! there "$web_root"; then
    change "$web_root is missing" mkdir -p "$web_root"
  elif [ -z "$(find "$web_root" -maxdepth 0 -perm -005)" ]; then
    change "$web_root has mode $(stat -c %a "$web_root"): nginx cannot read it" chmod go+rx "$web_root"
  fi
  for page in "$web_root/index.html" "$web_root/index.htm"; do
    if there "$page" && [ -z "$(find -L "$page" -maxdepth 0 -perm -004)" ]; then
      change "$page has mode $(stat -L -c %a "$page"): nginx cannot read it" chmod go+r "$page"
    fi
  done
  there "$web_root/index.html" || there "$web_root/index.htm" ||
    change "$web_root has no index.html" install -m 644 "$first_page" "$web_root/index.html"
}

unwant() { say "the content of $web_root stays in the bricks"; }
