package message

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Letter is what goes out at once: all that waits for one address.
type Letter struct {
	ID       string // the same whenever it is tried, so that a second copy can be recognised
	Attempt  int    // from 1
	Thread   string // receipt of what it answers; "" for none
	Messages []Message
	Address
}

// IDOf names a letter by what is in it: 32 hexadecimal digits.
func IDOf(messages []Message) string {
	keys := make([]string, len(messages))
	for i, m := range messages {
		keys[i] = string(m.Key)
	}
	slices.Sort(keys)
	sum := sha256.Sum256([]byte(strings.Join(keys, "\n")))
	return hex.EncodeToString(sum[:16])
}

// Subject is what a letter is about, in one line.
func (l Letter) Subject() string {
	if len(l.Messages) == 1 {
		return l.Messages[0].Title
	}
	var parts []string
	for _, kind := range []Kind{Announcement, Reminder, Escalation, News} {
		n := 0
		for _, m := range l.Messages {
			if m.Kind == kind {
				n++
			}
		}
		switch {
		case n > 0 && kind == News:
			parts = append(parts, fmt.Sprintf("%d news", n))
		case n > 0:
			parts = append(parts, counted(n, string(kind)))
		}
	}
	return fmt.Sprintf("%s: %s for %s", strings.Join(l.expansions(), ", "), strings.Join(parts, ", "), l.Messages[0].called())
}

// expansions are those a letter tells of, in its order.
func (l Letter) expansions() []string {
	var out []string
	for _, m := range l.Messages {
		if !slices.Contains(out, m.Expansion) {
			out = append(out, m.Expansion)
		}
	}
	return out
}

// rule stands between two messages of one letter.
const rule = "\n\n----------------------------------------\n\n"

// Text is all of a letter as plain text.
func (l Letter) Text() string {
	texts := make([]string, len(l.Messages))
	for i, m := range l.Messages {
		texts[i] = strings.TrimRight(m.Text, "\n")
	}
	return strings.Join(texts, rule) + "\n"
}

// HTML is all of a letter as one simple page.
func (l Letter) HTML() string {
	var b strings.Builder
	b.WriteString(`<!doctype html><html><head><meta charset="utf-8"></head><body style="font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;max-width:44em">`)
	for i, m := range l.Messages {
		if i > 0 {
			b.WriteString("<hr>\n")
		}
		b.WriteString("<p>")
		for n, text := range strings.Split(strings.TrimRight(m.HTML, "\n"), "\n") {
			if n > 0 {
				b.WriteString("<br>\n")
			}
			indent := len(text) - len(strings.TrimLeft(text, " "))
			b.WriteString(strings.Repeat("&nbsp;", indent) + text[indent:])
		}
		b.WriteString("</p>\n")
	}
	b.WriteString("</body></html>\n")
	return b.String()
}
