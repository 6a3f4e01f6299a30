package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/gate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/web/gallery"
	"example.org/caravan/internal/web/problem"
	"example.org/caravan/internal/web/shell"
)

// Gallery serves every page from estates made for it: below /small/ a coffee company, /large/ two thousand services,
// /empty/ nothing yet, /running/ a first scan under way, /broken/ a program that cannot answer, /member/ the coffee company as a member of one team sees it. It needs no store
// and starts no scan; what is decided in it is kept for as long as it runs.
func Gallery() (http.Handler, error) {
	now := time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)
	mux := http.NewServeMux()
	clock := func() time.Time { return now }
	for name, backend := range shelves(now) {
		g, err := gate.New(gate.Options{Door: signin.New(signin.Options{Keeper: drawer{}, Now: clock}), Nobody: visitor(name), Now: clock})
		if err != nil {
			return nil, err
		}
		h, err := Handler(Options{Backend: backend, Gate: g, Now: clock, Version: "gallery", Base: "/" + name})
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
		p.render(w, r, http.StatusOK, problem.Shelves(p.frame(r, "", shell.Moment{}).Titled("Gallery"), shelfNames()))
		return nil
	}))
	return secured(mux), nil
}

// visitor is who looks at a shelf: whoever runs it or, of one, a member of a team.
func visitor(shelf string) rights.Person {
	if shelf == "member" {
		return rights.Person{Name: "Ayu Lestari", Mail: "ayu@kopi.example", Subject: "17", Role: rights.Member, Teams: []estate.TeamName{"shop"}}
	}
	return rights.Person{Name: "gallery", Role: rights.Admin, EveryTeam: true}
}

// drawer keeps two tokens, one of them expired, and takes no more.
type drawer struct{ signin.Keeper }

func (drawer) Tokens(context.Context, string) ([]store.Token, error) {
	day := func(d int) time.Time { return time.Date(2026, time.February, d, 9, 0, 0, 0, time.UTC) }
	return []store.Token{
		{Name: "nightly-report", Created: day(20), Expires: day(20).AddDate(0, 1, 0), Used: day(28)},
		{Name: "chat-bot", Scopes: []rights.Scope{{Right: rights.Agree, Team: "shop"}}, Created: day(2), Expires: day(9)},
	}, nil
}

func (drawer) KeepToken(context.Context, store.Token) error {
	return fault.Newf(fault.Conflict, "the gallery keeps no tokens: start the real portal with caravan serve")
}

func shelfNames() []string { return []string{"small", "large", "empty", "running", "broken", "member"} }

func shelves(now time.Time) map[string]Backend {
	large := Snapshot{Graph: gallery.Large(2000), TakenAt: now.Add(-50 * time.Hour)}
	return map[string]Backend{
		"small": smallShelf(now),
		"large": shelf{
			snapshots: []Snapshot{large}, space: largeSpace(now), drifted: largeDrift(now), standing: largeStandbys(now), wishes: wishesOf(large, map[string]string{"thailand": gallery.LargeWish()}),
			progress: Progress{Started: now, Ended: now, Failed: fault.Newf(fault.Unavailable, "read chef repository: no such directory /srv/chef: mend sources in caravan.yaml")},
		},
		"member":  smallShelf(now),
		"empty":   shelf{drifted: Drift{Now: now}, standing: Standbys{Now: now}},
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
		drifted:   smallDrift(now),
		standing:  smallStandbys(now),
	}
}

// shelf is a Backend of fixed snapshots.
type shelf struct {
	snapshots []Snapshot // newest first
	progress  Progress
	wishes    *wishes
	space     Addresses
	drifted   Drift
	standing  Standbys
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
