package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
)

// terminal is where results and news go. Progress is drawn in place on a terminal; elsewhere it is a line now and then.
type terminal struct {
	out, err io.Writer
	now      func() time.Time

	begun time.Time // of what progress is shown of
	shown bool      // a line of it stands on the terminal
	phase string    // the last one that was said elsewhere
	said  time.Time // when it was
}

const (
	patience = time.Second      // how long something may take before progress is shown
	interval = 10 * time.Second // between lines of it where there is no terminal
)

// progress shows how far a phase has come.
func (t *terminal) progress(phase, format string, args ...any) {
	now := t.now()
	if t.begun.IsZero() {
		t.begun = now
	}
	if now.Sub(t.begun) < patience {
		return
	}
	line := plain(phase + ": " + fmt.Sprintf(format, args...))
	if isTerminal(t.err) {
		fmt.Fprintf(t.err, "\r\x1b[K%s", truncate(line, t.width()-1))
		t.shown = true
		return
	}
	if phase != t.phase || now.Sub(t.said) >= interval {
		t.say("%s", line)
		t.phase, t.said = phase, now
	}
}

// clear takes the progress line away.
func (t *terminal) clear() {
	if t.shown {
		fmt.Fprint(t.err, "\r\x1b[K")
	}
	t.shown, t.begun, t.phase = false, time.Time{}, ""
}

func (t *terminal) say(format string, args ...any) { fmt.Fprintf(t.err, format+"\n", args...) }

// checked remembers the first error of writing, so that a full disk is not taken for an answer.
type checked struct {
	io.Writer
	err error
}

func (c *checked) Write(data []byte) (int, error) {
	n, err := c.Writer.Write(data)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// file is the file behind a writer, if there is one.
func file(w io.Writer) (*os.File, bool) {
	if c, ok := w.(*checked); ok {
		w = c.Writer
	}
	f, ok := w.(*os.File)
	return f, ok
}

func isTerminal(w io.Writer) bool {
	f, ok := file(w)
	return ok && term.IsTerminal(int(f.Fd()))
}

// plain is text that does nothing to a terminal: control characters in names and values are spelt out.
func plain(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unprintable are control characters, and those that turn the direction of text or hide.
func unprintable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// wide is the width used when nobody looks: results in a file are not cut.
const wide = 10_000

func (t *terminal) width() int {
	f, ok := file(t.out)
	if !ok {
		return wide
	}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
		return w
	}
	return wide
}

// colour reports whether results may be coloured.
func (t *terminal) colour() bool { return os.Getenv("NO_COLOR") == "" && isTerminal(t.out) }

func (t *terminal) dim(s string) string {
	if !t.colour() {
		return s
	}
	return "\x1b[2m" + s + "\x1b[0m"
}

func (t *terminal) bold(s string) string {
	if !t.colour() {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}
