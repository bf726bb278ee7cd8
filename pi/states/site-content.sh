# shellcheck shell=bash disable=SC2154
# The web root exists and has a page: nginx's own to begin with; from then on the content is the user's.

use on-volume files
takes web_root
takes copy # the same folder in this Pi's brick; empty where it has none

first_page=/usr/share/nginx/html/index.html # /usr/share/nginx/www in the article's time

want() {
  local page closed=''
  need nginx nginx
  need_mount
  there "$web_root" || change "$web_root is missing" mkdir -p "$web_root"
  can_enter "$mount_point" ||
    change "$mount_point has mode $(stat -c %a "$mount_point"): nginx cannot enter it" chmod go+x "$mount_point"
  if there "$web_root" && [ -z "$(find "$web_root" -maxdepth 0 -perm -005)" ]; then
    change "$web_root has mode $(stat -c %a "$web_root"): nginx cannot read it" chmod go+rx "$web_root"
  fi
  for page in "$web_root/index.html" "$web_root/index.htm"; do
    if there "$page" && [ -z "$(find -L "$page" -maxdepth 0 -perm -004)" ]; then
      change "$page has mode $(stat -L -c %a "$page"): nginx cannot read it" chmod go+r "$page"
    fi
  done
  there "$web_root/index.html" || there "$web_root/index.htm" ||
    change "$web_root has no index.html" install -m 644 "$first_page" "$web_root/index.html"
  [ -n "$told" ] || closed=$(closed_to_visitors)
  [ -z "$closed" ] ||
    note "$closed" say "they are left as they are; to open everything: sudo chmod -R go+rX $web_root"
}

# can_enter FOLDER: nginx's user can, www-data, who is 33 on every Debian.
can_enter() {
  [ -n "$(find "$1" -maxdepth 0 \( -perm -001 -o -uid 33 -perm -100 -o -gid 33 -perm -010 \))" ]
}

# closed_to_visitors: the first three files and folders that nginx cannot read, of those that it would serve. They are
# the user's, who may want it so. Of the brick: through the mount 20,000 files take 7 s, there 0.1.
closed_to_visitors() {
  local names
  [ -d "$copy" ] || return 0
  names=$(timeout "$find_wait" find "$copy" -mindepth 1 -name '.*' -prune -o \
    \( -type d -not -perm -001 -not \( -uid 33 -perm -100 \) -not \( -gid 33 -perm -010 \) -o \
    -type f -not -perm -004 -not \( -uid 33 -perm -400 \) -not \( -gid 33 -perm -040 \) \) \
    -printf '%P (mode %m)\n' 2>/dev/null | head -n 3) || true
  [ -z "$names" ] ||
    echo "nginx cannot read these, so visitors cannot get them: $(paste -sd , <<<"$names" | sed 's/,/, /g')"
}
find_wait=5 # seconds; a look has 20 for all

unwant() { say "the content of $web_root stays in the bricks"; }
