package app

import (
	"context"
	"slices"
	"time"

	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/store"
)

// Releases is what runs of a service where, and how it came there.
type Releases struct {
	Service   estate.ServiceName   `json:"service"`
	Team      estate.TeamName      `json:"team,omitempty"`
	Text      string               `json:"text" doc:"How far the newest version has come, in instances: VM 2/2, Kubernetes 1/3."`
	Standings []delivery.Standing  `json:"standings" doc:"By environment."`
	Gaps      []delivery.Gap       `json:"gaps" doc:"Environments that are behind."`
	Findings  []finding.Finding    `json:"findings" doc:"Those that are so for too long."`
	Elsewhere []delivery.Elsewhere `json:"elsewhere" doc:"Environments that Caravan does not deliver to."`
	Latest    []delivery.Release   `json:"latest" doc:"The last releases, the newest first."`
	At        time.Time            `json:"at"`
}

// latestReleases is how many releases are shown of a service.
const latestReleases = 10

// Releases says what runs of a service where, as the last releases left it. NotFound when no service is called so.
func (a *App) Releases(ctx context.Context, name estate.ServiceName) (Releases, error) {
	l, err := a.lives(ctx, name)
	if fault.KindOf(err) == fault.Conflict { // a move is under way: what is kept can be shown
		err = nil
		l.service.Name = name
	}
	if err != nil {
		return Releases{}, err
	}
	all, err := a.store.Standings(ctx, l.service.Name)
	if err != nil {
		return Releases{}, err
	}
	if len(l.sites) > 0 { // where it lives no more says nothing
		all = slices.DeleteFunc(all, func(s delivery.Standing) bool {
			return !slices.ContainsFunc(l.sites, func(x site) bool { return x.environment == s.Environment })
		})
	}
	out := Releases{Service: l.service.Name, Team: l.service.Team, Text: delivery.Text(all), Standings: all, Elsewhere: l.elsewhere, At: a.now()}
	out.Gaps, out.Findings = delivery.Gaps(all, out.At, a.declared.SkewPolicy()), delivery.Judge(all, out.At, a.declared.SkewPolicy())
	for _, s := range l.sites {
		if _, ok := standingAt(all, s.environment); !ok {
			out.Elsewhere = append(out.Elsewhere, delivery.Elsewhere{Environment: s.environment, World: s.world, Because: "no release has come there yet"})
		}
	}
	out.Latest, err = a.store.Releases(ctx, l.service.Name, latestReleases)
	return out, err
}

// ReleaseWatched is how a release stands, with what was said since it was looked at last.
type ReleaseWatched struct {
	Release delivery.Release    `json:"release"`
	Lines   []store.ReleaseLine `json:"lines"`
	Line    int64               `json:"line" doc:"Id of the last line."`
	Mark    estate.Digest       `json:"mark" doc:"Of how everything stood."`
}

// WatchRelease waits, some seconds at most, until there is news of a release.
func (a *App) WatchRelease(ctx context.Context, id delivery.ID, line int64, mark estate.Digest) (ReleaseWatched, error) {
	if err := a.inWorkspace(); err != nil {
		return ReleaseWatched{}, err
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	enough := time.NewTimer(lookLong)
	defer enough.Stop()
	for {
		r, err := a.store.ReleaseOf(ctx, id)
		if err != nil {
			return ReleaseWatched{}, err
		}
		w := ReleaseWatched{Release: r, Line: line, Mark: estate.DigestOf(r)}
		if w.Lines, err = a.store.ReleaseLines(ctx, id, line, 0); err != nil {
			return w, err
		}
		if n := len(w.Lines); n > 0 {
			w.Line = w.Lines[n-1].ID
		}
		if len(w.Lines) > 0 || w.Mark != mark || r.State != delivery.Running {
			return w, nil
		}
		select {
		case <-tick.C:
		case <-enough.C:
			return w, nil
		case <-ctx.Done():
			return w, fault.Newf(fault.Unavailable, "no longer watching: %w; what is being done goes on", ctx.Err())
		}
	}
}
