# pulumi.sh clears what Pulumi has noted of an up that was interrupted, before the next one, and at no other time.
# shellcheck source=test/toolchain/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() {
  fresh
  echo '{ "deployment": { "pending_operations": [ { "type": "creating" } ] } }' >"$SCENE/state"
}

clears() { ran "pulumi refresh --clear-pending-creates --yes --skip-preview --non-interactive --stack $1 "; }

@test "preview" { pulumi preview; }
@test "clears nothing" { run -1 clears dev; }
@test "up" { pulumi 'up --yes'; }
@test "clears it" { clears dev; }
@test "says so" { says "of an up that was interrupted"; }
@test "asks nobody else" { ran "--target urn:pulumi:dev::twopir::pulumi:pulumi:Stack::twopir-dev"; }
@test "goes on" { ran 'pulumi up --yes'; }
@test "up of another stack" { pulumi 'up --stack me/twopir/prod'; }
@test "clears it there" { clears me/twopir/prod; }
@test "up after one that was not interrupted" {
  rm "$SCENE/ran"
  echo '{ "deployment": { "resources": [ { "type": "command:remote:Command" } ] } }' >"$SCENE/state"
  pulumi up
}
@test "has nothing to clear" { run -1 clears dev; }
