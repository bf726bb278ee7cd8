package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"golang.org/x/crypto/ssh/agent"
)

func TestLifeOfACommand(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	file := filepath.Join(t.TempDir(), "file")
	script := func(word string) string { return fmt.Sprintf("echo \"$1 %s\" | tee %s\necho noted >&2\n", word, file) }
	inputs := in{"connection": host.connection(t), "create": "sh -s apply", "delete": "sh -s remove", "stdin": script("one"),
		"addPreviousOutputInEnv": false}

	state := e.mustCreate(t, inputs)
	equal(t, text(t, state, "stdout"), "apply one")
	equal(t, text(t, state, "stderr"), "noted")
	equal(t, read(t, file), "apply one\n")

	t.Log("an update without `update` runs `create`, with the new stdin")
	inputs = inputs.with(in{"stdin": script("two")})
	state, err := e.update(t, state, inputs)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, text(t, state, "stdout"), "apply two")

	t.Log("one with `update` runs that")
	inputs = inputs.with(in{"update": "sh -s repair"})
	if state, err = e.update(t, state, inputs); err != nil {
		t.Fatal(err)
	}
	equal(t, text(t, state, "stdout"), "repair two")

	t.Log("a delete gets the stdin that is in the state")
	if err := e.delete(state); err != nil {
		t.Fatal(err)
	}
	equal(t, read(t, file), "remove two\n")
}

func TestNothingToRun(t *testing.T) {
	e := newEngine(t, remoteCommand)
	state := e.mustCreate(t, in{"connection": in{"host": "192.0.2.1"}})
	equal(t, text(t, state, "stdout"), "")
	if err := e.delete(state); err != nil {
		t.Fatal(err)
	}
}

func TestDefaultsAndSecrets(t *testing.T) {
	e := newEngine(t, remoteCommand)
	keys := in{"privateKey": "k", "privateKeyPassword": "p", "password": "w"}
	inputs := e.check(t, in{"connection": keys.with(in{"host": "pi1", "proxy": keys.with(in{"host": "jump"})}), "create": "date"})
	if !inputs.Get("connection").Secret() {
		t.Error("the checked connection is not secret")
	}
	for _, endpoint := range []property.Map{inputs.Get("connection").AsMap(), inputs.Get("connection").AsMap().Get("proxy").AsMap()} {
		equal(t, endpoint.Get("port").AsNumber(), 22)
		equal(t, endpoint.Get("user").AsString(), "root")
		equal(t, endpoint.Get("dialErrorLimit").AsNumber(), 10)
		equal(t, endpoint.Get("perDialTimeout").AsNumber(), 15)
		for name := range keys {
			if !endpoint.Get(name).Secret() {
				t.Errorf("%s is not secret by itself", name)
			}
		}
	}
	preview, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: inputs, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if connection := preview.Properties.Get("connection"); !connection.Secret() {
		t.Error("the connection in the state is not secret")
	}
	if stdout := preview.Properties.Get("stdout"); !stdout.IsComputed() || stdout.Secret() {
		t.Errorf("stdout in a preview is %#v", stdout)
	}
}

// Everything that is an input shows up in a diff against a state that has it not.
func TestNoOtherDefaults(t *testing.T) {
	for token, values := range map[string]in{remoteCommand: {"connection": in{"host": "pi1"}, "create": "date"}, localCommand: {"create": "date"}} {
		equal(t, newEngine(t, token).check(t, values).Len(), len(values))
	}
}

