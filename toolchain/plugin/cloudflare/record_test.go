package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

var www = in{"zoneId": zone, "name": "www.example.com", "type": "A", "ttl": 60, "content": "192.0.2.1", "proxied": false}

const body = `{"name":"www.example.com","type":"A","ttl":60,"content":"192.0.2.1","proxied":false`

// What the API has of each record that it makes.
var made = in{"createdOn": "2026-01-01T00:00:00Z", "modifiedOn": "2026-01-02T00:00:00Z", "proxiable": true, "meta": `{"by":"api"}`}

func start(t *testing.T) (*api, *engine) {
	t.Helper()
	a := startAPI(t)
	return a, newEngine(t, in{"apiToken": token, "baseUrl": a.url + "/"})
}

func TestLifeOfARecord(t *testing.T) {
	a, e := start(t)
	record := e.mustCreate(t, www.with(in{"comment": "one"}))
	equal(t, len(record.ID), 32)
	same(t, record.Properties, www.with(made).with(in{"comment": "one"}))
	a.asks(t, "POST  "+body+`,"comment":"one"}`)
	equal(t, a.headers.Get("Authorization"), "Bearer "+token)
	equal(t, a.headers.Get("X-Auth-Key"), "")

	t.Log("an update writes the whole record, once")
	updated, err := e.update(t, record, www.with(in{"ttl": 120, "comment": nil, "tags": []any{"a:b"}}))
	if err != nil {
		t.Fatal(err)
	}
	same(t, updated.Properties, www.with(made).with(in{"ttl": 120, "tags": []any{"a:b"}}))
	a.asks(t, "PUT /"+record.ID+" "+strings.Replace(body, "60", "120", 1)+`,"tags":["a:b"]}`)

	if err := e.delete(record); err != nil {
		t.Fatal(err)
	}
	a.asks(t, "DELETE /"+record.ID)
	equal(t, len(a.records), 0)
}

func TestWhatTheAPIRefuses(t *testing.T) {
	a, e := start(t)
	e.mustCreate(t, www)
	a.asks(t, "POST  "+body+"}")
	_, err := e.create(t, www)
	fails(t, err, `failed to make http request: POST "`+a.url+"/zones/"+zone+`/dns_records": 400 Bad Request {"errors":[{"code":81058,`+
		`"message":"An identical record already exists."}],"result":null,"success":false}`)
	t.Log("it is not asked again")
	a.asks(t, "POST  "+body+"}")
}

func TestWhatIsGone(t *testing.T) {
	a, e := start(t)
	record := e.mustCreate(t, www)
	clear(a.records)
	fails(t, e.delete(record), "DELETE", record.ID, "404 Not Found", "81044")
	_, err := e.update(t, record, www)
	fails(t, err, "PUT", record.ID, "404 Not Found", "81044")
	equal(t, e.read(t, record.ID, record.Properties).ID, "")
	_, err = e.Read(p.ReadRequest{ID: zone + "/" + record.ID, Urn: e.urn})
	fails(t, err, "GET", record.ID, "404 Not Found", "81044")
}

func TestReadFindsWhatIsThere(t *testing.T) {
	a, e := start(t)
	record := e.mustCreate(t, www.with(in{"comment": "one"}))
	a.records[record.ID]["comment"], a.records[record.ID]["ttl"] = "two", 300
	there := www.with(in{"comment": "two", "ttl": 300})
	for id, state := range map[string]property.Map{record.ID: record.Properties, zone + "/" + record.ID: {}} {
		found := e.read(t, id, state)
		equal(t, found.ID, record.ID)
		same(t, found.Inputs, there)
		same(t, found.Properties, there.with(made))
	}
	t.Log("a refusal is not a record that is gone")
	a.instead = []int{403}
	_, err := e.Read(p.ReadRequest{ID: record.ID, Urn: e.urn, Properties: record.Properties})
	fails(t, err, "GET", "403 Forbidden")
	_, err = e.Read(p.ReadRequest{ID: record.ID, Urn: e.urn})
	fails(t, err, "expected <zone_id>/<dns_record_id>")
}

