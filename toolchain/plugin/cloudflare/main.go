// Command pulumi-resource-cloudflare stands in for the official plugin `cloudflare` where that cannot be
// downloaded: DnsRecord, as in pulumi-cloudflare 6.22.1.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"twopir/toolchain/plugin/common"
)

// The version whose inputs, outputs and behaviour are kept here; the engine asks for it by this number.
const version = "6.22.1"

// provider serves DnsRecord, and refuses everything else of the `cloudflare` package by name.
func provider() p.Provider {
	inferred := infer.Wrap(common.Others("cloudflare", version, "DnsRecord"), infer.Options{
		Metadata: schema.Metadata{
			DisplayName: "Cloudflare (twopir)",
			Description: "Keeps records at Cloudflare: the part of pulumi-cloudflare that twopir uses.",
			License:     "Apache-2.0",
			Publisher:   "twopir",
		},
		Resources: []infer.InferredResource{infer.Resource(&DnsRecord{})},
		Config:    infer.Config(&Config{}),
	})
	served := inferred
	// The framework would have another provider for another token, and so another record for each.
	served.DiffConfig = func(_ context.Context, req p.DiffRequest) (p.DiffResponse, error) {
		return p.DiffResponse{HasChanges: !property.New(req.State).Equals(property.New(req.Inputs))}, nil
	}
	served.Diff = func(ctx context.Context, req p.DiffRequest) (p.DiffResponse, error) {
		req.State, req.OldInputs = known(req.State), known(req.OldInputs)
		return inferred.Diff(ctx, req)
	}
	served.Read = func(ctx context.Context, req p.ReadRequest) (p.ReadResponse, error) {
		req.Properties, req.Inputs = known(req.Properties), known(req.Inputs)
		return inferred.Read(ctx, req)
	}
	served.Update = func(ctx context.Context, req p.UpdateRequest) (p.UpdateResponse, error) {
		req.State, req.OldInputs = known(req.State), known(req.OldInputs)
		return inferred.Update(ctx, req)
	}
	served.Delete = func(ctx context.Context, req p.DeleteRequest) error {
		req.Properties, req.OldInputs = known(req.Properties), known(req.OldInputs)
		return inferred.Delete(ctx, req)
	}
	return served
}

// known leaves out what only the official plugin keeps in a state: the framework refuses what it does not know.
func known(properties property.Map) property.Map {
	for name := range properties.All {
		if !slices.Contains(names, name) {
			properties = properties.Delete(name)
		}
	}
	return properties
}

func main() {
	if err := p.RunProvider(context.Background(), "cloudflare", version, provider()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
