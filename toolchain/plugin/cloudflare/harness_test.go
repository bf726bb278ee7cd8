package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const (
	dnsRecord = "cloudflare:index/dnsRecord:DnsRecord"
	zone      = "0123456789abcdef0123456789abcdef"
	token     = "not-to-be-told"
)

// TestMain hides the tester's own Cloudflare from the tests.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "CLOUDFLARE_") {
			_ = os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

type in map[string]any

// with is a copy with other values; nil takes a value out.
func (i in) with(changes in) in {
	all := maps.Clone(i)
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

func properties(values in) property.Map {
	return resource.FromResourcePropertyValue(resource.NewProperty(resource.NewPropertyMapFromMap(values))).AsMap()
}

// api stands where Cloudflare's does, for one zone.
type api struct {
	mu      sync.Mutex
	url     string
	records map[string]in
	// What it was asked, and by what right the last time: METHOD PATH BODY.
	asked   []string
	headers http.Header
	// What it answers to the next questions instead.
	instead []int
}

func startAPI(t *testing.T) *api {
	t.Helper()
	a := &api{records: map[string]in{}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL + "/client/v4"
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.Path, "/client/v4/zones/"+zone+"/dns_records")
	a.asked = append(a.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, path, body)))
	a.headers = r.Header
	if len(a.instead) > 0 {
		w.WriteHeader(a.instead[0])
		a.instead = a.instead[1:]
		return
	}
	status, said := a.answer(r.Method, strings.TrimPrefix(path, "/"), body)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(said)
}

func (a *api) answer(method, id string, body []byte) (int, in) {
	refuse := func(status, code int, message string) (int, in) {
		return status, in{"success": false, "errors": []in{{"code": code, "message": message}}, "result": nil}
	}
	record := in{"comment": nil, "proxied": false, "tags": []string{}, "proxiable": true, "meta": in{"by": "api"},
		"created_on": "2026-01-01T00:00:00Z", "modified_on": "2026-01-02T00:00:00Z"}
	if len(body) > 0 {
		_ = json.Unmarshal(body, &record)
	}
	switch found, there := a.records[id]; {
	case method == http.MethodPost:
		for _, other := range a.records {
			if other["name"] == record["name"] && other["content"] == record["content"] {
				return refuse(400, 81058, "An identical record already exists.")
			}
		}
		id = fmt.Sprintf("%032x", len(a.asked))
		record["id"], a.records[id] = id, record
		return 200, in{"success": true, "result": record}
	case !there:
		return refuse(404, 81044, "Record does not exist.")
	case method == http.MethodPut:
		record["id"], a.records[id] = id, record
		return 200, in{"success": true, "result": record}
	case method == http.MethodDelete:
		delete(a.records, id)
		return 200, in{"result": in{"id": id}}
	default:
		return 200, in{"success": true, "result": found}
	}
}

// engine stands where Pulumi's engine does: it checks inputs first, then creates, updates, deletes.
type engine struct {
	integration.Server
	urn resource.URN
	log *log
}

func newEngine(t *testing.T, settings in) *engine {
	t.Helper()
	server, err := integration.NewServer(t.Context(), "cloudflare", semver.MustParse(version), integration.WithProvider(provider()))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Configure(p.ConfigureRequest{Args: properties(settings)}); err != nil {
		t.Fatal(err)
	}
	return &engine{server, resource.NewURN("dev", "test", "", tokens.Type(dnsRecord), "name"), newLog(t)}
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
	return checked.Inputs
}

func (e *engine) create(t *testing.T, values in) (p.CreateResponse, error) {
	t.Helper()
	return e.Create(p.CreateRequest{Urn: e.urn, Properties: e.check(t, values)})
}

func (e *engine) mustCreate(t *testing.T, values in) p.CreateResponse {
	t.Helper()
	made, err := e.create(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (e *engine) update(t *testing.T, made p.CreateResponse, values in) (p.UpdateResponse, error) {
	t.Helper()
	return e.Update(p.UpdateRequest{ID: made.ID, Urn: e.urn, State: made.Properties, Inputs: e.check(t, values)})
}

func (e *engine) read(t *testing.T, id string, state property.Map) p.ReadResponse {
	t.Helper()
	found, err := e.Read(p.ReadRequest{ID: id, Urn: e.urn, Properties: state})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (e *engine) delete(made p.CreateResponse) error {
	return e.Delete(p.DeleteRequest{ID: made.ID, Urn: e.urn, Properties: made.Properties})
}

// freeAddress is one where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// fails asserts that there is an error that says all of it.
func fails(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; expected one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in:\n%s", part, err)
		}
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// same asserts that these are all the properties.
func same(t *testing.T, got property.Map, want in) {
	t.Helper()
	if !property.New(got).Equals(property.New(properties(want))) {
		t.Errorf("got %v, want %v", got.AsMap(), want)
	}
}

// asks asserts what the API was asked since the last time.
func (a *api) asks(t *testing.T, want ...string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.asked, want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(a.asked, "\n"), strings.Join(want, "\n"))
	}
	a.asked = nil
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

func (l *log) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
