# install.sh: which Pulumi it takes where, and that it does nothing twice.
# shellcheck source=test/toolchain/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

# says_version NAME VERSION: does that plugin say so in its code? The engine asks for it by that number.
says_version() {
  local folder=$root/toolchain/plugin
  [ "$1" = command ] || folder=$folder/$1
  grep -qxF "const version = \"$2\"" "$folder/main.go"
}

@test "nothing can be had: it builds" { fresh && install; }
@test "builds the CLI" { ran 'pulumi/pkg/v3/cmd/pulumi'; }
@test "builds the language host" { ran 'pulumi-language-nodejs'; }
for name in command cloudflare; do
  version=$(node -p "require('$root/package.json').dependencies['@pulumi/$name']")
  bats_test_function --description "installs its own plugin $name, by the version of package.json" -- \
    ran "pulumi plugin install resource $name $version --file"
  bats_test_function --description "which says that it is of that version: $name" -- says_version "$name" "$version"
done
@test "says that they are its own" { says 'command and cloudflare are our own stand-ins, not the official ones'; }
@test "chose its own" { chose 'TWOPIR_PLUGIN=own'; }
@test "in a home of its own" { chose "PULUMI_HOME=$project/.twopir/toolchain/home"; }
@test "a second time" { rm "$SCENE/ran" && install; }
@test "does nothing then" { nothing_ran && [ ! -s "$SCENE/said" ]; }
@test "after a change of install.sh" { echo '# changed' >>"$project/toolchain/install.sh" && install; }
@test "the same plugins stay in place, untouched" { nothing_ran; }
@test "two days later, downloads can be reached" {
  touch -d '2 days ago' "$project/.twopir/toolchain/choice"
  install TWOPIR_DOWNLOADS="$SITE/there"
}
@test "it goes over to the official plugin" { chose 'TWOPIR_PLUGIN=official'; }

@test "after a change of the plugin" {
  fresh
  install
  rm "$SCENE/ran"
  echo '// changed' >>"$project/toolchain/plugin/main.go"
  install
}
@test "the plugins are built again" { ran 'pulumi-resource-command.new' && ran 'pulumi-resource-cloudflare.new'; }
@test "and only those" { run -1 ran 'cmd/pulumi'; }
@test "after a change of a test" {
  rm "$SCENE/ran"
  echo '// changed' >>"$project/toolchain/plugin/command_test.go"
  install
}
@test "nothing is built" { nothing_ran; }
@test "after the CLI was removed" { rm "$project/.twopir/toolchain/bin/pulumi" && install; }
@test "it is built again" { ran 'cmd/pulumi'; }
without_plugin() {
  rm -r "$SCENE/ran" "$project/.twopir/toolchain/home/plugins/resource-$1"-*
  install
  ran "pulumi plugin install resource $1"
}
for name in command cloudflare; do
  bats_test_function --description "puts the plugin $name in place where it was removed" -- without_plugin "$name"
done

@test "an interrupted build leaves nothing half in place" {
  fresh
  touch "$SCENE/go hangs"
  "${user[@]}" bash "$project/toolchain/install.sh" >"$SCENE/said" 2>&1 3>&- &
  until [ -e "$SCENE/go is hanging" ]; do
    kill -0 $!
    sleep 0.1
  done
  kill $!
  wait $! || true
  [ ! -e "$project/.twopir/toolchain/bin/pulumi-language-nodejs" ]
}
@test "and the next run finishes it" { rm "$SCENE/go hangs" && install; }
@test "with whole programs" { cmp "$stand_ins/pulumi" "$project/.twopir/toolchain/bin/pulumi"; }

@test "a build that fails" { fresh && touch "$SCENE/go fails" && run -1 install; }
@test "shows why" { says 'undefined: nonsense'; }
@test "and where the log is" { says 'the whole log is'; }
@test "Go is too old, and no other to be had" { fresh && echo go1.24.1 >"$SCENE/go version" && run -1 install; }
@test "says what is needed and what there is" { says 'needs Go 1.25.11 or newer, and there is go1.24.1'; }

@test "downloads can be reached: the launcher" { fresh && install TWOPIR_DOWNLOADS="$SITE/there"; }
@test "asks for the version of package.json" { ran 'npx --yes pulumi@'; }
@test "chose it" { chose "TWOPIR_CLI=$project/.twopir/toolchain/launcher/versions/3.248.0/bin"; }
@test "with the official plugin" { chose 'TWOPIR_PLUGIN=official'; }
@test "and builds nothing" { run -1 ran 'go build'; }
@test "the launcher fails" { fresh && touch "$SCENE/npx fails" && install TWOPIR_DOWNLOADS="$SITE/there"; }
@test "so it builds" { ran 'go build'; }

@test "the user has Pulumi" {
  fresh
  cp "$stand_ins/pulumi" "$SCENE/user/pulumi"
  touch "$SCENE/official"
  install PATH="$SCENE/user:$clean_path"
}
@test "chose that" { chose "TWOPIR_CLI=$SCENE/user"; }
@test "with its own plugin" { chose 'TWOPIR_PLUGIN=official'; }
@test "in its own home" { run -1 grep PULUMI_HOME "$project/.twopir/toolchain/choice"; }
@test "runs with it" { pulumi 'show env' PATH="$SCENE/user:$clean_path"; }
@test "lets it get plugins" { run -1 says PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION; }
@test "the user has Pulumi, but not the plugin and no way to it" {
  fresh
  cp "$stand_ins/pulumi" "$SCENE/user/pulumi"
  install PATH="$SCENE/user:$clean_path"
}
@test "chose Pulumi as it is" { chose "TWOPIR_CLI=$SCENE/user"; }
@test "and our plugin" { chose 'TWOPIR_PLUGIN=own'; }
@test "which stays out of the home of the user" { chose "PULUMI_HOME=$project/.twopir/toolchain/home"; }
