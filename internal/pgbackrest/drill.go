package pgbackrest

import (
	"context"
	_ "embed" // for the script
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

//go:embed drill.sh
var script string

// Drill says how a backup is restored and checked.
type Drill struct {
	Scratch   string        // folder for it, which nothing else uses
	Superuser string        // of the database; postgres for ""
	Longest   time.Duration // it may take; twelve hours for 0
}

// Bounds of a drill.
const (
	usualDrill = 12 * time.Hour
	beat       = 15 * time.Second // the script gives up after two minutes without one
	goodbye    = 2 * time.Minute  // to clean up in
	spare      = 64 << 10         // KiB that a server needs besides the data
)

// Drill restores the newest backup, checks it and takes it away again. What is wrong with the backup is in Failed of what it gives. The error is for
// drills that say nothing about it: NotFound without a backup, Conflict while another is at work or the folder is not a drill's own, Unavailable where
// something is missing. When the context ends it is broken off and cleaned up; what one left that was killed, the next cleans up.
func (t Tool) Drill(ctx context.Context, d Drill, now func() time.Time) (standby.Drill, error) {
	if !filepath.IsAbs(d.Scratch) || path.Clean(d.Scratch) == "/" {
		return standby.Drill{}, fault.Newf(fault.Invalid, "%q is no folder for drills; write its whole path", d.Scratch)
	}
	info, err := t.Info(ctx)
	if err != nil {
		return standby.Drill{}, err
	}
	newest, there := info.Newest()
	if !there && info.Failed != "" {
		return standby.Drill{}, fault.Newf(fault.NotFound, "drill of %s: %s", t.Stanza, info.Failed)
	}
	if !there {
		return standby.Drill{}, fault.Newf(fault.NotFound, "%s has no backup on %s that could be restored; make one with caravan standby backup", t.Stanza, t.Where)
	}
	out := standby.Drill{At: now().UTC(), Label: newest.Label, Ended: newest.Ended}
	said, err := t.attended(ctx, d, newest)
	out.Took = now().Sub(out.At)
	if err != nil {
		return out, err
	}
	return out, t.judge(&out, said, info)
}

// attended runs the script and lets it know that somebody waits for it.
func (t Tool) attended(ctx context.Context, d Drill, b Backup) (Output, error) {
	longest := d.Longest
	if longest == 0 {
		longest = usualDrill
	}
	running, stop := context.WithTimeout(context.WithoutCancel(ctx), longest+goodbye)
	defer stop()
	var said Output
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		said, err = t.Run(running, t.script(d, b, longest)...)
	}()
	t.attend(ctx, path.Join(path.Clean(d.Scratch), "beat"), ended)
	select {
	case <-ended:
	case <-time.After(goodbye):
		stop()
		<-ended
	}
	if ctx.Err() != nil {
		return said, fmt.Errorf("drill of %s on %s: %w", t.Stanza, t.Where, ctx.Err())
	}
	return said, err
}

// attend returns when the script ended, or was told to since the context has.
func (t Tool) attend(ctx context.Context, file string, ended <-chan struct{}) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), longestAnswer)
			defer stop()
			_, _ = t.Run(last, "rm", "-f", file) // without it the script gives up by itself, later
			return
		case <-tick.C:
			beating, stop := context.WithTimeout(ctx, beat)
			_, _ = t.Run(beating, "touch", "-c", file) // a lost beat is made up for by the next
			stop()
			tick.Reset(beat) // so that the end of the script is seen, though the beat took as long
		}
	}
}

func (t Tool) script(d Drill, b Backup, longest time.Duration) []string {
	superuser := d.Superuser
	if superuser == "" {
		superuser = "postgres"
	}
	const kibi = 1 << 10
	return []string{"sh", "-c", script, "drill", t.Stanza, b.Label, fmt.Sprint(b.Size/kibi + spare), path.Clean(d.Scratch), t.Config, superuser, fmt.Sprint(int(longest.Seconds()))}
}

// Codes of the script.
const (
	codeBad     = 10
	codeForeign = 65
	codeMissing = 69
	codeEnded   = 74
	codeBusy    = 75
)

// judge reads what the script found.
func (t Tool) judge(out *standby.Drill, said Output, info Info) error {
	facts := factsOf(said.Stdout)
	out.Version, _, _ = strings.Cut(facts["version"], " ")
	out.By = facts["by"]
	out.Databases, out.Tables, out.Indexes, out.Own = facts.number("databases"), facts.number("tables"), facts.number("indexes"), facts.number("own")
	out.Bytes = int64(facts.number("size"))
	switch said.Code {
	case 0:
		if facts["whole"] == "" {
			return fault.Newf(fault.Unavailable, "drill of %s on %s: it ended before it was done", t.Stanza, t.Where)
		}
		if out.UpTo = time.Unix(int64(facts.number("replayed")), 0).UTC(); out.UpTo.Before(out.Ended) {
			out.UpTo = out.Ended // nothing was changed since
		}
		out.Failed = gap(info.Segment, facts)
		return nil
	case codeBad:
		first, _, _ := strings.Cut(strings.TrimSpace(string(said.Stderr)), "\n")
		out.Failed = told(strings.ReplaceAll(first, "ERROR: ", ""))
		return nil
	case codeForeign, codeBusy:
		return fault.Newf(fault.Conflict, "drill of %s on %s: %s", t.Stanza, t.Where, complaint(said))
	case codeMissing:
		return fault.Newf(fault.Unavailable, "drill of %s on %s: %s", t.Stanza, t.Where, complaint(said))
	case codeEnded:
		return fault.Newf(fault.Unavailable, "drill of %s on %s: it was broken off after %s: its time was up, or it was told to", t.Stanza, t.Where, out.Took.Round(time.Second))
	}
	return t.refused("drill of", said)
}

// gap says that the log that was replayed ends before the newest segment that is kept begins; "" when it does not.
func gap(newest string, f facts) string {
	at, begins := uint64(f.number("lsn")), beginOf(newest, uint64(f.number("segment")))
	if at >= begins {
		return ""
	}
	return fmt.Sprintf("the log can be replayed up to %s only, and is kept up to %s: a part between is missing", lsn(at), lsn(begins))
}

// beginOf is where a segment of the log begins; 0 for what is none. A name is timeline, high and low part of the number, and 4 GiB are one high part
// (PostgreSQL, XLogFileName).
func beginOf(name string, size uint64) uint64 {
	if len(name) != segmentName || size == 0 {
		return 0
	}
	high, err := strconv.ParseUint(name[8:16], 16, 32)
	low, none := strconv.ParseUint(name[16:], 16, 32)
	if err != nil || none != nil {
		return 0
	}
	return high<<32 + low*size
}

func lsn(at uint64) string { return fmt.Sprintf("%X/%X", at>>32, at&(1<<32-1)) }

type facts map[string]string

func factsOf(text []byte) facts {
	f := facts{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			f[key] = value
		}
	}
	return f
}

// number is a fact that is one; 0 for what is none.
func (f facts) number(key string) int {
	n, _ := strconv.Atoi(f[key])
	return n
}