func TestDiff(t *testing.T) {
	_, e := start(t)
	record := e.mustCreate(t, www.with(in{"comment": "one"}))
	diff := func(changes in, ignore ...string) p.DiffResponse {
		response, err := e.Diff(p.DiffRequest{ID: record.ID, Urn: e.urn, State: record.Properties,
			Inputs: e.check(t, www.with(in{"comment": "one"}).with(changes)), IgnoreChanges: ignore})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	equal(t, diff(nil).HasChanges, false)
	equal(t, diff(in{"proxied": nil}).HasChanges, false)
	for name, value := range map[string]any{"name": "w.example.com", "type": "AAAA", "ttl": 120, "content": "192.0.2.2", "proxied": true, "comment": "two"} {
		equal(t, diff(in{name: value}).DetailedDiff[name].Kind, p.Update)
	}
	equal(t, diff(in{"comment": nil}).DetailedDiff["comment"].Kind, p.Delete)
	equal(t, diff(in{"comment": "two"}, "comment").HasChanges, false)
	equal(t, diff(in{"zoneId": strings.Repeat("f", 32)}).DetailedDiff["zoneId"].Kind, p.UpdateReplace)
}

func TestPreviewAsksNothing(t *testing.T) {
	a, e := start(t)
	preview, err := e.Create(p.CreateRequest{Urn: e.urn, Properties: e.check(t, www), DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, preview.Properties.Get("createdOn").IsComputed(), true)
	equal(t, preview.Properties.Get("content").AsString(), "192.0.2.1")
	state := properties(www.with(made))
	if _, err := e.Update(p.UpdateRequest{ID: "id", Urn: e.urn, State: state, Inputs: e.check(t, www.with(in{"ttl": 120})), DryRun: true}); err != nil {
		t.Fatal(err)
	}
	a.asks(t)
}

func TestStateOfTheOfficialPlugin(t *testing.T) {
	a, e := start(t)
	record := e.mustCreate(t, www)
	for name := range record.Properties.All {
		if !slices.Contains(names, name) {
			t.Errorf("names is without %s", name)
		}
	}
	theirs := p.CreateResponse{ID: record.ID, Properties: properties(www.with(made).with(in{"id": record.ID, "tags": []any{},
		"commentModifiedOn": "2026-01-01T00:00:00Z", "settings": map[string]any{"ipv4Only": false}}))}
	found, err := e.Read(p.ReadRequest{ID: record.ID, Urn: e.urn, Properties: theirs.Properties, Inputs: properties(www.with(in{"__defaults": []any{}}))})
	if err != nil {
		t.Fatal(err)
	}
	same(t, found.Inputs, www)
	same(t, found.Properties, www.with(made).with(in{"tags": []any{}}))
	if _, err := e.update(t, theirs, www.with(in{"ttl": 120})); err != nil {
		t.Error(err)
	}
	if err := e.delete(theirs); err != nil {
		t.Error(err)
	}
	equal(t, len(a.records), 0)
}

func TestTriesAgain(t *testing.T) {
	a, e := start(t)
	a.instead = []int{500, 429}
	e.mustCreate(t, www)
	a.asks(t, "POST  "+body+"}", "POST  "+body+"}", "POST  "+body+"}")
	a.instead = []int{500, 502, 503, 504}
	_, err := e.create(t, www)
	fails(t, err, "503 Service Unavailable")
	equal(t, len(a.instead), 1)
	t.Log("an API that nobody answers for, until it is started")
	address := freeAddress(t)
	e = newEngine(t, in{"apiToken": token, "baseUrl": "http://" + address + "/client/v4"})
	time.AfterFunc(pause/2, func() {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _ = http.Serve(listener, a) }()
		t.Cleanup(func() { _ = listener.Close() })
	})
	a.instead = nil
	e.mustCreate(t, www.with(in{"content": "192.0.2.2"}))
}

func TestNoTokenIsTold(t *testing.T) {
	a := startAPI(t)
	for name, c := range map[string]struct {
		settings in
		instead  []int
		told     string
	}{
		"nobody there": {in{"apiToken": token, "baseUrl": "http://" + freeAddress(t) + "/v4"}, nil, "connection refused"},
		"no URL":       {in{"apiToken": token, "baseUrl": "http://[/v4"}, nil, "missing ']' in host"},
		"no header":    {in{"apiToken": token + "\n", "baseUrl": a.url}, nil, "invalid header field value"},
		"refused":      {in{"apiToken": token, "baseUrl": a.url}, []int{403, 403, 403, 403}, "403 Forbidden"},
		"a key":        {in{"apiKey": token, "email": "me@example.com", "baseUrl": a.url}, []int{403, 403, 403, 403}, "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, c.settings)
			a.instead = c.instead
			record := p.CreateResponse{ID: "id", Properties: properties(www.with(made))}
			_, created := e.create(t, www)
			_, updated := e.update(t, record, www)
			_, read := e.Read(p.ReadRequest{ID: record.ID, Urn: e.urn, Properties: record.Properties})
			for _, err := range []error{created, updated, read, e.delete(record)} {
				fails(t, err, "failed to make http request", c.told)
				if strings.Contains(err.Error()+e.log.all(), token) {
					t.Errorf("the token is told: %v", err)
				}
			}
		})
	}
}

