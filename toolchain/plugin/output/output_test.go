package output

import (
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	for given, want := range map[string]string{
		"plain\ttext\n":                       "plain\ttext\n",
		"\x1b[1;31mred\x1b[0m":                "red",
		"\x1b]0;title\x07a\x1b]8;;url\x1b\\b": "ab",
		"\x1b[2J\x1b[Hclear":                  "clear",
		"10%\r20%\r":                          "10% 20%",
		"line\r\nline":                        "line\nline",
		"a\x1b\x00\x08\u009bb":                "ab",
		"Pi \xff":                             "Pi \uFFFD",
		"Grüße, 世界":                           "Grüße, 世界",
	} {
		if got := Printable(given); got != want {
			t.Errorf("%q became %q, not %q", given, got, want)
		}
	}
}

func TestLinesAreCutAndJoined(t *testing.T) {
	var lines []string
	c := New("", func(line string) { lines = append(lines, line) }, func(err error) { t.Error(err) })
	long := strings.Repeat("x", 2*maxLogLine+1)
	for _, piece := range []string{"a", "b\n\nc", "\n" + long, "y\nlast"} {
		if _, err := c.Stdout().Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	stdout, _ := c.Finish()
	if stdout != "ab\n\nc\n"+long+"y\nlast" {
		t.Errorf("stdout has %d bytes", len(stdout))
	}
	want := []string{"ab", "", "c", long[:maxLogLine], long[:maxLogLine], "xy", "last"}
	if strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Errorf("%d lines: %.100q", len(lines), lines)
	}
}

func TestLoggingEnds(t *testing.T) {
	var lines []string
	c := New("", func(line string) { lines = append(lines, line) }, func(err error) { t.Error(err) })
	if _, err := c.Stdout().Write([]byte(strings.Repeat("y\n", 3*maxLogLines))); err != nil {
		t.Fatal(err)
	}
	stdout, _ := c.Finish()
	if len(stdout) != 6*maxLogLines-1 || len(lines) != maxLogLines+1 || !strings.Contains(lines[maxLogLines], "not logged") {
		t.Errorf("%d lines logged, the last is %q; stdout has %d bytes", len(lines), lines[len(lines)-1], len(stdout))
	}
}
