// Package output takes what a command prints: kept for the resource's stdout and stderr, and logged
// line by line while the command runs.
package output

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

const (
	// Limit is the most that a command may print. All of it is held in memory and then in the state
	// file, which every later operation reads: endless output must end in an error, not in swap.
	Limit = 16 << 20
	// maxLogLine is where a longer line is cut into several log lines. The official plugin stops
	// reading at 64 KiB, and the command then hangs.
	maxLogLine = 16 << 10
	// maxLogLines is after how many lines logging ends: each is a message to the engine, which takes some
	// 2,000 a second, and a command that prints faster would wait for its own log.
	maxLogLines = 10_000
	// maxTail is how much of the output an error message repeats: its end, where the reason is.
	maxTail = 64 << 10
)

// Capture holds the output of one command.
type Capture struct {
	mu             sync.Mutex
	stdout, stderr stream
	tail           []byte
	size, logged   int
	log            func(line string)
	abort          func(error)
}

type stream struct {
	capture *Capture
	logged  bool
	kept    bytes.Buffer
	line    []byte
}

// Modes are the values of the input `logging`: what is logged; stdout and stderr are kept in any case.
var Modes = []struct{ Name, Description string }{
	{"stdout", "Log stdout, not stderr"},
	{"stderr", "Log stderr, not stdout"},
	{"stdoutAndStderr", "Log stdout and stderr"},
	{"none", "Log nothing"},
}

// CheckMode says what is wrong with a value of `logging`, if anything. The official plugin takes any, and then logs nothing.
func CheckMode(mode string) error {
	var names []string
	for _, known := range Modes {
		if mode == known.Name {
			return nil
		}
		names = append(names, known.Name)
	}
	return fmt.Errorf("is %q, must be one of %s", mode, strings.Join(names, ", "))
}

// New makes a Capture that logs by `log` what `mode` names (left out: both) and calls `abort`, which
// must end the command, when that prints more than Limit.
func New(mode string, log func(line string), abort func(error)) *Capture {
	c := &Capture{log: log, abort: abort}
	both := mode == "" || mode == "stdoutAndStderr"
	c.stdout = stream{capture: c, logged: both || mode == "stdout"}
	c.stderr = stream{capture: c, logged: both || mode == "stderr"}
	return c
}

// Stdout is where the command's standard output goes.
func (c *Capture) Stdout() io.Writer { return &c.stdout }

// Stderr is where the command's standard error goes.
func (c *Capture) Stderr() io.Writer { return &c.stderr }

// Finish logs what came without a final newline and returns stdout and stderr, each without its last one.
func (c *Capture) Finish() (stdout, stderr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range []*stream{&c.stdout, &c.stderr} {
		if len(s.line) > 0 {
			s.emit()
		}
	}
	return c.stdout.text(), c.stderr.text()
}

// Tail is the end of stdout and stderr as they came, fit to be printed in an error message.
func (c *Capture) Tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	tail, note := c.tail, ""
	if len(tail) > maxTail {
		tail = tail[len(tail)-maxTail:]
	}
	if cut := c.size - len(tail); cut > 0 {
		note = fmt.Sprintf("[%d bytes before this left out]\n", cut)
	}
	return note + Printable(string(tail))
}

func (s *stream) Write(p []byte) (int, error) {
	c := s.capture
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size += len(p); c.size > Limit {
		err := fmt.Errorf("it printed more than %d MiB: send what is that long to a file", Limit>>20)
		c.abort(err)
		return 0, err
	}
	s.kept.Write(p)
	// Twice the size, so that it is cut only once in so many bytes.
	if c.tail = append(c.tail, p...); len(c.tail) > 2*maxTail {
		c.tail = append([]byte(nil), c.tail[len(c.tail)-maxTail:]...)
	}
	if s.logged {
		s.logLines(p)
	}
	return len(p), nil
}

func (s *stream) logLines(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		room := maxLogLine - len(s.line)
		switch {
		case end >= 0 && end <= room:
			s.line = append(s.line, p[:end]...)
			p = p[end+1:]
			s.emit()
		case len(p) > room:
			s.line = append(s.line, p[:room]...)
			p = p[room:]
			s.emit()
		default:
			s.line = append(s.line, p...)
			return
		}
	}
}

func (s *stream) emit() {
	c := s.capture
	switch c.logged++; {
	case c.logged <= maxLogLines:
		c.log(Printable(string(s.line)))
	case c.logged == maxLogLines+1:
		c.log(fmt.Sprintf("[more than %d lines: the rest is not logged]", maxLogLines))
	}
	s.line = s.line[:0]
}

// text is valid UTF-8, as everything must be that goes into the state.
func (s *stream) text() string {
	return strings.ToValidUTF8(strings.TrimSuffix(s.kept.String(), "\n"), string(unicode.ReplacementChar))
}

// A control sequence as ECMA-48 writes it: colours, cursor moves, and titles ended by BEL or ESC \.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[ -/]*[0-~])`)

// Printable takes out of a text what would move the cursor, recolour or retitle the reader's terminal:
// what comes from a remote host must not be able to rewrite what Pulumi says about it.
func Printable(text string) string {
	text = strings.ToValidUTF8(text, string(unicode.ReplacementChar))
	text = escapes.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.TrimSuffix(text, "\r"))
}
