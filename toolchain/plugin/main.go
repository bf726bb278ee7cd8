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

	"twopir/toolchain/plugin/common"
	"twopir/toolchain/plugin/local"
	"twopir/toolchain/plugin/remote"
)

// The version whose inputs, outputs and behaviour are kept here; the engine asks for it by this number.
const version = "1.2.1"

// provider serves the three resources, and refuses everything else of the `command` package by name.
func provider() p.Provider {
	others := common.Others("command", version, "remote.Command, remote.CopyToRemote and local.Command")
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
