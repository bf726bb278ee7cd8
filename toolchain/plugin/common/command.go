// Package common has what the plugins have in common, and commands here and on a remote host.
package common

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Args are the inputs.
type Args struct {
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Triggers               *[]any            `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *string           `pulumi:"logging,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate describes the inputs.
func (a *Args) Annotate(an infer.Annotator) {
	an.Describe(&a.Create, "The command to run on create.")
	an.Describe(&a.Update, "The command to run on update; create by default.")
	an.Describe(&a.Delete, "The command to run on delete.")
	an.Describe(&a.Triggers, "Values whose change replaces the resource.")
	an.Describe(&a.Stdin, "What each of the commands gets on its standard input.")
	an.Describe(&a.Logging, "What is logged: stdout, stderr, stdoutAndStderr (the default) or none. Both are outputs in any case.")
	an.Describe(&a.Environment, "Further variables for the command. A remote host's sshd must allow each by AcceptEnv.")
	an.Describe(&a.AddPreviousOutputInEnv,
		"Give the last outputs to update and delete as PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR; true by default.")
}

// OnUpdate is the command to run on update, if there is one.
func (a *Args) OnUpdate() *string {
	if a.Update != nil {
		return a.Update
	}
	return a.Create
}

// Outputs are what the last command printed.
type Outputs struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Previous are the variables by which the next command gets them.
func (o Outputs) Previous(wanted *bool) map[string]string {
	variables := map[string]string{}
	if wanted == nil || *wanted {
		for name, value := range map[string]string{"PULUMI_COMMAND_STDOUT": o.Stdout, "PULUMI_COMMAND_STDERR": o.Stderr} {
			if value != "" {
				variables[name] = value
			}
		}
	}
	return variables
}

// Capture takes what a command prints: as it is, for the outputs and for an error, and line by line into the log
// while the command runs.
type Capture struct {
	Stdout, Stderr io.Writer

	ctx            context.Context
	stdout, stderr bytes.Buffer
	both           shared
	log            *io.PipeWriter
	logged         chan struct{}
}

// shared is written to by both streams at once.
type shared struct {
	sync.Mutex
	bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.Buffer.Write(p)
}

// NewCapture logs what `logging` names. What it cannot bear ends the command by `abort`, which must end ctx.
func NewCapture(ctx context.Context, abort func(error), logging *string) *Capture {
	lines, log := io.Pipe()
	c := &Capture{ctx: ctx, log: log, logged: make(chan struct{})}
	stream := func(kept io.Writer, name string) io.Writer {
		if logging == nil || *logging == "stdoutAndStderr" || *logging == name {
			return io.MultiWriter(kept, &c.both, log)
		}
		return io.MultiWriter(kept, &c.both)
	}
	c.Stdout, c.Stderr = stream(&c.stdout, "stdout"), stream(&c.stderr, "stderr")
	go func() {
		defer close(c.logged)
		// With the scanner's own limit, because the official plugin has it.
		scanner := bufio.NewScanner(lines)
		for scanner.Scan() {
			p.GetLogger(ctx).InfoStatus(scanner.Text())
		}
		if scanner.Err() != nil {
			err := errors.New("the official plugin hangs here: a line of more than 64 KiB")
			abort(err)
			_ = lines.CloseWithError(err)
		}
	}()
	return c
}

// Finish keeps what the command printed, or says with what error it ended.
func (c *Capture) Finish(to *Outputs, command string, err error) error {
	_ = c.log.Close()
	<-c.logged
	if err := Cause(c.ctx, err); err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, c.both.String())
	}
	*to = Outputs{strings.TrimSuffix(c.stdout.String(), "\n"), strings.TrimSuffix(c.stderr.String(), "\n")}
	return nil
}

// Cause is why ctx ended, or else the error: what fails because ctx ended does not know why.
func Cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
