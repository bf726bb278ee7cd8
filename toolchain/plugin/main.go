// Command pulumi-resource-command stands in for the official plugin `command` where that cannot be
// downloaded: remote.Command, remote.CopyToRemote and local.Command, as in pulumi-command 1.2.1.
package main

import (
	"context"
	"fmt"
	"os"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"

	"twopir/toolchain/plugin/local"
	"twopir/toolchain/plugin/remote"
)

// The version whose inputs, outputs and behaviour are kept here; the engine asks for it by this number.
const version = "1.2.1"

// provider serves the three resources, and refuses everything else of the `command` package by name.
func provider() p.Provider {
	refuse := func(what string) error {
		return fmt.Errorf("%s: twopir's own plugin `command` has remote.Command, remote.CopyToRemote and local.Command only; "+
			"for the rest install the official one: pulumi plugin install resource command %s", what, version)
	}
	others := p.Provider{
		Check: func(_ context.Context, req p.CheckRequest) (p.CheckResponse, error) {
			return p.CheckResponse{}, refuse(string(req.Urn.Type()))
		},
		// An older stack may hold such a resource still.
		Delete: func(_ context.Context, req p.DeleteRequest) error {
			return refuse(string(req.Urn.Type()))
		},
		Invoke: func(_ context.Context, req p.InvokeRequest) (p.InvokeResponse, error) {
			return p.InvokeResponse{}, refuse(string(req.Token))
		},
	}
	return infer.Wrap(others, infer.Options{
		Metadata: schema.Metadata{
			DisplayName: "Command (twopir)",
			Description: "Runs commands here or on a remote host: the part of pulumi-command that twopir uses.",
			License:     "Apache-2.0",
			Publisher:   "twopir",
		},
		Resources: []infer.InferredResource{
			infer.Resource(&remote.Command{}),
			infer.Resource(&remote.CopyToRemote{}),
			infer.Resource(&local.Command{}),
		},
	})
}

func main() {
	if err := p.RunProvider(context.Background(), "command", version, provider()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
