package common

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
)

// Others refuses by name everything of a package but the resources that twopir's own plugin `has`.
func Others(name, version, has string) p.Provider {
	refuse := func(what string) error {
		return fmt.Errorf("%s: twopir's own plugin `%s` has %s only; "+
			"for the rest install the official one: pulumi plugin install resource %[2]s %[4]s", what, name, has, version)
	}
	return p.Provider{
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
}
