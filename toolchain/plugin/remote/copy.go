package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"twopir/toolchain/plugin/common"
)

// CopyToRemote is the resource command:remote:CopyToRemote.
type CopyToRemote struct{}

// CopyArgs are its inputs.
type CopyArgs struct {
	Connection *Connection          `pulumi:"connection" provider:"secret"`
	Triggers   *[]any               `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
}

// CopyState is what the state file holds.
type CopyState struct{ CopyArgs }

// Annotate describes the resource.
func (c *CopyToRemote) Annotate(a infer.Annotator) {
	a.Describe(&c, "A file, a text or a folder that is copied to a remote host, by sftp.")
}

// Annotate describes the inputs.
func (c *CopyArgs) Annotate(a infer.Annotator) {
	a.Describe(&c.Connection, "How to reach the host.")
	a.Describe(&c.Triggers, "Values whose change replaces the resource.")
	a.Describe(&c.Source, "A FileAsset, StringAsset or FileArchive; copied as it is, archives are not unpacked.")
	a.Describe(&c.RemotePath, "Where it goes; missing parent folders are made.")
}

// Check refuses a source that cannot be copied.
func (*CopyToRemote) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[CopyArgs], error) {
	args, failures, err := infer.DefaultCheck[CopyArgs](ctx, req.NewInputs)
	asset, archive := args.Source.Asset, args.Source.Archive
	if err == nil && len(failures) == 0 &&
		(asset == nil || !asset.IsPath() && !asset.IsText()) && (archive == nil || !archive.IsPath()) {
		failures = append(failures, p.CheckFailure{Property: "source", Reason: "must be a FileAsset, a StringAsset or a FileArchive"})
	}
	return infer.CheckResponse[CopyArgs]{Inputs: args, Failures: failures}, err
}

// Create copies.
func (*CopyToRemote) Create(ctx context.Context, req infer.CreateRequest[CopyArgs]) (infer.CreateResponse[CopyState], error) {
	id, err := resource.NewUniqueHex("", 8, 0)
	if err == nil && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.CreateResponse[CopyState]{ID: id, Output: CopyState{req.Inputs}}, err
}

// Update copies again if the source's contents or the path changed; another connection is no reason.
func (*CopyToRemote) Update(ctx context.Context, req infer.UpdateRequest[CopyArgs, CopyState]) (infer.UpdateResponse[CopyState], error) {
	var err error
	if !req.DryRun && (req.Inputs.hash() != req.State.hash() || req.Inputs.RemotePath != req.State.RemotePath) {
		err = req.Inputs.copy(ctx)
	}
	return infer.UpdateResponse[CopyState]{Output: CopyState{req.Inputs}}, err
}

func (c *CopyArgs) hash() string {
	if c.Source.Asset != nil {
		return c.Source.Asset.Hash
	}
	return c.Source.Archive.Hash
}

func (c *CopyArgs) copy(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	host, err := c.Connection.open(ctx, end)
	if err != nil {
		return err
	}
	files, err := sftp.NewClient(host.Client, sftp.UseConcurrentWrites(true))
	if err == nil {
		err = c.send(upload{files})
		_ = files.Close()
	}
	if err := common.Cause(ctx, err); err != nil {
		return fmt.Errorf("copying to %s:%s: %w", host.address, c.RemotePath, err)
	}
	return nil
}

// send places the source as pulumi-command's documentation of CopyToRemote has it:
//
//	source    | remotePath is a folder  | there is nothing | is a file
//	text      | error                   | remotePath       | overwritten
//	file      | remotePath/file         | remotePath       | overwritten
//	folder    | remotePath/folder       | remotePath/folder| error
//	folder/   | its contents go into it | the same         | error
func (c *CopyArgs) send(to upload) error {
	info, err := to.host.Stat(c.RemotePath)
	if errors.Is(err, os.ErrNotExist) {
		err = to.folder(path.Dir(c.RemotePath))
	}
	if err != nil {
		return err
	}
	isFolder := info != nil && info.IsDir()
	if asset := c.Source.Asset; asset != nil && asset.IsText() {
		if isFolder {
			return errors.New("is a folder; a text asset needs the path of a file")
		}
		return to.write(c.RemotePath, strings.NewReader(asset.Text))
	}
	source := ""
	if c.Source.Asset != nil {
		source = c.Source.Asset.Path
	} else {
		source = c.Source.Archive.Path
	}
	local, err := os.Stat(source)
	if err != nil {
		return err
	}
	target := c.RemotePath
	if !local.IsDir() {
		if isFolder {
			target = path.Join(target, filepath.Base(source))
		}
		return to.file(target, source)
	}
	if !strings.HasSuffix(source, "/") {
		target = path.Join(target, filepath.Base(source))
	}
	return to.tree(target, source)
}

type upload struct{ host *sftp.Client }

func (u upload) write(target string, source io.Reader) error {
	file, err := u.host.Create(target)
	if err != nil {
		return fmt.Errorf("cannot create %s: %w", target, err)
	}
	_, err = file.ReadFrom(source)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("cannot write %s: %w", target, err)
	}
	return nil
}

func (u upload) file(target, source string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	return u.write(target, file)
}

func (u upload) folder(target string) error {
	if err := u.host.MkdirAll(target); err != nil {
		return fmt.Errorf("cannot create the folder %s: %w", target, err)
	}
	return nil
}

func (u upload) tree(target, source string) error {
	return fs.WalkDir(os.DirFS(source), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return u.folder(path.Join(target, name))
		}
		return u.file(path.Join(target, name), filepath.Join(source, filepath.FromSlash(name)))
	})
}
