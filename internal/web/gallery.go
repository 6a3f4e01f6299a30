package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web/gallery"
	"example.org/caravan/internal/web/problem"
	"example.org/caravan/internal/web/shell"
)

// Gallery serves every page from estates made for it: below /small/ a coffee company, /large/ two thousand services,
// /empty/ nothing yet, /running/ a first scan under way, /broken/ a program that cannot answer. It needs no store
// and starts no scan; what is decided in it is kept for as long as it runs.
func Gallery() (http.Handler, error) {
	now := time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)
	mux := http.NewServeMux()
	for name, backend := range shelves(now) {
		h, err := Handler(Options{Backend: backend, Now: func() time.Time { return now }, Version: "gallery", Base: "/" + name})
		if err != nil {
			return nil, err
		}
		mux.Handle("/"+name+"/", h)
	}
	a, err := loadAssets()
	if err != nil {
		return nil, err
	}
	mux.Handle("/assets/", a)
	p := &portal{Options: Options{Version: "gallery"}, assets: a}
	mux.Handle("/{$}", p.page(func(w http.ResponseWriter, r *http.Request) error {
		p.render(w, r, http.StatusOK, problem.Shelves(p.frame("", shell.Moment{}).Titled("Gallery"), shelfNames()))
		return nil
	}))
	return secured(mux), nil
}

func shelfNames() []string { return []string{"small", "large", "empty", "running", "broken"} }

func shelves(now time.Time) map[string]Backend {
	large := Snapshot{Graph: gallery.Large(2000), TakenAt: now.Add(-50 * time.Hour)}
	return map[string]Backend{
		"small": smallShelf(now),
		"large": shelf{
			snapshots: []Snapshot{large}, space: largeSpace(now), wishes: wishesOf(large, map[string]string{"thailand": gallery.LargeWish()}),
			progress: Progress{Started: now, Ended: now, Failed: fault.Newf(fault.Unavailable, "read chef repository: no such directory /srv/chef: mend sources in caravan.yaml")},
		},
		"empty":   shelf{},
		"running": shelf{progress: Progress{Running: true, Phase: "Reading files", Files: 18240, Read: 9120, Started: now}},
		"broken":  shelf{failed: fault.Newf(fault.Unavailable, "open the store: caravan.db is locked by another program: stop it and load the page again")},
	}
}

// smallShelf is the coffee company.
func smallShelf(now time.Time) shelf {
	newest := Snapshot{Graph: gallery.Small(), TakenAt: now.Add(-3 * time.Minute)}
	return shelf{
		snapshots: []Snapshot{newest, {Graph: gallery.Earlier(), TakenAt: now.Add(-26 * time.Hour)}},
		progress:  Progress{Phase: "done", Files: 214, Read: 131, Started: now.Add(-3 * time.Minute), Ended: now.Add(-3*time.Minute + 840*time.Millisecond)},
		wishes:    wishesOf(newest, map[string]string{"malaysia": gallery.Malaysia, "brunei": gallery.Brunei, "laos": gallery.Laos}),
		space:     smallSpace(now),
	}
}

// shelf is a Backend of fixed snapshots.
type shelf struct {
	snapshots []Snapshot // newest first
	progress  Progress
	wishes    *wishes
	space     Addresses
	failed    error
}

func (s shelf) Snapshot(_ context.Context, digest string) (Snapshot, error) {
	if s.failed != nil {
		return Snapshot{}, s.failed
	}
	for _, one := range s.snapshots {
		if digest == "" || string(one.Graph.Digest) == digest || strings.HasPrefix(string(one.Graph.Digest), "sha256:"+strings.TrimPrefix(digest, "sha256:")) {
			return one, nil
		}
	}
	return Snapshot{}, fault.Newf(fault.NotFound, "no snapshot %q is kept: choose one on the scan page", digest)
}

func (s shelf) Snapshots(context.Context) ([]Summary, error) {
	var out []Summary
	for _, one := range s.snapshots {
		out = append(out, summaryOf(one.Graph, one.TakenAt))
	}
	return out, s.failed
}

func summaryOf(g depmap.Graph, taken time.Time) Summary {
	return Summary{Digest: g.Digest, TakenAt: taken, Services: len(g.Services), Edges: len(g.Edges), Doubts: len(g.Doubts), Files: g.Files}
}

func (s shelf) StartScan(context.Context) error {
	return fault.Newf(fault.Conflict, "the gallery scans nothing: start the real portal with caravan serve")
}

func (s shelf) Scan(context.Context) (Progress, error) { return s.progress, s.failed }
