# Whatever ends the lab, and whenever: `up` goes on from there, and `down` leaves nothing.
# shellcheck source=test/lab/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() { lab down; }

# In the order in which `up` makes them.
moments=("$mine/settings" "/sys/class/net/$prefix" "/run/netns/$prefix-ns" "/run/netns/$prefix-pi1" "$mine/pi2/ready")
killed_at() {
  killed_up test -e "${moments[$1]}"
  lab down
  no_traces
}
for i in "${!moments[@]}"; do
  bats_test_function --description "down leaves nothing of an up killed at ${moments[i]#"$root"/}" -- killed_at "$i"
done

@test "up goes on after an up that was killed" { killed_up test -e "$mine/pi1/ready" && lab up; }
@test "and both Pis answer" { states "pi1 on up yes" "pi2 on up yes"; }
@test "down leaves nothing after its processes were killed" {
  # shellcheck disable=SC2046 # numbers
  kill -KILL $(lab_pids systemd-nspawn named bash)
  lab down
  no_traces
}
@test "down leaves nothing after the lab's folder was deleted" {
  lab up
  rm -rf --one-file-system "$mine"
  lab down
  no_traces
}

in_cache() { compgen -G "$other/.twopir/cache/$1" >/dev/null; }
@test "an image was being built when up was killed" {
  checkout=$other killed_up in_cache '*.new/var/lib/apt/lists/*Release'
}
@test "down ends the build" { other_lab down && no_traces; }
@test "and removes the half of an image" { run -1 in_cache '*.new'; }
@test "purge" { other_lab purge; }
@test "takes the cache and the key" { run -1 compgen -G "$other/.twopir/*/*"; }