func TestDiff(t *testing.T) {
	e := newEngine(t, remoteCommand)
	old := e.check(t, in{"connection": in{"host": "pi1"}, "create": "a", "stdin": "x", "triggers": []any{"1"}})
	diff := func(changes in, ignore ...string) p.DiffResponse {
		values := in{"connection": in{"host": "pi1"}, "create": "a", "stdin": "x", "triggers": []any{"1"}}
		response, err := e.Diff(p.DiffRequest{ID: "id", Urn: e.urn, State: old, OldInputs: old,
			Inputs: e.check(t, values.with(changes)), IgnoreChanges: ignore})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	equal(t, diff(nil).HasChanges, false)
	equal(t, diff(in{"stdin": "y"}).DetailedDiff["stdin"].Kind, p.Update)
	equal(t, diff(in{"connection": in{"host": "pi2"}}).DetailedDiff["connection"].Kind, p.Update)
	equal(t, diff(in{"stdin": "y"}, "stdin").HasChanges, false)
	// Whether a changed element means a replacement is told by the whole: the SDK asks for that of triggers[*].
	equal(t, diff(in{"triggers": []any{"2"}}).HasChanges, true)
	equal(t, diff(in{"triggers": nil}).DetailedDiff["triggers"].Kind, p.DeleteReplace)
}

func TestFailureTellsWhatRanWhere(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	_, err := e.create(t, in{"connection": host.connection(t), "create": "echo out; echo '\x1b[31mwhy' >&2; exit 3"})
	fails(t, err, "exited with status 3", host.address(), "running \"echo out", "out\n", "\x1b[31mwhy\n")
	_, err = e.create(t, in{"connection": host.connection(t), "create": "kill -TERM $$"})
	fails(t, err, "TERM", host.address())
}

func TestHostKey(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	const rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC7bq5mZ1lDqG8R3Cc0sYIR4Nr7r0rKpVQjMMYe6t2mYVn3l9v4G0kqfCO5ZcYq0mJgqf1XkKk4QGmQbq3WvJ1B"
	connection := host.connection(t)
	for name, c := range map[string]struct {
		hostKey any
		parts   []string
	}{
		"another key":                     {newKey(t).line(), []string{"shows another key than hostKey", host.address(), "SHA256:"}},
		"a type that the host has not":    {rsa, []string{"no common algorithm for host key", host.address()}},
		"no key at all":                   {"nonsense", []string{"hostKey must be one public key", host.address()}},
		"the right key, with its comment": {host.host.line() + " root@pi1", nil},
		"left out":                        {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			// Without a limit: what cannot be cured must end all the same.
			changed := connection.with(in{"hostKey": c.hostKey, "dialErrorLimit": float64(-1)})
			within(t, 10*time.Second, func() {
				_, err := e.create(t, in{"connection": changed, "create": "true"})
				if c.parts == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				fails(t, err, c.parts...)
			})
		})
	}
}

func TestRSAHostKey(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", filepath.Join(folder, "rsa")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	host, e := startSSHD(t, "HostKey "+filepath.Join(folder, "rsa")), newEngine(t, remoteCommand)
	_, err := e.create(t, in{"connection": host.connection(t).with(in{"hostKey": read(t, filepath.Join(folder, "rsa.pub"))}), "create": "true"})
	fails(t, err, "no common algorithm for host key", host.address())
	t.Log("its other key, which is not the one that it would show by itself")
	e.mustCreate(t, in{"connection": host.connection(t), "create": "true"})
}

func TestWrongKeyEndsAtOnce(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	connection := host.connection(t).with(in{"privateKey": newKey(t).pem(t, ""), "dialErrorLimit": float64(-1)})
	within(t, 10*time.Second, func() {
		_, err := e.create(t, in{"connection": connection, "create": "true"})
		fails(t, err, "unable to authenticate", host.address(), host.user)
	})
}

func TestDialLimit(t *testing.T) {
	e := newEngine(t, remoteCommand)
	dead := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	_, port, _ := net.SplitHostPort(dead)
	var number float64
	fmt.Sscan(port, &number)
	_, err := e.create(t, in{"connection": in{"host": "127.0.0.1", "port": number, "password": "x", "dialErrorLimit": float64(2)}, "create": "true"})
	fails(t, err, dead, "after 3 dials", "connection refused")
	tries := 0
	for _, line := range e.log.all() {
		if strings.Contains(line, "trying again") {
			tries++
		}
	}
	equal(t, tries, 2)
}

