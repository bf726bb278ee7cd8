package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"golang.org/x/crypto/ssh"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	remoteCommand = "command:remote:Command"
	copyToRemote  = "command:remote:CopyToRemote"
	localCommand  = "command:local:Command"
)

// TestMain hides the tester's own agent from the tests.
func TestMain(m *testing.M) {
	_ = os.Unsetenv("SSH_AUTH_SOCK")
	os.Exit(m.Run())
}

type in map[string]any

// with is a copy with other values; nil takes a value out.
func (i in) with(changes in) in {
	all := in{}
	for _, values := range []in{i, changes} {
		for name, value := range values {
			all[name] = value
			if value == nil {
				delete(all, name)
			}
		}
	}
	return all
}

func properties(values map[string]any) property.Map {
	var plain func(v any) any
	plain = func(v any) any {
		if nested, ok := v.(in); ok {
			all := map[string]any{}
			for name, value := range nested {
				all[name] = plain(value)
			}
			return all
		}
		return v
	}
	return resource.FromResourcePropertyValue(resource.NewProperty(
		resource.NewPropertyMapFromMap(plain(in(values)).(map[string]any)))).AsMap()
}

var options = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepOutputValues: true}

// sent is what goes between the engine and the plugin.
func sent(properties property.Map) ([]byte, error) {
	fields, err := plugin.MarshalProperties(resource.ToResourcePropertyValue(property.New(properties)).ObjectValue(), options)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(fields)
}

// wired is what becomes of properties on that way: assets, for one, are put together again.
func wired(t *testing.T, properties property.Map) property.Map {
	t.Helper()
	message, err := sent(properties)
	if err != nil {
		t.Fatal(err)
	}
	var fields structpb.Struct
	if err := proto.Unmarshal(message, &fields); err != nil {
		t.Fatal(err)
	}
	arrived, err := plugin.UnmarshalProperties(&fields, options)
	if err != nil {
		t.Fatal(err)
	}
	return resource.FromResourcePropertyValue(resource.NewProperty(arrived)).AsMap()
}

// engine stands where Pulumi's engine does: it checks inputs first, then creates, updates, deletes.
type engine struct {
	integration.Server
	urn resource.URN
	log *log
}

func newEngine(t *testing.T, token string) *engine {
	t.Helper()
	server, err := integration.NewServer(t.Context(), "command", semver.MustParse(version), integration.WithProvider(provider()))
	if err != nil {
		t.Fatal(err)
	}
	return &engine{server, resource.NewURN("dev", "test", "", tokens.Type(token), "name"), newLog(t)}
}

func (e *engine) check(t *testing.T, values in) property.Map {
	t.Helper()
	checked, err := e.Check(p.CheckRequest{Urn: e.urn, Inputs: properties(values)})
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.Failures) > 0 {
		t.Fatalf("check: %v", checked.Failures)
	}
	return wired(t, checked.Inputs)
}

// refusal is what a check has against the inputs.
func (e *engine) refusal(values in) string {
	checked, err := e.Check(p.CheckRequest{Urn: e.urn, Inputs: properties(values)})
	return fmt.Sprint(checked.Failures, err)
}

func (e *engine) create(t *testing.T, values in) (property.Map, error) {
	t.Helper()
	created, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: e.check(t, values)})
	return wired(t, created.Properties), err
}

