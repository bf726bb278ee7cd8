# shellcheck shell=bash disable=SC2154
# A symbolic link.

use files
takes link target

want() {
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

make_link() {
  mkdir -p "$(dirname "$link")"
  [ -L "$link" ] || keep "$link"
  ln -sfn "$target" "$link.twopir"
  mv -T "$link.twopir" "$link"
}

unwant() {
  [ "$(readlink "$link" || true)" = "$target" ] || return 0
  rm -f "$link"
  put_back "$link"
}