// silentPort takes connections and never says a word: a host that hangs.
func silentPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

func TestPerDialTimeout(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	silent := in{"host": "127.0.0.1", "port": float64(silentPort(t)), "user": "pi", "password": "x", "dialErrorLimit": float64(1), "perDialTimeout": float64(1)}
	for name, connection := range map[string]in{"directly": silent, "through a jump host": silent.with(in{"proxy": host.connection(t)})} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			within(t, 10*time.Second, func() {
				_, err := e.create(t, in{"connection": connection, "create": "true"})
				fails(t, err, "no answer within 1 s", "after 2 dials")
			})
			if took := time.Since(start); took < 2*time.Second {
				t.Errorf("two dials of 1 s took %v", took)
			}
		})
	}
}

func TestPassphrase(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	protected := host.connection(t).with(in{"privateKey": host.login.pem(t, "open sesame")})
	e.mustCreate(t, in{"connection": protected.with(in{"privateKeyPassword": "open sesame"}), "create": "true"})
	_, err := e.create(t, in{"connection": protected.with(in{"privateKeyPassword": "wrong"}), "create": "true"})
	fails(t, err, "privateKeyPassword", host.address())
	_, err = e.create(t, in{"connection": protected, "create": "true"})
	fails(t, err, "set privateKeyPassword", host.address())
	_, err = e.create(t, in{"connection": host.connection(t).with(in{"privateKey": "rubbish"}), "create": "true"})
	fails(t, err, "privateKey: ", host.address())
}

func TestAgent(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	socket := filepath.Join(t.TempDir(), "agent")
	daemon := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	// The socket is there a moment before the agent listens on it.
	var conn net.Conn
	eventually(t, "the agent listens", func() bool {
		var err error
		conn, err = net.Dial("unix", socket)
		return err == nil
	})
	defer conn.Close()
	if err := agent.NewClient(conn).Add(agent.AddedKey{PrivateKey: host.login.private}); err != nil {
		t.Fatal(err)
	}
	keyless := host.connection(t).with(in{"privateKey": nil})
	e.mustCreate(t, in{"connection": keyless.with(in{"agentSocketPath": socket}), "create": "true"})
	t.Log("beside a private key it is not asked")
	_, err := e.create(t, in{"connection": keyless.with(in{"agentSocketPath": socket, "privateKey": newKey(t).pem(t, "")}), "create": "true"})
	fails(t, err, "unable to authenticate", host.address())
	t.Log("the environment's agent")
	t.Setenv("SSH_AUTH_SOCK", socket)
	e.mustCreate(t, in{"connection": keyless, "create": "true"})
	t.Log("an agent that is gone, even beside a private key")
	t.Setenv("SSH_AUTH_SOCK", socket+"-gone")
	_, err = e.create(t, in{"connection": host.connection(t), "create": "true"})
	fails(t, err, "the ssh agent", host.address())
	_, err = e.create(t, in{"connection": host.connection(t).with(in{"agentSocketPath": socket + "-gone"}), "create": "true"})
	fails(t, err, "the ssh agent", host.address())
}

func TestJumpHost(t *testing.T) {
	jump, host, e := startSSHD(t), startSSHD(t), newEngine(t, remoteCommand)
	state := e.mustCreate(t, in{"connection": host.connection(t).with(in{"proxy": jump.connection(t)}), "create": "echo $SSH_CONNECTION"})
	contains(t, text(t, state, "stdout"), fmt.Sprint(host.port))
	contains(t, jump.said(), "Accepted publickey")

	_, err := e.create(t, in{"connection": host.connection(t).with(in{"proxy": jump.connection(t).with(in{"hostKey": newKey(t).line()})}), "create": "true"})
	fails(t, err, "jump host "+jump.address(), "another key than hostKey")
	_, err = e.create(t, in{"connection": host.connection(t).with(in{"proxy": jump.connection(t), "hostKey": newKey(t).line()}), "create": "true"})
	fails(t, err, "through the jump host "+jump.address(), host.address(), "another key than hostKey")
	_, err = e.create(t, in{"connection": host.connection(t).with(in{"proxy": jump.connection(t), "port": float64(freePort(t))}), "create": "true"})
	fails(t, err, "through the jump host "+jump.address(), "after 1 dials")
}

