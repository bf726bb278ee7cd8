#!/usr/bin/env bash
# Tests of the toolchain: install.sh and pulumi.sh with stand-ins for pulumi, npx and go (no download, no
# build), then the plugin in Go against a real sshd.
set -euo pipefail
# shellcheck source=toolchain/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

debian_packages openssh-server openssh-client procps

tmp=$(mktemp -d)
server=''
# shellcheck disable=SC2317 # called by trap
clean() {
  [ -z "$server" ] || kill "$server"
  rm -rf "$tmp"
}
trap clean EXIT
passed=0 failed=0

# expect NAME COMMAND...: the command must be true.
expect() {
  local name=$1
  shift
  if "$@" >"$tmp/expected" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n' "$name" "$*" >&2
    cat "$tmp/expected" "$tmp/said" >&2
  fi
}

says() { grep -qF -- "$1" "$tmp/said"; }
says_not() { ! says "$1"; }
chose() { grep -qxF -- "$1" "$project/.twopir/toolchain/choice"; }
ran() { grep -qF -- "$1" "$tmp/ran" 2>/dev/null; }
ran_not() { ! ran "$1"; }
fails() { ! "$@"; }

# Programs that note how they were called. The pulumi has the official plugin where $tmp/official is there.
mkdir "$tmp/fakes" "$tmp/user"
cat >"$tmp/pulumi" <<EOF
#!/bin/sh
echo "pulumi \$*" >>"$tmp/ran"
case "\$1 \$2" in
  'plugin ls') [ ! -e "$tmp/official" ] || echo 'command  resource  1.2.1  27 MB  now  now' ;;
  'plugin install')
    case " \$* " in
      *' --file '*)
        mkdir -p "\$PULUMI_HOME/plugins/resource-command-v1.2.1"
        cp "$tmp/pulumi" "\$PULUMI_HOME/plugins/resource-command-v1.2.1/pulumi-resource-command"
        ;;
      *) touch "$tmp/official" ;;
    esac
    ;;
  'stack init') mkdir -p .twopir/state/.pulumi/stacks/twopir && touch .twopir/state/.pulumi/stacks/twopir/dev.json ;;
  'show env') env | grep '^PULUMI_' | sort ;;
