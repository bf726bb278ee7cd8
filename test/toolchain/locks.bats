# pulumi.sh releases the state locks whose process is gone, and no others.
# shellcheck source=test/toolchain/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"
locks=$project/.twopir/state/.pulumi/locks/organization/twopir/dev

# lock NAME PID HOST SECONDS_AGO: as Pulumi writes it, with what it lays beside each file.
lock() {
  printf '{"pid":%s,"username":"me","hostname":"%s","timestamp":"%s"}' "$2" "$3" \
    "$(date -d "-$4 seconds" +%Y-%m-%dT%H:%M:%S.123456789%:z)" >"$locks/$1.json"
  echo '{}' >"$locks/$1.json.attrs"
}

setup_file() {
  fresh
  mkdir -p "$locks"
  cp /bin/sleep "$SCENE/user/pulumi"
  "$SCENE/user/pulumi" 60 3>&- &
  living=$!
  sh -c : &
  dead=$!
  wait $dead
  export living dead
  lock dead $dead "$(hostname)" 60
  lock living $living "$(hostname)" 0
  lock other $$ "$(hostname)" 0
  lock reused $living "$(hostname)" 3600
  lock elsewhere $dead another-machine 60
}
teardown_file() { kill "$living" || true; }

@test "runs with locks" { pulumi 'show env'; }
@test "says that it released one" { says "releasing the state lock that process $dead left behind"; }
@test "the lock of a dead process is gone" { [ ! -e "$locks/dead.json" ] && [ ! -e "$locks/dead.json.attrs" ]; }
@test "so is one whose pid is another program now" { [ ! -e "$locks/other.json" ]; }
@test "and one whose pid is a later pulumi now" { [ ! -e "$locks/reused.json" ]; }
@test "the lock of a living pulumi stays" { [ -e "$locks/living.json" ]; }
@test "and that of another machine" { [ -e "$locks/elsewhere.json" ]; }