func TestPassword(t *testing.T) {
	e := newEngine(t, remoteCommand)
	port := passwordServer(t, "secret")
	connection := in{"host": "127.0.0.1", "port": float64(port), "user": "pi", "password": "secret", "dialErrorLimit": float64(-1)}
	_, err := e.create(t, in{"connection": connection, "create": "true"})
	fails(t, err, "this server runs nothing")
	within(t, 10*time.Second, func() {
		_, err = e.create(t, in{"connection": connection.with(in{"password": "wrong"}), "create": "true"})
		fails(t, err, "unable to authenticate")
	})
	if strings.Contains(err.Error(), "wrong") {
		t.Error("the password is in the message")
	}
}

func TestLogStreamsLineByLine(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	go_on := filepath.Join(t.TempDir(), "go on")
	done := make(chan property.Map)
	inputs := e.check(t, in{"connection": host.connection(t),
		"create": fmt.Sprintf("printf 'one\\n\\033[31mr\\033]0;title\\007ed\\r\\n'; until [ -e '%s' ]; do sleep 0.05; done; printf last", go_on)})
	go func() {
		state, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: inputs})
		if err != nil {
			t.Error(err)
		}
		done <- state.Properties
	}()
	eventually(t, "the first lines are logged while the command runs, as they are", func() bool {
		return e.log.has("one") && e.log.has("\x1b[31mr\x1b]0;title\x07ed")
	})
	write(t, go_on, "")
	state := <-done
	if !e.log.has("last") {
		t.Errorf("%q was logged, without the last line", e.log.all())
	}
	equal(t, text(t, state, "stdout"), "one\n\x1b[31mr\x1b]0;title\x07ed\r\nlast")
}

func TestLoggingModes(t *testing.T) {
	host := startSSHD(t)
	for mode, want := range map[string][]string{"stdout": {"out"}, "stderr": {"err"}, "stdoutAndStderr": {"err", "out"}, "none": nil, "else": nil} {
		e := newEngine(t, remoteCommand)
		state := e.mustCreate(t, in{"connection": host.connection(t), "create": "echo out; echo err >&2", "logging": mode})
		equal(t, text(t, state, "stdout")+text(t, state, "stderr"), "outerr")
		got := e.log.all()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: logged %q", mode, got)
		}
	}
}

