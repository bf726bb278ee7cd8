# shellcheck shell=bash disable=SC2154
# A symbolic link.

use files
takes link target

made=$notes/made-$state # by us

want() {
  [ "$mode" != apply ] || note_theirs
  [ "$(readlink "$link" || true)" = "$target" ] || change "$link $(described), it must point to $target" make_link
}

described() {
  if [ -L "$link" ]; then
    echo "points to $(readlink "$link")"
  elif [ -e "$link" ]; then
    echo "is not a link"
  else
    echo "is missing"
  fi
}

# One that was there before us comes back, also where it is as it should be: the article's cluster, made by hand, has
# it.
note_theirs() {
  local copy=$notes/before$link
  [ -L "$link" ] && [ ! -e "$states/$state" ] && [ ! -e "$made" ] && [ ! -L "$copy" ] || return 0
  mkdir -p "$(dirname "$copy")"
  cp -P "$link" "$copy"
}

make_link() {
  [ -e "$made" ] || touch "$made"
  mkdir -p "$(dirname "$link")"
  [ -L "$link" ] || keep "$link"
  ln -sfn "$target" "$link.twopir"
  mv -T "$link.twopir" "$link"
}

unwant() {
  rm -f "$made"
  [ "$(readlink "$link" || true)" = "$target" ] || return 0
  rm -f "$link"
  put_back "$link"
}
