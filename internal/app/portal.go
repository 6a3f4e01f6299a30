package app

import (
	"context"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/web"
	"example.org/caravan/internal/why"
)

// Portal is what the web pages ask of the program.
type Portal struct{ App *App }

// Snapshot is the graph of a digest or prefix, or the newest.
func (p Portal) Snapshot(ctx context.Context, digest string) (web.Snapshot, error) {
	g, s, err := p.App.Graph(ctx, digest)
	return web.Snapshot{Graph: g, TakenAt: s.LastSeen}, err
}

// historyLength is how many snapshots the scan page lists.
const historyLength = 100

// Snapshots lists what is kept, newest first.
func (p Portal) Snapshots(ctx context.Context) ([]web.Summary, error) {
	list, err := p.App.Snapshots(ctx, historyLength)
	out := make([]web.Summary, 0, len(list))
	for _, s := range list {
		out = append(out, web.Summary{Digest: s.Digest, TakenAt: s.TakenAt, Services: s.Services, Edges: s.Edges, Doubts: s.Doubts, Files: s.Files})
	}
	return out, err
}

// StartScan begins a scan of everything, code included.
func (p Portal) StartScan(context.Context) error {
	_, err := p.App.StartScan(ScanRequest{})
	return err
}

// Scan tells how the last scan is doing; nothing when none was started.
func (p Portal) Scan(context.Context) (web.Progress, error) {
	s, err := p.App.Scan("")
	if fault.KindOf(err) == fault.NotFound {
		return web.Progress{}, nil
	}
	return web.Progress{Running: s.Running(), Phase: s.Phase, Files: s.Files, Read: s.Read, Started: s.Started, Ended: s.Ended, Digest: s.Digest, Failed: s.Err}, err
}

// How is everything that can be done to a service.
func (p Portal) How(ctx context.Context, name string) (how.Guide, error) { return p.App.How(ctx, name) }

// WhyPlaces lists where a service can be looked at.
func (p Portal) WhyPlaces(ctx context.Context, name string) ([]web.WhyPlace, error) {
	all, err := p.App.WhyPlaces(ctx, name)
	out := make([]web.WhyPlace, len(all))
	for i, v := range all {
		out[i] = web.WhyPlace(v)
	}
	return out, err
}

// Why says why a service does not work in an environment.
func (p Portal) Why(ctx context.Context, name string, env estate.EnvironmentName) (why.Diagnosis, error) {
	return p.App.Why(ctx, name, WhyRequest{Environment: env})
}
