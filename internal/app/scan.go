package app

import (
	"context"
	"fmt"
	"time"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
)

// ScanID names a scan for as long as the program runs.
type ScanID string

// ScanState is how a scan is doing.
type ScanState struct {
	ID      ScanID        `json:"id"`
	State   string        `json:"state" enum:"running,done,failed,cancelled"`
	Phase   string        `json:"phase" doc:"What is being done, in words."`
	Files   int           `json:"files" doc:"Files seen so far."`
	Read    int           `json:"read" doc:"Files opened so far."`
	Started time.Time     `json:"started"`
	Ended   time.Time     `json:"ended,omitzero"`
	Digest  estate.Digest `json:"digest,omitempty" doc:"Of the graph it made."`
	Error   string        `json:"error,omitempty"`
	Kind    string        `json:"kind,omitempty" doc:"Kind of fault that ended it."`

	Err error `json:"-"` // why it failed
}

// Running reports whether the scan goes on.
func (s ScanState) Running() bool { return s.State == "running" }

// scan is one run, with those who wait for news of it.
type scan struct {
	state   ScanState
	cancel  context.CancelFunc
	changed chan struct{} // closed and replaced at every change
}

// StartScan begins a scan in the background. Conflict when one is running.
func (a *App) StartScan(req ScanRequest) (ScanState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, ok := a.scans[a.latest]; ok && last.state.Running() {
		return last.state, fault.Newf(fault.Conflict, "scan %s is running; wait for it or cancel it", last.state.ID)
	}
	if a.ctx.Err() != nil {
		return ScanState{}, fault.Newf(fault.Unavailable, "the program is stopping")
	}
	ctx, cancel := context.WithCancel(a.ctx)
	id := ScanID(fmt.Sprintf("scan-%d", len(a.scans)+1))
	s := &scan{state: ScanState{ID: id, State: "running", Phase: "starting", Started: a.now()}, cancel: cancel, changed: make(chan struct{})}
	a.scans[id], a.latest = s, id
	a.wg.Go(func() {
		defer cancel()
		a.run(ctx, s, req)
	})
	return s.state, nil
}

// run carries a scan to its end and keeps what it made.
func (a *App) run(ctx context.Context, s *scan, req ScanRequest) {
	graph, snapshot, err := a.read(ctx, req, func(phase string, p discover.Progress) {
		a.change(s, func(st *ScanState) { st.Phase, st.Files, st.Read = phase, max(st.Files, p.Files), max(st.Read, p.Read) })
	})
	ended := a.now()
	if err == nil {
		err = a.keeper.Save(ctx, store.Record{Graph: graph, Snapshot: snapshot, TakenAt: ended, Source: a.label, Took: ended.Sub(s.state.Started)})
	}
	a.change(s, func(st *ScanState) {
		st.Ended, st.Phase, st.State = ended, "done", "done"
		switch {
		case ctx.Err() != nil && err != nil:
			st.State, st.Phase, st.Err = "cancelled", "cancelled", fault.Newf(fault.Unavailable, "the scan was cancelled; nothing was kept of it")
		case err != nil:
			st.State, st.Phase, st.Err = "failed", "failed", err
		default:
			st.Digest = graph.Digest
		}
		if st.Err != nil {
			st.Error, st.Kind = st.Err.Error(), fault.KindOf(st.Err).String()
		}
	})
}

func (a *App) change(s *scan, f func(*ScanState)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&s.state)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Scan tells how a scan is doing; the last one started when id is empty. NotFound when there is none.
func (a *App) Scan(id ScanID) (ScanState, error) {
	state, _, err := a.watch(id)
	return state, err
}

// Watch is Scan, and a channel that is closed at the scan's next change.
func (a *App) Watch(id ScanID) (ScanState, <-chan struct{}, error) { return a.watch(id) }

func (a *App) watch(id ScanID) (ScanState, <-chan struct{}, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id == "" {
		id = a.latest
	}
	s, ok := a.scans[id]
	if !ok {
		return ScanState{}, nil, fault.Newf(fault.NotFound, "no scan %q; start one", id)
	}
	return s.state, s.changed, nil
}

// CancelScan stops a scan; one that has ended stays as it is.
func (a *App) CancelScan(id ScanID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.scans[id]
	if !ok {
		return fault.Newf(fault.NotFound, "no scan %q", id)
	}
	s.cancel()
	return nil
}
