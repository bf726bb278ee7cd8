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

	"twopir/toolchain/plugin/common"
)

// A cancelled command may tidy up for so long; then it is killed.
const grace = 5 * time.Second

// Command is the resource command:local:Command.
type Command struct{}

// CommandArgs are its inputs: those of pulumi-command 1.2.1 but assetPaths and archivePaths.
type CommandArgs struct {
	common.Args
	Interpreter []string `pulumi:"interpreter,optional"`
	Dir         *string  `pulumi:"dir,optional"`
}

// CommandState is what the state file holds.
type CommandState struct {
	CommandArgs
	common.Outputs
}

// Annotate describes the resource.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command that runs on this machine.")
}

// Annotate describes the inputs that only this command has.
func (c *CommandArgs) Annotate(a infer.Annotator) {
	a.Describe(&c.Interpreter, "The program and arguments that get the command as last argument; /bin/sh -c by default.")
	a.Describe(&c.Dir, "The folder to run in; the program's by default.")
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
	cmd := exec.Command(args[0], append(args[1:len(args):len(args)], *command)...)
	if s.Dir != nil {
		// Otherwise a missing folder is reported as a missing /bin/sh.
		if _, err := os.Stat(*s.Dir); err != nil {
			return fmt.Errorf("dir: %w: running %q", err, *command)
		}
		cmd.Dir = *s.Dir
	}
	cmd.Env = os.Environ()
	for _, variables := range []map[string]string{s.Environment, s.Previous(s.AddPreviousOutputInEnv)} {
		for name, value := range variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if s.Stdin != nil {
		cmd.Stdin = strings.NewReader(*s.Stdin)
	}
	// A group of its own, so that a cancel reaches what the shell has started, even when the shell itself has ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	printed := common.NewCapture(ctx, end, s.Logging)
	cmd.Stdout, cmd.Stderr = printed.Stdout, printed.Stderr
	err := cmd.Start()
	if err == nil {
		ended := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(grace):
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			}
		})
		err = cmd.Wait()
		stop()
		close(ended)
	}
	return printed.Finish(&s.Outputs, *command, err)
}
