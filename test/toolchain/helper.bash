# shellcheck shell=bats
# What the tests of the scripts share: a project of their own, a user without Pulumi, and stand-ins for pulumi, npx, go
# and pip (no download, no build) that note in $SCENE how they were called.
bats_require_minimum_version 1.5.0
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/shell.sh"

export SCENE=$BATS_FILE_TMPDIR
project=$SCENE/project
stand_ins=$root/test/toolchain/stand-ins
clean_path=$stand_ins/bin:$(dirname "$(command -v node)"):/usr/bin:/bin
user=(env -u PULUMI_HOME -u PULUMI_STACK -u PULUMI_BACKEND_URL -u PULUMI_CONFIG_PASSPHRASE -u TWOPIR_TOOLCHAIN
  "TWOPIR_DOWNLOADS=$SITE/forbidden" "PATH=$clean_path")

# fresh: an empty project with this toolchain.
fresh() {
  rm -rf "${SCENE:?}"/*
  mkdir -p "$project/node_modules" "$SCENE/user"
  cp -R "$root/toolchain" "$root/lib" "$project/"
  echo go1.26.0 >"$SCENE/go version"
}

# install [NAME=VALUE...], pulumi "ARGS" [NAME=VALUE...]: the project's scripts, run by that user.
install() { "${user[@]}" "$@" bash "$project/toolchain/install.sh" >"$SCENE/said" 2>&1; }
# shellcheck disable=SC2086 # words
pulumi() { "${user[@]}" "${@:2}" bash "$project/toolchain/pulumi.sh" $1 >"$SCENE/said" 2>&1; }

says() { grep -qF -- "$1" "$SCENE/said"; }
chose() { grep -qxF -- "$1" "$project/.twopir/toolchain/choice"; }
ran() { grep -qF -- "$1" "$SCENE/ran"; }
nothing_ran() { [ ! -e "$SCENE/ran" ]; }

teardown() {
  [ -n "$BATS_TEST_COMPLETED" ] || tail -n +1 "$SCENE"/{said,ran,project/.twopir/toolchain/choice} || true
}
