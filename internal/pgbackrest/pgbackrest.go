// Package pgbackrest knows backups of PostgreSQL that pgBackRest makes: when the last one ended, how far the log is kept, and whether a backup can be
// restored. It runs the program where a Runner says: on this machine, on another over SSH, in a pod.
//
// A drill restores the newest backup beside the database, never into it: into a folder that is its own, with a server that only its account reaches.
package pgbackrest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
)

// Runner runs a program with exactly these arguments until it ends or the context does. A program that fails is an Output with its code; the error is for
// those that could not be run.
type Runner func(ctx context.Context, argv ...string) (Output, error)

// Output is what a program said.
type Output struct {
	Stdout, Stderr []byte
	Code           int
}

// Tool is pgBackRest where the backups of a database are reached.
type Tool struct {
	Run    Runner
	Stanza string
	Config string // its configuration's file; its usual one for ""
	Where  string // the machine, for messages
}

// Kind is how much a backup copies.
type Kind string

// The kinds.
const (
	Full         Kind = "full"
	Differential Kind = "diff" // what changed since the last full one
	Incremental  Kind = "incr" // what changed since the last one
)

// Bounds of what pgBackRest may take.
const (
	longestAnswer = time.Minute
	longestBackup = 24 * time.Hour
)

// BackUp makes a backup and says how all of them stand afterwards. Conflict while another is being made, Unavailable when it did not succeed.
func (t Tool) BackUp(ctx context.Context, kind Kind) (Info, error) {
	switch kind {
	case Full, Differential, Incremental:
	default:
		return Info{}, fault.Newf(fault.Invalid, "%q is no kind of backup; write full, diff or incr", kind)
	}
	within, stop := context.WithTimeout(ctx, longestBackup)
	defer stop()
	out, err := t.Run(within, t.command("backup", "--type="+string(kind))...)
	if err != nil {
		return Info{}, err
	}
	if out.Code == codeLacking {
		ctx, stop := context.WithTimeout(ctx, longestAnswer)
		defer stop()
		return Info{}, fault.Newf(fault.NotFound, "back up %s: %s", t.Stanza, t.noStanza(ctx))
	}
	if err := t.refused("back up", out); err != nil {
		return Info{}, err
	}
	return t.Info(ctx)
}

func (t Tool) command(words ...string) []string {
	argv := []string{"pgbackrest", "--log-level-console=off", "--log-level-stderr=error"}
	if t.Stanza != "" {
		argv = append(argv, "--stanza="+t.Stanza)
	}
	if t.Config != "" {
		argv = append(argv, "--config="+t.Config)
	}
	return append(argv, words...)
}

// Codes of pgBackRest (src/build/error/error.yaml) and of who runs programs for others.
const (
	codeLacking    = 37 // an option: of a backup, where the database is
	codeLocked     = 50
	codeNoProgram  = 127
	codeForbidding = 126
)

func (t Tool) refused(doing string, out Output) error {
	switch out.Code {
	case 0:
		return nil
	case codeLocked:
		return fault.Newf(fault.Conflict, "%s %s on %s: pgBackRest is at it already; wait for it", doing, t.Stanza, t.Where)
	case codeNoProgram, codeForbidding:
		return fault.Newf(fault.Unavailable, "%s %s: pgbackrest cannot be run on %s (%s); install it there, with the account postgres", doing, t.Stanza, t.Where, complaint(out))
	}
	return fault.Newf(fault.Unavailable, "%s %s on %s: %s", doing, t.Stanza, t.Where, complaint(out))
}

// mostSaid bounds, in bytes, what is told of a complaint.
const mostSaid = 400

// complaint is the first error a program told of, else the first line it said, without what is secret.
func complaint(out Output) string {
	said := ""
	for lines := bufio.NewScanner(bytes.NewReader(append(bytes.Clone(out.Stderr), out.Stdout...))); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if _, after, found := strings.Cut(line, "ERROR: "); found {
			return told(after)
		}
		said = cmp.Or(said, line)
	}
	return told(cmp.Or(said, "it says nothing"))
}

func told(text string) string {
	return redact.Text(strings.ToValidUTF8(text[:min(len(text), mostSaid)], ""))
}
