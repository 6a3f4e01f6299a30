package app

import (
	"context"
	"strings"
	"sync"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
)

// memory keeps the graphs of a program that has no workspace, for as long as it runs.
type memory struct {
	mu   sync.Mutex
	kept []kept // oldest first
}

type kept struct {
	graph   depmap.Graph
	summary store.Summary
}

func (m *memory) Save(ctx context.Context, r store.Record) error {
	if err := ctx.Err(); err != nil {
		return err // cancelled at the very end is cancelled
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := store.Summary{Digest: r.Graph.Digest, TakenAt: r.TakenAt, LastSeen: r.TakenAt, Source: r.Source, Took: r.Took,
		Services: len(r.Graph.Services), Edges: len(r.Graph.Edges), Doubts: len(r.Graph.Doubts), Files: r.Graph.Files}
	for i := range m.kept {
		if m.kept[i].summary.Digest == s.Digest {
			m.kept[i].summary.LastSeen = s.LastSeen
			return nil
		}
	}
	m.kept = append(m.kept, kept{r.Graph, s})
	return nil
}

func (m *memory) Graph(_ context.Context, ref string) (depmap.Graph, store.Summary, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) == 0 {
		return depmap.Graph{}, store.Summary{}, fault.Newf(fault.NotFound, "nothing has been scanned yet; scan first")
	}
	if ref == "" || ref == "latest" {
		last := m.kept[len(m.kept)-1]
		return last.graph, last.summary, nil
	}
	for _, k := range m.kept {
		if len(ref) >= 6 && strings.HasPrefix(strings.TrimPrefix(string(k.summary.Digest), "sha256:"), strings.TrimPrefix(ref, "sha256:")) {
			return k.graph, k.summary, nil
		}
	}
	return depmap.Graph{}, store.Summary{}, fault.Newf(fault.NotFound, "no snapshot %s; list them with `caravan snapshots`", ref)
}

func (m *memory) List(_ context.Context, limit int) ([]store.Summary, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Summary
	for i := len(m.kept) - 1; i >= 0 && len(out) < limit; i-- {
		out = append(out, m.kept[i].summary)
	}
	return out, nil
}

func (m *memory) Close() error { return nil }
