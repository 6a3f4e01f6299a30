// Package scan is the page where a scan is started and watched, with the history of snapshots.
package scan

import (
	"fmt"
	"net/url"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/shell"
)

// View is the page: how the scan is doing and what was kept.
type View struct {
	Status  Status
	History []Snapshot // newest first
}

// Status is the running scan or the last one.
type Status struct {
	State   State
	Phase   string
	Files   int
	Read    int
	Started shell.Moment
	Took    string
	Digest  estate.Digest
	Failure string
}

// State is where a scan is.
type State string

// The states.
const (
	Never   State = "never"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// Snapshot is one line of the history. Since is the address of what changed since the one before, empty for the oldest.
type Snapshot struct {
	Digest                         estate.Digest
	Taken                          shell.Moment
	Services, Edges, Doubts, Files int
	Newest                         bool
	Since                          string
}

// Took says how long something lasted: "0.8 s", "12 s", "3 min".
func Took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// Between is the query that asks for what changed between two snapshots.
func Between(older, newer estate.Digest) string {
	return "old=" + url.QueryEscape(string(older)) + "&new=" + url.QueryEscape(string(newer))
}
