# shellcheck shell=bats
# The lab's tests: what it gives, and that nothing of it is left, whatever ended it. Needs root.
# shellcheck source=test/lab/helper.bash
. "$(dirname "${BASH_SOURCE[0]}")/helper.bash"

setup_suite() {
  [ "$(id -u)" = 0 ] || die "the lab's tests need root, as the lab does"
  # The last two are the lab's own, which it installs later than `traces` asks by them.
  debian_packages jq bind9-dnsutils iproute2 nftables
  # Those of another checkout on this machine would use the same network.
  exec 6>/run/lock/twopir-labtest
  flock -n 6 || { echo "# waiting for the lab's tests of another checkout" >&3 && flock 6; }
  clean_up
  mkdir -p "$other/lib"
  cp -r "$root/lab" "$other/lab"
  cp "$root/lib/shell.sh" "$other/lib/"
  traces >"$BATS_SUITE_TMPDIR/before"
  forwarding >"$BATS_SUITE_TMPDIR/forwarding"
}

teardown_suite() {
  # What interrupts the tests must not interrupt this as well.
  trap '' INT TERM HUP
  clean_up
}

clean_up() {
  remove_foreign
  lab down
  [ ! -e "$other/lab/lab.sh" ] || other_lab down
  # Not purge, which takes the image too where this is the only lab.
  rm -rf --one-file-system "$mine" "$other"
}
