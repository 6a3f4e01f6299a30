package board

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/shell"
)

// Told is a message to somebody, and what became of it.
type Told struct {
	Team  estate.TeamName // "" for a mail address of an escalation
	Over  string          // the channel; "" when nobody can be reached
	To    string
	Title string
	State string // waiting, sending, sent or failed
	Error string // of the last attempt
	At    time.Time
	Next  time.Time // attempt, of one that waits
}

// line is what was told to one recipient over one channel.
type line struct {
	who, over             string
	last                  Told
	sent, waiting, failed int
	errors                []string // each once, the last first
}

// told is what was told, by recipient and channel: to all, or to the team whose page it is.
func (v View) told() []line {
	var out []line
	for _, t := range v.Told { // the last first
		who, over := cmp.Or(string(t.Team), t.To), strings.TrimSpace(t.Over+" "+t.To)
		if v.Team != "" && t.Team != v.Team {
			continue
		}
		i := slices.IndexFunc(out, func(l line) bool { return l.who == who && l.over == over })
		if i < 0 {
			i = len(out)
			out = append(out, line{who: who, over: over, last: t})
		}
		out[i].add(t)
	}
	slices.SortFunc(out, func(x, y line) int {
		return cmp.Or(cmp.Compare(min(1, y.failed), min(1, x.failed)), cmp.Compare(x.who, y.who), cmp.Compare(x.over, y.over))
	})
	return out
}

func (l *line) add(t Told) {
	switch t.State {
	case "sent":
		l.sent++
	case "failed":
		l.failed++
	default:
		l.waiting++
	}
	if t.Error != "" && t.State != "sent" && !slices.Contains(l.errors, t.Error) {
		l.errors = append(l.errors, t.Error)
	}
}

// chip is the class and the words of how a line stands: what failed, else what waits, else that all is delivered.
func (l line) chip() (class, words string) {
	switch {
	case l.failed > 0:
		return "failed", shell.Number(l.failed) + " failed"
	case l.waiting > 0:
		return "asked", shell.Number(l.waiting) + " waiting"
	}
	return "done", "delivered"
}

func (l line) class() string {
	class, _ := l.chip()
	return class
}

func (l line) words() string {
	_, words := l.chip()
	return words
}

// toldTally counts messages by how they stand.
func toldTally(lines []line) string {
	sent, waiting, failed := 0, 0, 0
	for _, l := range lines {
		sent, waiting, failed = sent+l.sent, waiting+l.waiting, failed+l.failed
	}
	out := []string{shell.Number(sent) + " delivered"}
	if waiting > 0 {
		out = append(out, shell.Number(waiting)+" waiting")
	}
	if failed > 0 {
		out = append(out, shell.Number(failed)+" failed")
	}
	return strings.Join(out, ", ")
}