func TestLongLine(t *testing.T) {
	host := startSSHD(t)
	// After it more than the 2 MiB that ssh takes before it waits for the reader.
	print := func(bytes int) in {
		return in{"create": fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; echo; yes | head -n 1000000 >&2; echo end", bytes), "logging": "stdout"}
	}
	for token, inputs := range map[string]in{remoteCommand: {"connection": host.connection(t)}, localCommand: nil} {
		e := newEngine(t, token)
		within(t, time.Minute, func() {
			_, err := e.create(t, inputs.with(print(64<<10)))
			fails(t, err, "the official plugin hangs here: a line of more than 64 KiB")
			equal(t, len(text(t, e.mustCreate(t, inputs.with(print(64<<10-1))), "stdout")), 64<<10-1+len("\nend"))
			if !e.log.has("end") {
				t.Error("the line after the longest one was not logged")
			}
			t.Log("what is not logged may have lines of any length")
			e.mustCreate(t, inputs.with(print(1<<20)).with(in{"logging": "none"}))
		})
	}
}

func TestOutputThatIsNotText(t *testing.T) {
	e := newEngine(t, localCommand)
	state, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: e.check(t, in{"create": "printf 'a\\377b'"})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sent(state.Properties)
	fails(t, err, "invalid UTF-8")
}

func TestInputThatIsNotRead(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	within(t, time.Minute, func() {
		// More than the 2 MiB that ssh sends before it waits for the reader.
		_, err := e.create(t, in{"connection": host.connection(t), "create": "exit 0", "stdin": strings.Repeat("x", 8<<20)})
		fails(t, err, "EOF", host.address())
	})
}

func TestCancelEndsACommand(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	inputs := e.check(t, in{"connection": host.connection(t), "create": "echo started; while sleep 0.1; do echo; done"})
	failed := e.createAndCancel(t, inputs)
	within(t, 3*time.Second, func() { fails(t, <-failed, "canceled", host.address()) })
	eventually(t, "the connection is closed", func() bool {
		return strings.Contains(host.said(), "Disconnected from user") || strings.Contains(host.said(), "Connection closed by")
	})
}

func TestCancelEndsADial(t *testing.T) {
	for name, port := range map[string]int{"a dead port, tried for ever": freePort(t), "a host that hangs": silentPort(t)} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, remoteCommand)
			inputs := e.check(t, in{"connection": in{"host": "127.0.0.1", "port": float64(port), "password": "x",
				"perDialTimeout": float64(0), "dialErrorLimit": float64(-1)}, "create": "true"})
			failed := make(chan error, 1)
			go func() {
				_, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: inputs})
				failed <- err
			}()
			time.Sleep(500 * time.Millisecond)
			select {
			case err := <-failed:
				t.Fatalf("it ended by itself: %v", err)
			default:
			}
			if err := e.Cancel(); err != nil {
				t.Fatal(err)
			}
			within(t, 3*time.Second, func() { fails(t, <-failed, "canceled") })
		})
	}
}

func TestTimeoutOfTheResource(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	within(t, 10*time.Second, func() {
		_, err := e.Create(p.CreateRequest{Urn: e.urn, Timeout: 1, Properties: e.check(t, in{"connection": host.connection(t), "create": "sleep 30"})})
		fails(t, err, "deadline exceeded", host.address(), "sleep 30")
	})
}

func TestHostThatDiesMeanwhile(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, remoteCommand)
	_, err := e.create(t, in{"connection": host.connection(t), "create": "kill -KILL $PPID"})
	fails(t, err, "the connection was lost", host.address())
}

