# pulumi.sh: what it gives the CLI for stack dev, and keeps from it for any other; locks that the dead left behind.
# shellcheck source=test/toolchain/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() { fresh; }

@test "the environment of stack dev" { pulumi 'show env'; }
@test "gives the lab's state folder" { says "PULUMI_BACKEND_URL=file://$project/.twopir/state"; }
for line in PULUMI_CONFIG_PASSPHRASE=twopir-lab PULUMI_STACK=dev PULUMI_CONTINUE_ON_ERROR=true \
  PULUMI_RUN_PROGRAM=true PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true; do
  bats_test_function --description "gives $line" -- says $line
done
@test "makes the stack" { ran 'pulumi stack init dev'; }
set_already=(PULUMI_CONFIG_PASSPHRASE=mine PULUMI_BACKEND_URL=file:///elsewhere PULUMI_CONTINUE_ON_ERROR=false)
@test "respects what is set" { pulumi 'show env' "${set_already[@]}"; }
for line in "${set_already[@]}"; do bats_test_function --description "keeps $line" -- says "$line"; done

lacks() { pulumi "show env $2" && run -1 says "$1"; }
for other in '--stack prod' '--stack=prod' '-s prod' '-sprod' '--stack me/twopir/prod'; do
  bats_test_function --description "$other" -- pulumi "show env $other"
  bats_test_function --description "$other: no passphrase of the lab" -- lacks PULUMI_CONFIG_PASSPHRASE "$other"
  bats_test_function --description "$other: no state folder of the lab" -- lacks PULUMI_BACKEND_URL "$other"
done
@test "PULUMI_STACK=prod" { pulumi 'show env' PULUMI_STACK=prod; }
@test "PULUMI_STACK=prod: no passphrase of the lab" { run -1 says PULUMI_CONFIG_PASSPHRASE; }
@test "--env" { pulumi --env; }
@test "--env has the CLI first on PATH" { says "PATH=$project/.twopir/toolchain/bin:"; }
@test "--env has the stack" { says PULUMI_STACK=dev; }
