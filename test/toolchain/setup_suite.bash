# shellcheck shell=bats
# How pulumi comes to a machine: install.sh and pulumi.sh with stand-ins, our plugins in Go.
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/shell.sh"

# A stand-in for Pulumi's download site: /there answers, /forbidden refuses as some networks' proxies do.
setup_suite() {
  debian_packages openssh-server openssh-client procps
  node -e 'require("http").createServer((ask, answer) => answer.writeHead(ask.url === "/there" ? 200 : 403).end())
    .listen(0, "127.0.0.1", function () { console.log(this.address().port) })' >"$BATS_SUITE_TMPDIR/port" 3>&- &
  server=$!
  until [ -s "$BATS_SUITE_TMPDIR/port" ]; do sleep 0.1; done
  SITE=http://127.0.0.1:$(cat "$BATS_SUITE_TMPDIR/port")
  export SITE
}

teardown_suite() { kill "$server" || true; }
