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

	"twopir/toolchain/plugin/output"
)

// Command is the resource command:remote:Command.
type Command struct{}

// CommandArgs are its inputs.
type CommandArgs struct {
	Connection             *Connection       `pulumi:"connection" provider:"secret"`
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Triggers               *[]any            `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *string           `pulumi:"logging,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// CommandState is what the state file holds: the inputs, and what the last command printed.
type CommandState struct {
	CommandArgs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Annotate describes the resource.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command that runs on a remote host, by ssh.")
}

// Annotate describes the inputs and sets their defaults.
func (c *CommandArgs) Annotate(a infer.Annotator) {
	a.Describe(&c.Connection, "How to reach the host.")
	a.Describe(&c.Create, "The command to run on create.")
	a.Describe(&c.Update, "The command to run on update; create by default.")
	a.Describe(&c.Delete, "The command to run on delete.")
	a.Describe(&c.Triggers, "Values whose change replaces the resource.")
	a.Describe(&c.Stdin, "What each of the commands gets on its standard input.")
	a.Describe(&c.Logging, "What is logged: stdout, stderr, stdoutAndStderr (the default) or none. Both are outputs in any case.")
	a.Describe(&c.Environment, "Variables for the command. The host's sshd must allow each by AcceptEnv.")
	a.Describe(&c.AddPreviousOutputInEnv,
		"Give the last outputs to update and delete as PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR; true by default.")
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
	state := CommandState{CommandArgs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	var err error
	if !req.DryRun {
		err = state.run(ctx, command)
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
	client, err := s.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	// Without its connection a command gets no more input, and its next output kills it.
	defer context.AfterFunc(ctx, client.Close)()
	go watch(ctx, client.ask, keepaliveInterval, end)

	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("%s: %w", client.address, err)
	}
	defer session.Close()
	if err := s.setEnvironment(ctx, client.address, session); err != nil {
		return err
	}
	session.Stdin = strings.NewReader(orDefault(s.Stdin, ""))
	captured := output.New(ctx, end, s.Logging)
	session.Stdout, session.Stderr = captured.Stdout, captured.Stderr
	err = session.Run(*command)
	var noStatus *ssh.ExitMissingError
	if errors.As(err, &noStatus) {
		err = errors.New("the connection was lost while the command ran")
	}
	stdout, stderr, err := captured.Finish(*command, err)
	if err != nil {
		return fmt.Errorf("%s: %w", client.address, err)
	}
	s.Stdout, s.Stderr = stdout, stderr
	return nil
}

func (s *CommandState) setEnvironment(ctx context.Context, address string, session *ssh.Session) error {
	const hint = "its sshd must allow it by AcceptEnv; or put VAR=value in front of the command, or on stdin"
	for name, value := range s.Environment {
		if err := session.Setenv(name, value); err != nil {
			return fmt.Errorf("%s: could not set environment variable %q: %w: %s", address, name, err, hint)
		}
	}
	if !orDefault(s.AddPreviousOutputInEnv, true) {
		return nil
	}
	for name, value := range map[string]string{"PULUMI_COMMAND_STDOUT": s.Stdout, "PULUMI_COMMAND_STDERR": s.Stderr} {
		if value == "" {
			continue
		}
		// Most hosts refuse it, and most commands do not need it.
		if err := session.Setenv(name, value); err != nil {
			p.GetLogger(ctx).Warningf("%s: could not set %s: %s; or set addPreviousOutputInEnv to false", address, name, hint)
		}
	}
	return nil
}
