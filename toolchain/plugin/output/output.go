// Package output takes what a command prints.
package output

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
)

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

// New logs what `logging` names. What it cannot bear ends the command by `abort`, which must end ctx.
func New(ctx context.Context, abort func(error), logging *string) *Capture {
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
func (c *Capture) Finish(command string, err error) (stdout, stderr string, _ error) {
	_ = c.log.Close()
	<-c.logged
	if err := Cause(c.ctx, err); err != nil {
		return "", "", fmt.Errorf("%w: running %q:\n%s", err, command, c.both.String())
	}
	return strings.TrimSuffix(c.stdout.String(), "\n"), strings.TrimSuffix(c.stderr.String(), "\n"), nil
}

// Cause is why ctx ended, or else the error: what fails because ctx ended does not know why.
func Cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
