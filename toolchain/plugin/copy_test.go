package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

func file(t *testing.T, path string) *resource.Asset {
	t.Helper()
	source, err := asset.FromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func folder(t *testing.T, path string) *resource.Archive {
	t.Helper()
	source, err := archive.FromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestCopy(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, copyToRemote)
	from, to := t.TempDir(), t.TempDir()
	site := filepath.Join(from, "site")
	for _, path := range []string{filepath.Join(site, "deep"), filepath.Join(to, "there")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(site, "index.html"), "hello")
	write(t, filepath.Join(site, "deep", "page"), "page")
	note, err := asset.FromText("note")
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(site, "index.html")
	for _, c := range []struct {
		name    string
		source  any
		path    string
		arrives map[string]string
	}{
		{"a text", note, "note", map[string]string{"note": "note"}},
		{"a file", file(t, page), "new.html", map[string]string{"new.html": "hello"}},
		{"a file over a file", file(t, page), "note", map[string]string{"note": "hello"}},
		{"a file into a folder", file(t, page), "there", map[string]string{"there/index.html": "hello"}},
		{"a folder", folder(t, site), "new", map[string]string{"new/site/index.html": "hello", "new/site/deep/page": "page"}},
		{"a folder into a folder", folder(t, site), "there", map[string]string{"there/site/deep/page": "page"}},
		{"a folder's contents", folder(t, site+"/"), "www", map[string]string{"www/index.html": "hello", "www/deep/page": "page"}},
		{"a text into folders that are not there", note, "a/b/note", map[string]string{"a/b/note": "note"}},
		{"a file into folders that are not there", file(t, page), "c/d/page", map[string]string{"c/d/page": "hello"}},
		{"a folder into folders that are not there", folder(t, site), "e/f", map[string]string{"e/f/site/deep/page": "page"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.mustCreate(t, in{"connection": host.connection(t), "source": c.source, "remotePath": filepath.Join(to, c.path)})
			for path, contents := range c.arrives {
				equal(t, read(t, filepath.Join(to, path)), contents)
			}
		})
	}
	for _, c := range []struct {
		name   string
		source any
		path   string
		says   string
	}{
		{"a text into a folder", note, "there", "needs the path of a file"},
		{"a folder over a file", folder(t, site), "note", "not a directory"},
		{"below a file", file(t, page), "note/page", "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.create(t, in{"connection": host.connection(t), "source": c.source, "remotePath": filepath.Join(to, c.path)})
			fails(t, err, c.says, host.address(), filepath.Join(to, c.path))
		})
	}
}

func TestCopyAgain(t *testing.T) {
	host, e := startSSHD(t), newEngine(t, copyToRemote)
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	write(t, from, "one")
	inputs := in{"connection": host.connection(t), "source": file(t, from), "remotePath": to}
	state := e.mustCreate(t, inputs)
	if !state.Get("connection").Secret() {
		t.Error("the connection in the state is not secret")
	}
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	t.Log("another connection and the same contents: nothing is copied")
	if _, err := e.update(t, state, inputs.with(in{"connection": host.connection(t).with(in{"dialErrorLimit": float64(1)})})); err != nil {
		t.Fatal(err)
	}
	if !missing(to) {
		t.Error("it was copied")
	}
	t.Log("other contents")
	write(t, from, "two")
	if _, err := e.update(t, state, inputs.with(in{"source": file(t, from)})); err != nil {
		t.Fatal(err)
	}
	equal(t, read(t, to), "two")
}

func TestCopyRefusesWhatItCannotSend(t *testing.T) {
	e := newEngine(t, copyToRemote)
	remote := &resource.Asset{Sig: asset.AssetSig, URI: "https://example.com/page", Hash: "0"}
	contains(t, e.refusal(in{"connection": in{"host": "x"}, "source": remote, "remotePath": "/x"}), "must be a FileAsset")
	contains(t, e.refusal(in{"connection": in{"host": "x"}, "remotePath": "/x"}), "source")
}
