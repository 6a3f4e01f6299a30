package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
)

// ScanID names a scan, among those of all programs that share a store.
type ScanID string

// newScanID is eight digits nobody will have had before.
func newScanID() ScanID {
	var digits [4]byte
	_, _ = rand.Read(digits[:]) // never fails
	return ScanID("scan-" + hex.EncodeToString(digits[:]))
}

// ScanState is how a scan is doing.
type ScanState struct {
	ID      ScanID        `json:"id"`
	State   string        `json:"state" enum:"running,done,failed,cancelled"` // running, or as the store has it
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

const running = "running"

// Running reports whether the scan goes on.
func (s ScanState) Running() bool { return s.State == running }

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
	id := newScanID()
	s := &scan{state: ScanState{ID: id, State: running, Phase: "starting", Started: a.now()}, cancel: cancel, changed: make(chan struct{})}
	a.scans[id], a.latest = s, id
	a.wg.Go(func() {
		defer cancel()
		a.run(ctx, s, req)
	})
	return s.state, nil
}

// run carries a scan to its end and keeps what it made.
func (a *App) run(ctx context.Context, s *scan, req ScanRequest) {
	id, started := s.state.ID, s.state.Started
	graph, snapshot, err := a.readSafely(ctx, req, func(phase string, p discover.Progress) {
		a.change(s, func(st *ScanState) { st.Phase, st.Files, st.Read = phase, max(st.Files, p.Files), max(st.Read, p.Read) })
	})
	end := store.Scan{ID: string(id), Started: started, Ended: a.now(), State: store.Done, Source: a.label}
	if err == nil {
		err = a.keeper.Save(ctx, store.Record{Graph: graph, Snapshot: snapshot, Scan: end.ID, Started: started, TakenAt: end.Ended, Source: a.label})
	}
	if err != nil {
		end, err = a.note(ctx, end, err)
	}
	a.change(s, func(st *ScanState) {
		if a.store == nil && err == nil {
			a.lastSnapshot = snapshot
		}
		st.Ended, st.Phase, st.State = end.Ended, end.State, end.State
		if err != nil {
			st.Err, st.Error, st.Kind = err, err.Error(), fault.KindOf(err).String()
			return
		}
		st.Digest = graph.Digest
	})
}

// noting is how long a store may take to write down that a scan made nothing.
const noting = 2 * time.Second

// note writes down why a scan made nothing, and gives the error to tell.
func (a *App) note(ctx context.Context, end store.Scan, err error) (store.Scan, error) {
	end.State = store.Failed
	if ctx.Err() != nil {
		end.State, err = store.Cancelled, fault.Newf(fault.Unavailable, "the scan was cancelled; nothing was kept of it")
	}
	end.Kind, end.Error = fault.KindOf(err).String(), err.Error()
	still, cancel := context.WithTimeout(context.WithoutCancel(ctx), noting)
	defer cancel()
	return end, errors.Join(err, a.keeper.Note(still, end))
}

// readSafely ends a scan that meets a defect of ours, and that scan alone: the program may be serving others.
func (a *App) readSafely(ctx context.Context, req ScanRequest, report func(string, discover.Progress)) (g depmap.Graph, s estate.Snapshot, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.Newf(fault.Internal, "scan: %v in %s; please report it", v, panicked())
		}
	}()
	return a.read(ctx, req, report)
}

// panicked is the place that a deferred function recovers from.
func panicked() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // from who called the deferred function
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") || !more {
			return fmt.Sprintf("%s:%d", path.Base(frame.File), frame.Line)
		}
	}
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