func (e *engine) mustCreate(t *testing.T, values in) property.Map {
	t.Helper()
	state, err := e.create(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func (e *engine) update(t *testing.T, state property.Map, values in) (property.Map, error) {
	t.Helper()
	updated, err := e.Update(p.UpdateRequest{ID: "id", Urn: e.urn, State: state, Inputs: e.check(t, values)})
	return wired(t, updated.Properties), err
}

func (e *engine) delete(state property.Map) error {
	return e.Delete(p.DeleteRequest{ID: "id", Urn: e.urn, Properties: state})
}

func text(t *testing.T, state property.Map, name string) string {
	t.Helper()
	value := state.Get(name)
	if !value.IsString() {
		t.Fatalf("%s is %#v", name, value)
	}
	return value.AsString()
}

// createAndCancel cancels the engine when the command that it creates says "started"; then the channel has Create's error.
func (e *engine) createAndCancel(t *testing.T, inputs property.Map) <-chan error {
	failed := make(chan error)
	go func() {
		_, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: inputs})
		failed <- err
	}()
	eventually(t, "the command runs", func() bool { return e.log.has("started") })
	if err := e.Cancel(); err != nil {
		t.Fatal(err)
	}
	return failed
}

// fails asserts that there is an error that says all of it.
func fails(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; expected one with %q", parts)
	}
	contains(t, err.Error(), parts...)
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// within runs f, which must end in that time.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("not done after %v", limit)
	}
}

// eventually waits for a condition that becomes true in another process.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// log takes what the plugin logs; without an engine it goes to slog.
type log struct {
	mu    sync.Mutex
	lines []string
}

func newLog(t *testing.T) *log {
	l := &log{}
	before := slog.Default()
	slog.SetDefault(slog.New(l))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}

func (l *log) Enabled(context.Context, slog.Level) bool { return true }
func (l *log) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *log) WithGroup(string) slog.Handler            { return l }
func (l *log) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, r.Message)
	return nil
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *log) has(line string) bool { return slices.Contains(l.all(), line) }

// key is a new key pair.
type key struct {
	private any
	public  ssh.PublicKey
}

func newKey(t *testing.T) key {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sshPublic, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key{private, sshPublic}
}

func (k key) pem(t *testing.T, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k.private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(k.private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func (k key) line() string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.public))) }

// sshd is a real one, on a free port of this machine, that lets the tester in with one key.
type sshd struct {
	port         int
	host, login  key
	user, folder string
}

func startSSHD(t *testing.T, settings ...string) *sshd {
	t.Helper()
	daemon := "/usr/sbin/sshd"
	if _, err := os.Stat(daemon); err != nil {
		t.Fatalf("these tests need the Debian package openssh-server: %v", err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" { // sshd of root wants its folder, which a service manager would have made
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &sshd{port: freePort(t), host: newKey(t), login: newKey(t), user: me.Username, folder: t.TempDir()}
	write(t, filepath.Join(s.folder, "host"), s.host.pem(t, ""))
	write(t, filepath.Join(s.folder, "authorized_keys"), s.login.line()+"\n")
	write(t, filepath.Join(s.folder, "config"), strings.Join(append([]string{
		fmt.Sprintf("ListenAddress 127.0.0.1:%d", s.port),
		"HostKey " + filepath.Join(s.folder, "host"),
		"AuthorizedKeysFile " + filepath.Join(s.folder, "authorized_keys"),
		"PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin yes", "LogLevel VERBOSE",
		"PasswordAuthentication no", "Subsystem sftp internal-sftp",
	}, settings...), "\n")+"\n")
	process := exec.Command(daemon, "-D", "-f", filepath.Join(s.folder, "config"), "-E", filepath.Join(s.folder, "log"))
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", s.said())
		}
	})
	eventually(t, "sshd listens", func() bool {
		conn, err := net.Dial("tcp", s.address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return s
}

func (s *sshd) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *sshd) said() string {
	said, _ := os.ReadFile(filepath.Join(s.folder, "log"))
	return string(said)
}

// connection is the input `connection`, checked host key and all.
func (s *sshd) connection(t *testing.T) in {
	t.Helper()
	return in{"host": "127.0.0.1", "port": float64(s.port), "user": s.user, "privateKey": s.login.pem(t, ""), "hostKey": s.host.line(),
		"dialErrorLimit": float64(0)}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func write(t *testing.T, path, contents string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	contents, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(contents)
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return os.IsNotExist(err)
}
