# What `up` gives: Pis as twopir expects them, a name server, and nothing new when it is run again.
# shellcheck source=test/lab/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() { lab down; }

@test "up" { lab up; }
@test "ssh as pi, host keys checked" { ssh_pi1 true; }
@test "each Pi has its rsa, ecdsa and ed25519 key in known_hosts" {
  [ "$(cut -d ' ' -f 1 "$mine/known_hosts" | sort | uniq -c | xargs)" = "3 $pi1 3 $pi2" ]
}

shows_key() { ssh_as -o HostKeyAlgorithms="$1" "pi@$pi1" true; }
for algorithm in rsa-sha2-512 ecdsa-sha2-nistp256 ssh-ed25519; do
  bats_test_function --description "the $algorithm host key is the one that sshd shows" -- shows_key $algorithm
done

@test "pi may do all by sudo, unasked" { ssh_pi1 sudo -n true; }
@test "root may not log in" { refused "Permission denied (publickey)" ssh_as "root@$pi1" true; }
@test "a password is not asked for" {
  refused "Permission denied (publickey)" ssh_as -o PreferredAuthentications=password "pi@$pi1" true
}
@test "its name is pi1" { [ "$(ssh_pi1 hostname)" = pi1 ]; }
@test "systemd is content" { [ "$(lab exec pi1 systemctl is-system-running --wait)" = running ]; }
@test "nothing of what twopir installs is there" {
  run -1 ssh_pi1 'dpkg-query -W nginx glusterfs-server keepalived 2>/dev/null | grep .'
}
@test "the Pis reach each other" { ssh_pi1 ping -c 1 -W 2 "$pi2"; }
@test "apt reaches its mirror" { ssh_pi1 sudo apt-get update -qq --error-on=any; }

@test "a second up" {
  lab status --json >"$BATS_FILE_TMPDIR/status"
  lab up
}
@test "two more at once" {
  lab up &
  lab up && wait $!
}
@test "change nothing" { diff "$BATS_FILE_TMPDIR/status" <(lab status --json); }
@test "another network for a lab that is up is refused" {
  TWOPIR_LAB_SUBNET=192.168.87 refused "was made with TWOPIR_LAB_SUBNET" lab up
}
@test "a lab of the same name in another checkout is refused" {
  TWOPIR_LAB_SUBNET=192.168.87 refused "this lab did not make it" other_lab up
}
@test "and its down leaves this one alone" { other_lab down && states "pi1 on up yes" "pi2 on up yes"; }

update() {
  nsupdate "$@" <<UPDATE
server $ns
update delete twopir.example.com A
update add twopir.example.com 60 A $pi1
update add twopir.example.com 60 A $pi2
send
UPDATE
}
# rotates: both addresses are answered, each of them as the first some time.
rotates() {
  for _ in 1 2 3 4 5 6; do dig "@$ns" twopir.example.com A +short | xargs; done | sort -u >"$BATS_TEST_TMPDIR/answers"
  diff <(printf '%s\n' "$pi1 $pi2" "$pi2 $pi1") "$BATS_TEST_TMPDIR/answers"
}

@test "an update without the key is refused" { refused REFUSED update; }
@test "an update with a wrong key is refused" {
  sed 's/secret ".../secret "AAA/' "$root/lab/tsig.key" >"$BATS_TEST_TMPDIR/key"
  refused BADSIG update -k "$BATS_TEST_TMPDIR/key"
}
@test "an update with the key is taken" { update -k "$root/lab/tsig.key"; }
@test "both addresses, in changing order" { rotates; }
@test "a name server that died keeps its records" {
  kill -KILL "$(lab_pids named)"
  lab up
  rotates
}
