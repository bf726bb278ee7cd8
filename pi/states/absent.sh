# shellcheck shell=bash disable=SC2154
# A file is not there; remove puts it back.

use files
takes path

want() {
  if [ -e "$path" ] || [ -L "$path" ]; then change "$path is there" keep "$path"; fi
}

unwant() { put_back "$path"; }
