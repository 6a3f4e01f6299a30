package web

import (
	"context"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Backend is what the portal asks of the program around it. Its errors are faults: their kind becomes the status
// of the page and their text is shown to the reader.
type Backend interface {
	// Snapshot is the graph of that digest or unambiguous digest prefix; of the newest snapshot when digest is empty.
	// NotFound when there is none.
	Snapshot(ctx context.Context, digest string) (Snapshot, error)
	// Snapshots lists what is kept, newest first.
	Snapshots(ctx context.Context) ([]Summary, error)
	// StartScan begins a scan and returns at once; Conflict when one is running.
	StartScan(ctx context.Context) error
	// Scan tells how the running scan is doing, or how the last one ended. The zero Progress: none was started.
	Scan(ctx context.Context) (Progress, error)
}

// Snapshot is a graph with the time it was read.
type Snapshot struct {
	Graph   depmap.Graph
	TakenAt time.Time
}

// Summary is one line of the history of snapshots.
type Summary struct {
	Digest   estate.Digest
	TakenAt  time.Time
	Services int
	Edges    int
	Doubts   int
	Files    int
}

// Progress is the state of a scan.
type Progress struct {
	Running bool
	Phase   string // what is being done, in words: "reading files", "drawing edges"
	Files   int    // seen so far
	Read    int    // opened so far
	Started time.Time
	Ended   time.Time     // zero while it runs
	Digest  estate.Digest // of the snapshot it made
	Failed  error         // why it ended without one
}
