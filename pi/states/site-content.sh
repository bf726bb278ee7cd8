# shellcheck shell=bash disable=SC2154
# The web root exists and has a page: nginx's own to begin with; from then on the content is the user's.

use on-volume files
takes web_root
takes gid  # of those who copy content here, see content-group.sh
takes copy # the same folder in this Pi's brick; empty where it has none

first_page=/usr/share/nginx/html/index.html # /usr/share/nginx/www in the article's time

want() {
  local page closed=''
  need nginx nginx
  need_mount
  there "$web_root" || change "$web_root is missing" open_root
  may_be_entered "$mount_point"
  if there "$web_root"; then
    if [ -z "$(find "$web_root" -maxdepth 0 -perm -005)" ]; then
      change "$web_root has mode $(stat -c %a "$web_root"): nginx cannot read it" open_root
    elif is_ours_to_open && [ -z "$(find "$web_root" -maxdepth 0 -gid "$gid" -perm -2070)" ]; then
      mend "$web_root is not set up for the group twopir-content to write to \
($(stat -c "mode %a, group %G" "$web_root"))" open_root
    fi
  fi
  # nginx takes the first of the two that is there.
  page=$web_root/index.html
  [ -L "$page" ] || there "$page" || page=$web_root/index.htm
  [ ! -L "$page" ] || obstacle "$page is a link, and nginx follows none: put the page itself there"
  if ! there "$page"; then
    change "$web_root has no index.html" install -m 664 -g "$gid" "$first_page" "$web_root/index.html"
  elif [ -z "$(find "$page" -maxdepth 0 -perm -004)" ]; then
    change "$page has mode $(stat -c %a "$page"): nginx cannot read it" chmod go+r "$page"
  fi
  [ -n "$told" ] || closed=$(closed_to_visitors)
  [ -z "$closed" ] ||
    note "$closed" say "they are left as they are; to open everything: sudo chmod -R go+rX $web_root"
}

# open_root: for its group to write to, with all that is made in it, and for nginx to read. A group that the user has
# given it stays.
open_root() {
  mkdir -p "$web_root"
  chmod o+rx "$web_root"
  if is_ours_to_open; then
    chgrp "$gid" "$web_root"
    chmod g+rwxs "$web_root"
  fi
}
is_ours_to_open() { [[ $(stat -c %g "$web_root") == @(0|33|"$gid") ]]; } # 33: www-data, who is to read alone

# closed_to_visitors: the first three files and folders that nginx cannot read, of those that it would serve. They are
# the user's, who may want it so. Of the brick: through the mount 20,000 files take 7 s, there 0.1.
closed_to_visitors() {
  local names
  [ -d "$copy" ] || return 0
  names=$(timeout "$find_wait" find "$copy" -mindepth 1 -name '.*' -prune -o \
    -type l -printf '%P (a link, and nginx follows none)\n' -o \
    \( -type d -not -perm -001 -not \( -uid 33 -perm -100 \) -not \( -gid 33 -perm -010 \) -o \
    -type f -not -perm -004 -not \( -uid 33 -perm -400 \) -not \( -gid 33 -perm -040 \) \) \
    -printf '%P (mode %m)\n' 2>/dev/null | head -n 3) || true
  [ -z "$names" ] ||
    echo "nginx cannot read these, so visitors cannot get them: $(paste -sd ';' <<<"$names" | sed 's/;/; /g')"
}
find_wait=5 # seconds; a look has 25 for all

unwant() { say "the content of $web_root stays in the bricks"; }
