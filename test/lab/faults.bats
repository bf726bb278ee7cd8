# Cables, plugs, cards: what the lab does to its Pis, and what a Pi keeps of it.
# shellcheck source=test/lab/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() { lab up; }

boot_id() { lab exec pi1 cat /proc/sys/kernel/random/boot_id; }
# rebooted ID: pi1 has booted since it had this id, and can be logged in to.
rebooted() {
  local id
  id=$(boot_id 2>/dev/null) && [ "$id" != "$1" ] && ssh_pi1 true 2>/dev/null
}

@test "a cut link" { lab cut pi1 && states "pi1 on cut no" "pi2 on up yes"; }
@test "a Pi behind a cut link can be looked at" { lab exec pi1 true; }
@test "off" {
  lab exec pi1 ip address add 10.9.9.9/32 dev eth0
  lab exec pi1 nft add table ip twopir_test
  lab exec pi1 touch /root/kept
  lab off pi1
}
@test "off is seen" { states "pi1 off cut no" "pi2 on up yes"; }
@test "a Pi that is off cannot be looked at, and that is said" { refused "pi1 is off" lab exec pi1 true; }
@test "on" { lab on pi1; }
@test "the link is still cut" { states "pi1 on cut no" "pi2 on up yes"; }
@test "a restored link" { lab restore pi1 && within 5 states "pi1 on up yes" "pi2 on up yes"; }
@test "the card was kept" { lab exec pi1 test -e /root/kept; }
@test "no address outlived the power cut" {
  run -0 lab exec pi1 ip address
  [[ $output != *10.9.9.9* ]]
}
@test "no nft table outlived it" { [ -z "$(lab exec pi1 nft list tables)" ]; }

@test "a Pi that reboots itself comes back" {
  local id
  id=$(boot_id)
  ssh_pi1 sudo systemctl reboot || true
  within 30 rebooted "$id"
}
@test "a command in a Pi ends also when it was stopped before, as everything is while a Pi shuts down" {
  lab exec pi1 sleep 300 &
  within 10 lab exec pi1 pkill -STOP -x sleep
  sleep 1 # for whoever waits for it and might stop, too
  lab exec pi1 pkill -KILL -x sleep
  within 5 eval "! kill -0 $! 2>/dev/null"
}
@test "reboot" {
  boot_id >"$BATS_FILE_TMPDIR/id"
  lab reboot pi1
}
@test "it was one" { rebooted "$(cat "$BATS_FILE_TMPDIR/id")"; }
@test "halt" { lab halt pi1; }
@test "halt is seen" { within 5 states "pi1 off up no" "pi2 on up yes"; }
@test "and its link goes with it" { within 5 test ! -e "/sys/class/net/$prefix-1"; }
@test "on again" { lab on pi1; }

@test "parted Pis do not reach each other" { lab part pi1 pi2 && run -1 ssh_pi1 ping -c 1 -W 1 "$pi2"; }
@test "this machine reaches both" { ssh_pi1 true && lab ssh pi2 true; }
@test "joined ones do" {
  lab join pi2 pi1
  # pi1 may have noted that pi2 does not answer, for up to 3 s.
  within 5 ssh_pi1 ping -c 1 -W 1 "$pi2"
}

@test "sudo asks for a password, as odd as that may be" {
  local password="it's \"a\" \$(b) \\ ünï"
  printf %s "$password" | lab password pi1
  run -1 ssh_pi1 sudo -n true
  printf '%s\n' "$password" | ssh_pi1 sudo -S true
}
@test "blank" { lab blank pi1; }
@test "another host key is noticed" { refused "REMOTE HOST IDENTIFICATION HAS CHANGED" ssh_as "pi@$pi1" true; }
@test "keys takes it" { lab keys && ssh_pi1 true; }
@test "the card is empty" { run -1 lab exec pi1 test -e /root/kept; }
@test "blank --trust takes it at once" { lab blank pi1 --trust && ssh_pi1 true; }
@test "and sudo asks no more" { ssh_pi1 sudo -n true; }
@test "up 3 adds a Pi" { lab exec pi1 touch /root/kept && lab up 3; }
@test "and lets the others be" { lab exec pi1 test -e /root/kept; }
@test "the new Pi answers" { lab ssh pi3 true; }
@test "down" { lab down; }
@test "nothing is left" { no_traces; }
@test "but the key" { [ -s "$mine/id_ed25519" ]; }
