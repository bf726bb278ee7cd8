# A lab that is saved and brought back: what comes back, and what is refused.
# shellcheck disable=SC2030,SC2031 # status and output are bats's
# shellcheck source=test/lab/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

saved=$root/.twopir/saved/$TWOPIR_LAB
with=$root/.twopir/labtest-with
# Of a brick, each file has two names; a layer of an overlay would part them.
brick=/data/brick1/gv0

setup_file() {
  lab down
  rm -rf --one-file-system "$saved" "$with"
  lab up 2
}
teardown_file() {
  lab down
  lab forget --all
  rm -rf --one-file-system "$with"
}

number_of_a_records() { lab dig twopir.example.com A +short | grep -c . || true; }
add_record() {
  printf '%s\n' "server $ns" "update add twopir.example.com 60 A $1" send | nsupdate -k "$root/lab/tsig.key"
}
makes_a_brick="mkdir -p $brick/.glusterfs && echo one >$brick/page && ln $brick/page $brick/.glusterfs/id"

@test "what was saved has files, bricks, records, a cut cable, parted Pis and a Pi that is off" {
  lab exec pi1 mkdir -p /root/folder/inner
  lab exec pi1 bash -c "$makes_a_brick && mkdir /root/flagged && chattr +i /root/flagged"
  lab exec pi2 rm /etc/nanorc
  add_record "$pi1"
  lab part pi1 pi2
  lab cut pi2
  lab off pi2
  mkdir -p "$with" && echo one >"$with/state"
  lab save first --key abc --with "$with"
}
@test "save leaves the lab as it was" { states "pi1 on up yes" "pi2 off cut no"; }
@test "saved lists it" { [[ $(lab saved) == first*"key=abc on=1" ]]; }

@test "load brings it back from whatever the lab is then" {
  lab exec pi1 bash -c "echo two >>$brick/page; chattr -i /root/flagged; rm -r /root/flagged"
  add_record "$pi2"
  lab blank pi1
  echo two >"$with/state"
  lab load first --key abc --with "$with"
  states "pi1 on up yes" "pi2 off cut no"
}
@test "a new card has nothing of what was saved" {
  lab blank pi2
  lab exec pi2 test -e /etc/nanorc
  lab load first --key abc --with "$with"
}
@test "the files" { lab exec pi1 grep -qx one "$brick/page"; }
@test "the flags of a folder" { [[ $(lab exec pi1 lsattr -d /root/flagged) == *i*\ /root/flagged ]]; }
@test "the records" { [ "$(number_of_a_records)" = 1 ]; }
@test "the parted Pis" { lab status | grep -qx 'parted: pi1 and pi2'; }
@test "the folder that goes along" { grep -qx one "$with/state"; }
@test "the host keys and the operator's key" { ssh_pi1 true; }
@test "what was deleted stays deleted" {
  lab on pi2
  run ! lab exec pi2 test -e /etc/nanorc
}
@test "both names of a brick's file are one file, also after it was written to" {
  lab exec pi1 bash -c "echo two >>$brick/page && cmp $brick/page $brick/.glusterfs/id"
}
@test "a folder can be renamed, as a program does that does not copy it, and keeps its name when it is saved" {
  lab exec pi1 perl -e 'rename("/root/folder", "/root/renamed") or die $!'
  lab save renamed
  lab load renamed
  lab exec pi1 test -d /root/renamed/inner
  run ! lab exec pi1 test -e /root/folder
  lab forget renamed
}
@test "what is written then does not reach the saved state" {
  lab load first --key abc
  lab exec pi1 grep -qx one "$brick/page"
}
@test "a state that was loaded can be saved again, and both be loaded" {
  lab exec pi1 touch /root/second
  lab save second
  lab load first --key abc
  run ! lab exec pi1 test -e /root/second
  lab load second
  lab exec pi1 test -e /root/second
}
@test "a state takes the place of one of the same name, and the layers that nobody needs go" {
  lab save second
  lab save second
  # Those of first, of second, and of the second that the lab lies over.
  [ "$(find "$saved/layers" -mindepth 1 -maxdepth 1 | wc -l)" -le 6 ]
}

# unfit TEXT ARGUMENT...: load says why it does not fit, with a status of its own, and leaves the lab alone.
unfit() {
  lab exec pi1 touch /run/untouched
  run -3 lab load "${@:2}"
  [[ $output == *"$1"* ]] || { echo "$output" && return 1; }
  lab exec pi1 test -e /run/untouched
}
@test "load refuses what was saved with another key" { unfit "saved with key=abc, not key=abd" first --key abd; }
@test "what does not exist" { unfit "there is none" third; }
@test "what was saved by a lab of another format" {
  cp -a "$saved/second" "$saved/old"
  sed -i 's/^format=.*/format=0/' "$saved/old/manifest"
  unfit "saved with format=0" old
}
@test "what lies over another image" {
  cp -a "$saved/second" "$saved/image"
  sed -i 's/:[^:]*$/:\/gone/' "$saved"/image/pi*/base
  unfit "lies over another Debian image" image
}
@test "what was saved in another network" {
  cp -a "$saved/second" "$saved/network"
  sed -i 's/^subnet=.*/subnet=192.168.1/' "$saved/network/manifest"
  unfit "saved with subnet=192.168.1" network
}
@test "a folder outside of .twopir is refused" { refused "--with takes a folder in" lab load second --with /etc; }
@test "a name that is none is refused" { refused "is no name for a saved state" lab save ../second; }

@test "a full disk is said before a Pi is stopped, and nothing is saved" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho Avail; echo 5\n' >"$BATS_TEST_TMPDIR/bin/df"
  chmod +x "$BATS_TEST_TMPDIR/bin/df"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH refused "only 5 MB are free" lab save third
  [ ! -e "$saved/third" ]
  states "pi1 on up yes" "pi2 off cut no"
}
# killed_at_mv COMMAND...: the lab's command, killed outright when it has moved the first of what takes the old one's
# place. A save or a load that nobody disturbs may be done in less time than it takes to see that it runs.
killed_at_mv() {
  local bin=$BATS_TEST_TMPDIR/bin
  mkdir "$bin"
  # shellcheck disable=SC2016 # mv expands it
  printf '%s\n' '#!/bin/bash' '[ "$1" = -T ] || /bin/mv "$1" "${@: -1}"' 'kill -KILL 0' >"$bin/mv"
  chmod +x "$bin/mv"
  PATH=$bin:$PATH setsid --wait bash "$root/lab/lab.sh" "$@" 3>&- 4>&- 6>&-
}
@test "a save that is killed half-way leaves no state, and up brings the Pis back" {
  run -137 killed_at_mv save third
  [ -d "$saved/third.new/pi1/upper" ]
  lab up
  unfit "there is none" third
}
@test "a load that is killed half-way leaves Pis that are whole or blank, and can be done again" {
  run -137 killed_at_mv load second
  [ -d "$mine/loading" ]
  lab load second
  lab exec pi1 test -e /root/second
}
@test "forget removes one, and its layers" {
  lab forget first
  unfit "there is none" first
  lab load second
}
@test "down lets saved states be, and load makes the lab of one" {
  lab down
  lab load second
  lab exec pi1 test -e /root/second
}