func TestEnvironment(t *testing.T) {
	strict, e := startSSHD(t), newEngine(t, remoteCommand)
	_, err := e.create(t, in{"connection": strict.connection(t), "create": "true", "environment": in{"GREETING": "hello"}})
	fails(t, err, "could not set environment variable \"GREETING\"", "AcceptEnv", strict.address())

	host := startSSHD(t, "AcceptEnv GREETING PULUMI_COMMAND_*")
	command := "echo $GREETING $PULUMI_COMMAND_STDOUT"
	inputs := in{"connection": host.connection(t), "create": command, "environment": in{"GREETING": "hello"}}
	state := e.mustCreate(t, inputs)
	equal(t, text(t, state, "stdout"), "hello")
	updated, err := e.update(t, state, inputs.with(in{"stdin": "x"}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, text(t, updated, "stdout"), "hello hello")
	updated, err = e.update(t, state, inputs.with(in{"addPreviousOutputInEnv": false}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, text(t, updated, "stdout"), "hello")

	t.Log("a host that refuses the previous outputs: a warning")
	if _, err := e.update(t, state, in{"connection": strict.connection(t), "create": "true"}); err != nil {
		t.Fatal(err)
	}
	contains(t, strings.Join(e.log.all(), "\n"), "could not set PULUMI_COMMAND_STDOUT")
}

func TestPreviewTouchesNoHost(t *testing.T) {
	e := newEngine(t, remoteCommand)
	inputs := e.check(t, in{"connection": in{"host": "127.0.0.1", "port": float64(silentPort(t)), "password": "x"}, "create": "false"})
	within(t, 3*time.Second, func() {
		if _, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: inputs, DryRun: true}); err != nil {
			t.Error(err)
		}
		state := inputs.Set("stdout", property.New("")).Set("stderr", property.New(""))
		if _, err := e.Update(p.UpdateRequest{ID: "id", Urn: e.urn, State: state, Inputs: inputs, DryRun: true}); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	other := newEngine(t, "command:remote:CopyFile")
	_, err := other.Check(p.CheckRequest{Urn: other.urn})
	fails(t, err, "command:remote:CopyFile", "install the official one")
	_, err = other.Invoke(p.InvokeRequest{Token: "command:local:run"})
	fails(t, err, "command:local:run", "install the official one")

	contains(t, newEngine(t, remoteCommand).refusal(in{"connection": in{"host": "x", "sotck": "y"}}), "sotck")
	contains(t, newEngine(t, remoteCommand).refusal(in{"connection": in{"host": "x"}, "creat": "y"}), "creat")
	contains(t, newEngine(t, remoteCommand).refusal(in{"create": "y"}), "connection")
	contains(t, newEngine(t, localCommand).refusal(in{"create": "x", "assetPaths": []any{"*"}}), "assetPaths")
}

func TestLocalCommand(t *testing.T) {
	e, folder := newEngine(t, localCommand), t.TempDir()
	inputs := in{"create": "pwd; cat; echo $WORD >&2", "update": "echo was $PULUMI_COMMAND_STDERR", "delete": "touch gone",
		"dir": folder, "stdin": "input\n", "environment": in{"WORD": "hello"}}
	state := e.mustCreate(t, inputs)
	equal(t, text(t, state, "stdout"), folder+"\ninput")
	equal(t, text(t, state, "stderr"), "hello")
	if !e.log.has("input") {
		t.Error("not logged")
	}
	updated, err := e.update(t, state, inputs)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, text(t, updated, "stdout"), "was hello")
	if err := e.delete(updated); err != nil {
		t.Fatal(err)
	}
	if missing(filepath.Join(folder, "gone")) {
		t.Error("delete did not run")
	}
	equal(t, text(t, e.mustCreate(t, in{"create": "hello", "interpreter": []any{"echo", "-n"}}), "stdout"), "hello")
	_, err = e.create(t, in{"create": "echo why >&2; exit 4"})
	fails(t, err, "exit status 4", "running \"echo why", "why")
	_, err = e.create(t, in{"create": "true", "dir": "/nowhere"})
	fails(t, err, "/nowhere")
}

func TestLocalCommandEndsWithWhatItHasStarted(t *testing.T) {
	e := newEngine(t, localCommand)
	equal(t, text(t, e.mustCreate(t, in{"create": "(sleep 6; echo late) & echo early"}), "stdout"), "early\nlate")
}

func TestCancelEndsALocalCommandAndItsChildren(t *testing.T) {
	for name, command := range map[string]string{
		"the shell waits":           "sleep 60 & echo $! >%s; echo started; wait",
		"the shell has ended":       "sleep 60 & echo $! >%s; echo started",
		"the child does not listen": "trap '' TERM; sleep 60 & echo $! >%s; echo started",
	} {
		t.Run(name, func(t *testing.T) {
			e, file := newEngine(t, localCommand), filepath.Join(t.TempDir(), "pid")
			inputs := e.check(t, in{"create": fmt.Sprintf(command, file)})
			failed := e.createAndCancel(t, inputs)
			within(t, 8*time.Second, func() { fails(t, <-failed, "canceled") })
			child := "/proc/" + strings.TrimSpace(read(t, file)) + "/cmdline"
			eventually(t, "the child is gone", func() bool {
				line, err := os.ReadFile(child)
				return err != nil || len(line) == 0
			})
		})
	}
}
