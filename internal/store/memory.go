package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Memory keeps graphs and scans for as long as the program runs, for those who read directories and want nothing
// written. It makes a Store's promises, except that it does not keep what a graph was built from. The zero Memory is
// empty and ready.
type Memory struct {
	mu    sync.Mutex
	kept  map[estate.Digest]keptGraph
	scans []Scan
}

type keptGraph struct {
	graph   depmap.Graph
	summary Summary
}

// Save keeps a scan's outcome; see Store.Save.
func (m *Memory) Save(ctx context.Context, r Record) error {
	if err := checkRecord(r); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return interrupted("save a snapshot in", "in memory", ctx.Err())
	}
	sum := summaryOf(r)
	if old, seen := m.kept[sum.Digest]; seen {
		if sum.LastSeen.After(old.summary.LastSeen) {
			old.summary.LastSeen = sum.LastSeen
		}
		m.kept[sum.Digest] = old
	} else {
		if m.kept == nil {
			m.kept = map[estate.Digest]keptGraph{}
		}
		m.kept[sum.Digest] = keptGraph{r.Graph, sum}
	}
	m.note(r.scan())
	return nil
}

// Note writes down a scan that made no graph.
func (m *Memory) Note(_ context.Context, sc Scan) error {
	if err := checkNote(sc); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note(sc)
	return nil
}

func (m *Memory) note(sc Scan) {
	sc.Started, sc.Ended = stamp(sc.Started), stamp(sc.Ended)
	m.scans = append(m.scans, sc)
}

// stamp is a time as databases keep it.
func stamp(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

// Graph is the kept graph that ref means; see Store.Graph.
func (m *Memory) Graph(_ context.Context, ref string) (depmap.Graph, Summary, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.newestFirst()
	if isLatest(ref) {
		if len(all) == 0 {
			return depmap.Graph{}, Summary{}, noneYet()
		}
		return m.kept[all[0].Digest].graph, all[0], nil
	}
	begin, err := beginning(ref)
	if err != nil {
		return depmap.Graph{}, Summary{}, err
	}
	all = slices.DeleteFunc(all, func(s Summary) bool { return !strings.HasPrefix(string(s.Digest), begin) })
	slices.SortFunc(all, func(a, b Summary) int { return cmp.Compare(a.Digest, b.Digest) })
	sum, err := only(ref, all[:min(len(all), maxAmbiguous)])
	return m.kept[sum.Digest].graph, sum, err
}

// List is the history, newest first; see Store.List.
func (m *Memory) List(_ context.Context, limit int) ([]Summary, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.newestFirst()
	return all[:min(len(all), atMost(limit))], nil
}

func (m *Memory) newestFirst() []Summary {
	var all []Summary
	for _, k := range m.kept {
		all = append(all, k.summary)
	}
	slices.SortFunc(all, func(a, b Summary) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), b.TakenAt.Compare(a.TakenAt), cmp.Compare(a.Digest, b.Digest))
	})
	return all
}

// Scans is what was scanned, the last that ended first; see Store.Scans.
func (m *Memory) Scans(_ context.Context, limit int) ([]Scan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(m.scans)
	slices.SortFunc(all, func(a, b Scan) int { return cmp.Or(b.Ended.Compare(a.Ended), cmp.Compare(a.ID, b.ID)) })
	return all[:min(len(all), atMost(limit))], nil
}

// Close forgets nothing: what is kept goes with the program.
func (m *Memory) Close() error { return nil }
