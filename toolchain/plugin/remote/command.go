package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"

	"twopir/toolchain/plugin/common"
)

// Command is the resource command:remote:Command.
type Command struct{}

// CommandArgs are its inputs.
type CommandArgs struct {
	common.Args
	Connection *Connection `pulumi:"connection" provider:"secret"`
}

// CommandState is what the state file holds.
type CommandState struct {
	CommandArgs
	common.Outputs
}

// Annotate describes the resource.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command that runs on a remote host, by ssh.")
}

// Annotate describes the input that only this command has.
func (c *CommandArgs) Annotate(a infer.Annotator) {
	a.Describe(&c.Connection, "How to reach the host.")
}

// Create runs `create`, if there is one.
func (*Command) Create(ctx context.Context, req infer.CreateRequest[CommandArgs]) (infer.CreateResponse[CommandState], error) {
	state := CommandState{CommandArgs: req.Inputs}
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun {
		err = state.run(ctx, req.Inputs.Create)
	}
	return infer.CreateResponse[CommandState]{ID: id, Output: state}, err
}

// Update runs `update`, or `create` where there is none.
func (*Command) Update(ctx context.Context, req infer.UpdateRequest[CommandArgs, CommandState]) (infer.UpdateResponse[CommandState], error) {
	state := CommandState{req.Inputs, req.State.Outputs}
	var err error
	if !req.DryRun {
		err = state.run(ctx, req.Inputs.OnUpdate())
	}
	return infer.UpdateResponse[CommandState]{Output: state}, err
}

// Delete runs `delete`, if there is one, with the inputs that the state holds.
func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandState]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, req.State.run(ctx, req.State.Delete)
}

// run runs the command on a connection of its own and keeps what it printed.
func (s *CommandState) run(ctx context.Context, command *string) error {
	if command == nil {
		return nil
	}
	// Ended by the engine, by the watch over the connection, or by what the command prints; the cause tells.
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	host, err := s.Connection.open(ctx, end)
	if err != nil {
		return err
	}
	if err := s.runOn(ctx, end, host, *command); err != nil {
		return fmt.Errorf("%s: %w", host.address, err)
	}
	return nil
}

func (s *CommandState) runOn(ctx context.Context, end func(error), host *client, command string) error {
	session, err := host.NewSession()
	if err != nil {
		return err
	}
	const hint = "its sshd must allow it by AcceptEnv; or put VAR=value in front of the command, or on stdin"
	for name, value := range s.Environment {
		if err := session.Setenv(name, value); err != nil {
			return fmt.Errorf("could not set environment variable %q: %w: %s", name, err, hint)
		}
	}
	for name, value := range s.Previous(s.AddPreviousOutputInEnv) {
		// Most hosts refuse it, and most commands do not need it.
		if err := session.Setenv(name, value); err != nil {
			p.GetLogger(ctx).Warningf("%s: could not set %s: %s; or set addPreviousOutputInEnv to false", host.address, name, hint)
		}
	}
	session.Stdin = strings.NewReader(orDefault(s.Stdin, ""))
	printed := common.NewCapture(ctx, end, s.Logging)
	session.Stdout, session.Stderr = printed.Stdout, printed.Stderr
	err = session.Run(command)
	var noStatus *ssh.ExitMissingError
	if errors.As(err, &noStatus) {
		err = errors.New("the connection was lost while the command ran")
	}
	return printed.Finish(&s.Outputs, command, err)
}
