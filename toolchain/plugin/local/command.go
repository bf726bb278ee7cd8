// Package local has the resource that runs a command on this machine.
package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"twopir/toolchain/plugin/output"
)

// A cancelled command may tidy up for so long; then it is killed.
const grace = 5 * time.Second

// Command is the resource command:local:Command.
type Command struct{}

// CommandArgs are its inputs: those of pulumi-command 1.2.1 but assetPaths and archivePaths.
type CommandArgs struct {
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Triggers               *[]any            `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Interpreter            []string          `pulumi:"interpreter,optional"`
	Dir                    *string           `pulumi:"dir,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *string           `pulumi:"logging,optional"`
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
	a.Describe(&c, "A command that runs on this machine.")
}

// Annotate describes the inputs and sets their defaults.
func (c *CommandArgs) Annotate(a infer.Annotator) {
	a.Describe(&c.Create, "The command to run on create.")
	a.Describe(&c.Update, "The command to run on update; create by default.")
	a.Describe(&c.Delete, "The command to run on delete.")
	a.Describe(&c.Triggers, "Values whose change replaces the resource.")
	a.Describe(&c.Interpreter, "The program and arguments that get the command as last argument; /bin/sh -c by default.")
	a.Describe(&c.Dir, "The folder to run in; the program's by default.")
	a.Describe(&c.Environment, "Further variables for the command.")
	a.Describe(&c.Stdin, "What each of the commands gets on its standard input.")
	a.Describe(&c.Logging, "What is logged: stdout, stderr, stdoutAndStderr (the default) or none. Both are outputs in any case.")
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

func (s *CommandState) run(ctx context.Context, command *string) error {
	if command == nil {
		return nil
	}
	// Ended by the engine or by what the command prints; the cause tells.
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	args := s.Interpreter
	if len(args) == 0 {
		args = []string{"/bin/sh", "-c"}
	}
	cmd := exec.CommandContext(ctx, args[0], append(args[1:len(args):len(args)], *command)...)
	if s.Dir != nil {
		// Otherwise a missing folder is reported as a missing /bin/sh.
		if _, err := os.Stat(*s.Dir); err != nil {
			return fmt.Errorf("dir: %w: running %q", err, *command)
		}
		cmd.Dir = *s.Dir
	}
	cmd.Env = s.environment()
	if s.Stdin != nil {
		cmd.Stdin = strings.NewReader(*s.Stdin)
	}
	// A group of its own, so that a cancel reaches what the shell has started and not the shell alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	captured := output.New(ctx, end, s.Logging)
	cmd.Stdout, cmd.Stderr = captured.Stdout, captured.Stderr
	stdout, stderr, err := captured.Finish(*command, cmd.Run())
	if err != nil {
		return err
	}
	s.Stdout, s.Stderr = stdout, stderr
	return nil
}

func (s *CommandState) environment() []string {
	env := os.Environ()
	for name, value := range s.Environment {
		env = append(env, name+"="+value)
	}
	if s.AddPreviousOutputInEnv == nil || *s.AddPreviousOutputInEnv {
		if s.Stdout != "" {
			env = append(env, "PULUMI_COMMAND_STDOUT="+s.Stdout)
		}
		if s.Stderr != "" {
			env = append(env, "PULUMI_COMMAND_STDERR="+s.Stderr)
		}
	}
	return env
}