esac
EOF
cat >"$tmp/fakes/go" <<EOF
#!/bin/bash
if [ "\$1" = env ]; then cat "$tmp/go version"; exit; fi
echo "go \$*" >>"$tmp/ran"
[ ! -e "$tmp/go fails" ] || { echo "undefined: nonsense"; exit 1; }
while [ "\$1" != -o ]; do shift; done
echo half >"\$2"
[ ! -e "$tmp/go hangs" ] || { touch "$tmp/go is hanging"; sleep 30; }
rm "\$2"
cp "$tmp/pulumi" "\$2"
EOF
cat >"$tmp/fakes/npx" <<EOF
#!/bin/bash
echo "npx \$*" >>"$tmp/ran"
[ ! -e "$tmp/npx fails" ] || exit 1
mkdir -p "\$PULUMI_HOME/versions/\$PULUMI_VERSION/bin"
cp "$tmp/pulumi" "\$PULUMI_HOME/versions/\$PULUMI_VERSION/bin/pulumi"
EOF
printf '#!/bin/sh\nexit 1\n' >"$tmp/fakes/python3"
chmod +x "$tmp/pulumi" "$tmp"/fakes/*
clean_path=$tmp/fakes:$(dirname "$(command -v node)"):/usr/bin:/bin

# A stand-in for Pulumi's download site: /there answers, /forbidden refuses as some networks' proxies do.
node -e 'require("http").createServer((ask, answer) => answer.writeHead(ask.url === "/there" ? 200 : 403).end())
  .listen(0, "127.0.0.1", function () { console.log(this.address().port) })' >"$tmp/port" &
server=$!
until [ -s "$tmp/port" ]; do sleep 0.1; done
site=http://127.0.0.1:$(cat "$tmp/port")

# fresh: an empty project with this toolchain.
fresh() {
  project=$tmp/project
  rm -rf "$project" "$tmp/official" "$tmp/ran" "$tmp"/go\ * "$tmp/npx fails" "$tmp/user/pulumi"
  mkdir -p "$project/node_modules"
  cp -R "$root/toolchain" "$project/toolchain"
  echo go1.26.0 >"$tmp/go version"
}
with_env() { env -u PULUMI_HOME -u PULUMI_STACK -u PULUMI_BACKEND_URL -u PULUMI_CONFIG_PASSPHRASE -u TWOPIR_TOOLCHAIN TWOPIR_DOWNLOADS="$site/forbidden" PATH="$clean_path" "$@"; }
# shellcheck disable=SC2120 # `expect` passes arguments
install() { with_env "$@" bash "$project/toolchain/install.sh" >"$tmp/said" 2>&1; }
pulumi() { with_env "$@" >"$tmp/said" 2>&1; }

fresh
expect 'nothing can be had: it builds' install
expect 'builds the CLI' ran 'pulumi/pkg/v3/cmd/pulumi'
expect 'builds the language host' ran 'pulumi-language-nodejs'
expect 'installs its own plugin' ran 'pulumi plugin install resource command 1.2.1 --file'
expect 'says that it is its own' says 'our own stand-in, not the official one'
expect 'chose its own' chose 'TWOPIR_PLUGIN=own'
expect 'in a home of its own' chose "PULUMI_HOME=$project/.twopir/toolchain/home"
rm "$tmp/ran"
expect 'a second time' install
expect 'does nothing then' test ! -e "$tmp/ran" -a ! -s "$tmp/said"
echo '# changed' >>"$project/toolchain/install.sh"
expect 'after a change of install.sh' install
expect 'the same plugin stays in place, untouched' test ! -e "$tmp/ran"
touch -d '2 days ago' "$project/.twopir/toolchain/choice"
expect 'two days later, downloads can be reached' install TWOPIR_DOWNLOADS="$site/there"
expect 'it goes over to the official plugin' chose 'TWOPIR_PLUGIN=official'
fresh
install
rm "$tmp/ran"
echo '// changed' >>"$project/toolchain/plugin/main.go"
expect 'after a change of the plugin' install
expect 'the plugin is built again' ran 'pulumi-resource-command.new'
expect 'and only that' ran_not 'cmd/pulumi'
rm "$tmp/ran"
echo '// changed' >>"$project/toolchain/plugin/command_test.go"
expect 'after a change of a test' install
expect 'nothing is built' test ! -e "$tmp/ran"
rm "$project/.twopir/toolchain/bin/pulumi"
expect 'after the CLI was removed' install
expect 'it is built again' ran 'cmd/pulumi'

fresh
touch "$tmp/go hangs"
# shellcheck disable=SC2119
install &
interrupted=$!
until [ -e "$tmp/go is hanging" ]; do sleep 0.1; done
kill "$(pgrep -f "bash $project/toolchain/install.sh" | head -n 1)"
wait "$interrupted" || true
expect 'an interrupted build leaves nothing half in place' test ! -e "$project/.twopir/toolchain/bin/pulumi-language-nodejs"
rm "$tmp/go hangs"
expect 'and the next run finishes it' install
expect 'with whole programs' cmp "$tmp/pulumi" "$project/.twopir/toolchain/bin/pulumi"

fresh
touch "$tmp/go fails"
expect 'a build that fails' fails install
expect 'shows why' says 'undefined: nonsense'
expect 'and where the log is' says 'the whole log is'
fresh
echo go1.24.1 >"$tmp/go version"
expect 'Go is too old, and no other to be had' fails install
expect 'says what is needed and what there is' says 'needs Go 1.25.11 or newer, and there is go1.24.1'

fresh
expect 'downloads can be reached: the launcher' install TWOPIR_DOWNLOADS="$site/there"
expect 'asks for the version of package.json' ran "npx --yes pulumi@"
expect 'chose it' chose "TWOPIR_CLI=$project/.twopir/toolchain/launcher/versions/3.248.0/bin"
expect 'with the official plugin' chose 'TWOPIR_PLUGIN=official'
expect 'and builds nothing' ran_not 'go build'
fresh
touch "$tmp/npx fails"
expect 'the launcher fails' install TWOPIR_DOWNLOADS="$site/there"
expect 'so it builds' ran 'go build'

fresh
cp "$tmp/pulumi" "$tmp/user/pulumi"
touch "$tmp/official"
expect 'the user has Pulumi' install PATH="$tmp/user:$clean_path"
expect 'chose that' chose "TWOPIR_CLI=$tmp/user"
expect 'with its own plugin' chose 'TWOPIR_PLUGIN=official'
expect 'in its own home' fails chose "PULUMI_HOME=$project/.twopir/toolchain/home"
expect 'runs with it' pulumi PATH="$tmp/user:$clean_path" bash "$project/toolchain/pulumi.sh" show env
expect 'lets it get plugins' says_not PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION
fresh
cp "$tmp/pulumi" "$tmp/user/pulumi"
expect 'the user has Pulumi, but not the plugin and no way to it' install PATH="$tmp/user:$clean_path"
expect 'chose Pulumi as it is' chose "TWOPIR_CLI=$tmp/user"
expect 'and our plugin' chose 'TWOPIR_PLUGIN=own'
expect 'which stays out of the home of the user' chose "PULUMI_HOME=$project/.twopir/toolchain/home"

fresh
run() { pulumi "$@" bash "$project/toolchain/pulumi.sh" "${args[@]}"; }
args=(show env)
expect 'the environment of stack dev' run
for line in "PULUMI_BACKEND_URL=file://$project/.twopir/state" PULUMI_CONFIG_PASSPHRASE=twopir-lab PULUMI_STACK=dev \
  PULUMI_CONTINUE_ON_ERROR=true PULUMI_NODEJS_TRANSPILE_ONLY=true PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true; do
  expect "gives $line" says "$line"
done
expect 'makes the stack' ran 'pulumi stack init dev'
expect 'respects what is set' run PULUMI_CONFIG_PASSPHRASE=mine PULUMI_BACKEND_URL=file:///elsewhere PULUMI_CONTINUE_ON_ERROR=false
for line in PULUMI_CONFIG_PASSPHRASE=mine PULUMI_BACKEND_URL=file:///elsewhere PULUMI_CONTINUE_ON_ERROR=false; do
  expect "keeps $line" says "$line"
done
for other in '--stack prod' '--stack=prod' '-s prod' '-sprod' '--stack me/twopir/prod'; do
  # shellcheck disable=SC2206 # words
  args=(show env $other)
  expect "$other" run
  expect "$other: no passphrase of the lab" says_not PULUMI_CONFIG_PASSPHRASE
  expect "$other: no state folder of the lab" says_not PULUMI_BACKEND_URL
done
args=(show env)
expect 'PULUMI_STACK=prod' run PULUMI_STACK=prod
expect 'PULUMI_STACK=prod: no passphrase of the lab' says_not PULUMI_CONFIG_PASSPHRASE
args=(--env)
expect '--env' run
expect '--env has the CLI first on PATH' says "PATH=$project/.twopir/toolchain/bin:"
expect '--env has the stack' says PULUMI_STACK=dev

# lock NAME PID HOST SECONDS_AGO
locks=$project/.twopir/state/.pulumi/locks/organization/twopir/dev
lock() {
  mkdir -p "$locks"
  printf '{"pid":%s,"username":"me","hostname":"%s","timestamp":"%s"}' "$2" "$3" "$(date -d "-$4 seconds" +%Y-%m-%dT%H:%M:%S.123456789%:z)" >"$locks/$1.json"
  echo '{}' >"$locks/$1.json.attrs" # what Pulumi lays beside each file
}
cp /bin/sleep "$tmp/user/pulumi"
"$tmp/user/pulumi" 60 &
living=$!
sh -c : &
dead=$!
wait "$dead"
lock dead "$dead" "$(hostname)" 60
lock living "$living" "$(hostname)" 0
lock other "$$" "$(hostname)" 0
lock reused "$living" "$(hostname)" 3600
lock elsewhere "$dead" another-machine 60
args=(show env)
expect 'runs with locks' run
expect 'says that it released one' says "releasing the state lock that process $dead left behind"
expect 'the lock of a dead process is gone' test ! -e "$locks/dead.json" -a ! -e "$locks/dead.json.attrs"
expect 'so is one whose pid is another program now' test ! -e "$locks/other.json"
expect 'and one whose pid is a later pulumi now' test ! -e "$locks/reused.json"
expect 'the lock of a living pulumi stays' test -e "$locks/living.json"
expect 'and that of another machine' test -e "$locks/elsewhere.json"
kill "$living"

printf 'toolchain scripts: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] || exit 1

cd "$root/toolchain/plugin"
[ ! -d "$root/.twopir/toolchain/go" ] || PATH=$PATH:$root/.twopir/toolchain/go/go/bin
[ -z "$(gofmt -l .)" ] || die "gofmt -w toolchain/plugin: $(gofmt -l . | xargs)"
go vet ./...
go test ./...
