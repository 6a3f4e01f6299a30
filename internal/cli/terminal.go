package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminal is where results and news go. Progress is drawn in place on a terminal and not at all elsewhere.
type terminal struct {
	out, err io.Writer
	now      func() time.Time

	begun time.Time // of the progress line
	shown bool
}

// patience is how long something may take before progress is shown.
const patience = time.Second

func (t *terminal) progress(format string, args ...any) {
	if !isTerminal(t.err) {
		return
	}
	if t.begun.IsZero() {
		t.begun = t.now()
	}
	if t.now().Sub(t.begun) < patience {
		return
	}
	line := fmt.Sprintf(format, args...)
	fmt.Fprintf(t.err, "\r\x1b[K%s", truncate(line, t.width()-1))
	t.shown = true
}

// clear takes the progress line away.
func (t *terminal) clear() {
	if t.shown {
		fmt.Fprint(t.err, "\r\x1b[K")
	}
	t.shown, t.begun = false, time.Time{}
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

func truncate(s string, width int) string {
	if utf8.RuneCountInString(s) <= width || width < 2 {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// table prints rows under a header in columns two blanks apart. The last column gives way when the terminal is narrow.
func (t *terminal) table(header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	widths := make([]int, len(header))
	for _, r := range append([][]string{header}, rows...) {
		for i, cell := range r {
			r[i] = plain(cell)
			cell = r[i]
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	used := 0
	for _, w := range widths[:len(widths)-1] {
		used += w + 2
	}
	widths[len(widths)-1] = max(12, min(widths[len(widths)-1], t.width()-used))
	fmt.Fprintln(t.out, t.dim(tableLine(header, widths)))
	for _, r := range rows {
		fmt.Fprintln(t.out, tableLine(r, widths))
	}
}

func tableLine(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		if i == len(cells)-1 {
			b.WriteString(truncate(cell, widths[i]))
			break
		}
		b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
	}
	return strings.TrimRight(b.String(), " ")
}