func TestSettings(t *testing.T) {
	a := startAPI(t)
	t.Setenv("CLOUDFLARE_BASE_URL", a.url)
	newEngine(t, in{"apiKey": "k", "email": "me@example.com"}).mustCreate(t, www)
	equal(t, a.headers.Get("Authorization"), "")
	equal(t, a.headers.Get("X-Auth-Key")+" "+a.headers.Get("X-Auth-Email"), "k me@example.com")
	t.Setenv("CLOUDFLARE_API_TOKEN", "t")
	e := newEngine(t, nil)
	e.mustCreate(t, www.with(in{"content": "192.0.2.2"}))
	equal(t, a.headers.Get("Authorization"), "Bearer t")
	t.Log("the environment's token is no part of the state, and the stack's is a secret of it")
	checked, err := e.CheckConfig(p.CheckRequest{Inputs: properties(in{"baseUrl": a.url})})
	if err != nil {
		t.Fatal(err)
	}
	if _, there := checked.Inputs.GetOk("apiToken"); there {
		t.Error("apiToken is in the state")
	}
	checked, err = e.CheckConfig(p.CheckRequest{Inputs: properties(in{"apiToken": token})})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, checked.Inputs.Get("apiToken").Secret(), true)
	t.Log("another token: no other provider, which would be another record")
	diff, err := e.DiffConfig(p.DiffRequest{State: properties(in{"apiToken": "a"}), Inputs: properties(in{"apiToken": "b"})})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, diff.HasChanges, true)
	equal(t, len(diff.DetailedDiff), 0)
	schema, err := e.GetSchema(p.GetSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{dnsRecord, `"secret":true`} {
		if !strings.Contains(schema.Schema, part) {
			t.Errorf("%q is not in the schema", part)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	_, e := start(t)
	_, err := e.Check(p.CheckRequest{Urn: "urn:pulumi:dev::test::cloudflare:index/zone:Zone::name"})
	fails(t, err, "cloudflare:index/zone:Zone", "install the official one: pulumi plugin install resource cloudflare "+version)
	for name, values := range map[string]in{"data": www.with(in{"data": "x"}), "zoneId": www.with(in{"zoneId": nil})} {
		checked, err := e.Check(p.CheckRequest{Urn: e.urn, Inputs: properties(values)})
		if said := fmt.Sprint(checked.Failures, err); !strings.Contains(said, name) {
			t.Errorf("%s is not in %s", name, said)
		}
	}
}
