# What the lab refuses, and that `down` removes nothing that the lab did not make.
# shellcheck source=test/lab/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() { lab down; }
teardown() { remove_foreign; }
foreign_bridge() { ip link add "$prefix" type bridge && ip link set "$prefix" alias foreign; }
foreign_netns() { ip netns add "$prefix-pi1"; }
foreign_table() { nft add table ip "$prefix" '{ comment "foreign"; }'; }

@test "a network in use is refused, with the route and a way out" {
  ip link add tp0foreign type bridge
  ip address add "$TWOPIR_LAB_SUBNET.7/24" dev tp0foreign
  ip link set tp0foreign up
  refused "is in use on this machine (route: " lab up
  [[ $output == *"such as TWOPIR_LAB_SUBNET="* ]]
}
@test "a foreign link with the bridge's name is refused" {
  foreign_bridge && refused "the link $prefix is there already" lab up
}
@test "and survives down" { foreign_bridge && lab down && ip link show "$prefix"; }
@test "a foreign namespace with a Pi's name is refused" {
  foreign_netns && refused "the network namespace $prefix-pi1 is there already" lab up
}
@test "it survives down too" { foreign_netns && lab down && ip -n "$prefix-pi1" link; }
@test "a foreign nft table is refused" {
  foreign_table && refused "the nft table ip $prefix is there already" lab up
}
@test "it survives down as well" { foreign_table && lab down && nft list table ip "$prefix"; }
@test "an impossible name is refused" { TWOPIR_LAB=Test-1 refused "one to eight lower-case letters" lab status; }
@test "an impossible network is refused" { TWOPIR_LAB_SUBNET=192.168.256 refused "first three numbers" lab status; }
@test "a release that it does not know is refused" { TWOPIR_LAB_DEBIAN=sid refused "trixie (Debian 13)" lab status; }
@test "down with nothing up is fine" { lab down; }
@test "nothing is left of all that" { no_traces; }
