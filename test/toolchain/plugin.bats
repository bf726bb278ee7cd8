# Our stand-ins for the plugins, in Go: each of their packages.
# shellcheck source=lib/shell.sh
. "$BATS_TEST_DIRNAME/../../lib/shell.sh"
plugin=$root/toolchain/plugin

setup() {
  cd "$plugin" || return
  # The Go that install.sh fetched, where there is no other.
  PATH=$PATH:$root/.twopir/toolchain/go/go/bin
}

@test "its code is formatted" { gofmt -d . | diff /dev/null -; }
@test "go vet finds nothing" { go vet ./...; }
go_test() { go test "./$1"; }
for folder in $(cd "$plugin" && find . -name '*_test.go' -printf '%P\n' | xargs dirname | sort -u); do
  bats_test_function --description "go test $folder" -- go_test "$folder"
done
