package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// DnsRecord is the resource cloudflare:index/dnsRecord:DnsRecord.
type DnsRecord struct{}

// RecordArgs are its inputs, and what the API is sent. The framework reads both kinds of tags, so that a field has one name.
type RecordArgs struct {
	ZoneID   string   `pulumi:"zoneId" provider:"replaceOnChanges" json:"-"`
	Name     string   `pulumi:"name" json:"name"`
	Type     string   `pulumi:"type" json:"type"`
	TTL      int      `pulumi:"ttl" json:"ttl"`
	Content  *string  `pulumi:"content,optional" json:"content,omitempty"`
	Proxied  *bool    `pulumi:"proxied,optional" json:"proxied,omitempty"`
	Comment  *string  `pulumi:"comment,optional" json:"comment,omitempty"`
	Priority *int     `pulumi:"priority,optional" json:"priority,omitempty"`
	Tags     []string `pulumi:"tags,optional" json:"tags,omitempty"`
}

// RecordState is what the state file holds.
type RecordState struct {
	RecordArgs
	CreatedOn  string `pulumi:"createdOn"`
	ModifiedOn string `pulumi:"modifiedOn"`
	Proxiable  bool   `pulumi:"proxiable"`
	Meta       string `pulumi:"meta"`
}

// The names of all that RecordState has.
var names = []string{"zoneId", "name", "type", "ttl", "content", "proxied", "comment", "priority", "tags",
	"createdOn", "modifiedOn", "proxiable", "meta"}

// answer is a record as the API has it.
type answer struct {
	RecordArgs
	ID         string          `json:"id"`
	CreatedOn  string          `json:"created_on"`
	ModifiedOn string          `json:"modified_on"`
	Proxiable  bool            `json:"proxiable"`
	Meta       json.RawMessage `json:"meta"`
}

// state is that of a record with these inputs.
func (a answer) state(args RecordArgs) RecordState {
	return RecordState{args, a.CreatedOn, a.ModifiedOn, a.Proxiable, string(a.Meta)}
}

// Annotate describes the resource.
func (r *DnsRecord) Annotate(a infer.Annotator) {
	a.Describe(&r, "A record of a zone at Cloudflare.")
	a.SetToken("index/dnsRecord", "DnsRecord")
}

// Annotate describes the inputs.
func (r *RecordArgs) Annotate(a infer.Annotator) {
	a.Describe(&r.ZoneID, "The zone's id.")
	a.Describe(&r.Name, "The whole name.")
	a.Describe(&r.Type, "A, AAAA and so on.")
	a.Describe(&r.TTL, "Seconds; 1 is automatic.")
	a.Describe(&r.Content, "An address, where it is an A or AAAA record.")
	a.Describe(&r.Proxied, "Whether visitors are led through Cloudflare.")
	// So that what an import finds does not differ from a program that says nothing.
	a.SetDefault(&r.Proxied, false)
	a.Describe(&r.Comment, "For those who look at the zone.")
	a.Describe(&r.Priority, "Of an MX, SRV or URI record.")
	a.Describe(&r.Tags, "For those who look at the zone.")
}

// Create makes the record. The API refuses one that is there.
func (*DnsRecord) Create(ctx context.Context, req infer.CreateRequest[RecordArgs]) (infer.CreateResponse[RecordState], error) {
	if req.DryRun {
		return infer.CreateResponse[RecordState]{Output: RecordState{RecordArgs: req.Inputs}}, nil
	}
	made, err := infer.GetConfig[Config](ctx).ask(ctx, http.MethodPost, path(req.Inputs.ZoneID, ""), &req.Inputs)
	return infer.CreateResponse[RecordState]{ID: made.ID, Output: made.state(req.Inputs)}, err
}

// Read finds the record by its id, or for an import by its zone's and its own. To a refresh, one that is gone has none.
func (*DnsRecord) Read(ctx context.Context, req infer.ReadRequest[RecordArgs, RecordState]) (infer.ReadResponse[RecordArgs, RecordState], error) {
	zone, id := req.State.ZoneID, req.ID
	if before, after, imported := strings.Cut(req.ID, "/"); imported {
		zone, id = before, after
	}
	if zone == "" || id == "" {
		return infer.ReadResponse[RecordArgs, RecordState]{}, fmt.Errorf("invalid ID %q: expected <zone_id>/<dns_record_id>", req.ID)
	}
	found, err := infer.GetConfig[Config](ctx).ask(ctx, http.MethodGet, path(zone, id), nil)
	var refused *refusal
	// For an import that is an error: the engine would take an empty answer of the framework for a record.
	refreshed := req.State.CreatedOn != ""
	if refreshed && errors.As(err, &refused) && refused.status == http.StatusNotFound {
		return infer.ReadResponse[RecordArgs, RecordState]{}, nil
	}
	args := found.RecordArgs
	args.ZoneID = zone
	if len(args.Tags) == 0 {
		args.Tags = nil
	}
	return infer.ReadResponse[RecordArgs, RecordState]{ID: id, Inputs: args, State: found.state(args)}, err
}

// Update writes the whole record.
func (*DnsRecord) Update(ctx context.Context, req infer.UpdateRequest[RecordArgs, RecordState]) (infer.UpdateResponse[RecordState], error) {
	if req.DryRun {
		state := req.State
		state.RecordArgs = req.Inputs
		return infer.UpdateResponse[RecordState]{Output: state}, nil
	}
	written, err := infer.GetConfig[Config](ctx).ask(ctx, http.MethodPut, path(req.Inputs.ZoneID, req.ID), &req.Inputs)
	return infer.UpdateResponse[RecordState]{Output: written.state(req.Inputs)}, err
}

// Delete removes the record, and fails where it is gone.
func (*DnsRecord) Delete(ctx context.Context, req infer.DeleteRequest[RecordState]) (infer.DeleteResponse, error) {
	_, err := infer.GetConfig[Config](ctx).ask(ctx, http.MethodDelete, path(req.State.ZoneID, req.ID), nil)
	return infer.DeleteResponse{}, err
}

// path is where a zone's records are, or the one that has that id.
func path(zone, id string) string {
	all := "/zones/" + url.PathEscape(zone) + "/dns_records"
	if id == "" {
		return all
	}
	return all + "/" + url.PathEscape(id)
}
