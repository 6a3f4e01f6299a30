package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/live"
	"example.org/caravan/internal/merge"
	"example.org/caravan/internal/workspace"
)

// whatRuns asks the live sources of the workspace what runs. What files say is known by then: it tells the machines to ask and the names of
// the world outside whose addresses they are asked for.
func (a *App) whatRuns(ctx context.Context, got discover.Reading, report func(phase string, p discover.Progress)) (live.Reading, error) {
	if len(a.declared.Live) == 0 {
		return live.Reading{}, nil
	}
	counts := discover.Progress{Files: got.Files, Read: got.Read}
	report("asking what runs", counts)
	configured := merge.Sightings(slices.Concat(got.Sightings, a.stated), nil)
	var sources []live.Source
	for _, l := range a.declared.Live {
		s, err := a.liveSource(l, configured)
		if err != nil {
			return live.Reading{}, err
		}
		sources = append(sources, s)
	}
	const tenths = 10
	told := 0
	return live.Read(ctx, sources, live.Options{
		At: a.now().UTC(), Outside: outside(configured),
		Progress: func(done, all int) {
			if now := done * tenths / all; now > told {
				told = now
				report("asking what runs: "+strconv.Itoa(done)+" of "+strconv.Itoa(all)+" answered", counts)
			}
		},
	})
}

// outside are the names of what others run, as far as the configuration tells.
func outside(configured estate.Snapshot) []string {
	var out []string
	for _, s := range depmap.Build(configured).Services {
		if s.External {
			out = append(out, string(s.Name))
		}
	}
	return out
}

func (a *App) liveSource(l workspace.Live, configured estate.Snapshot) (live.Source, error) {
	s := live.Source{Name: l.Name, Environment: l.Environment, Namespaces: l.Namespaces, Connections: l.Connections, Watch: l.Watch}
	if c := l.Cluster; c != nil {
		s.Cluster = &kube.Options{Kubeconfig: a.declared.Within(c.Kubeconfig), Context: c.Context}
		return s, nil
	}
	m := l.Machines
	reach := a.overSSH(*m)
	s.Machines = &reach
	named := slices.Clone(l.Hosts)
	if l.Inventory != "" {
		lines, err := inventory(a.declared.Within(l.Inventory), l.Inventory)
		if err != nil {
			return s, err
		}
		named = append(named, lines...)
	}
	for _, text := range named {
		h, ok := workspace.ParseLiveHost(text)
		if !ok {
			return s, fault.Newf(fault.Invalid, "%s: %q is no machine; write name=address, such as app1=10.0.0.7", l.Inventory, text)
		}
		s.Hosts = append(s.Hosts, live.Host(h))
	}
	if len(named) == 0 {
		s.Hosts = live.HostsOf(configured, l.Environment)
	}
	return s, nil
}

// Bounds of an inventory.
const mostInventory = 1 << 20

// inventory are the machines that a file lists, one a line; # begins a comment.
func inventory(file, called string) ([]string, error) {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fault.Newf(fault.Invalid, "%s: not a regular file; an inventory is a line for each machine", called)
	}
	if err == nil && info.Size() > mostInventory {
		return nil, fault.Newf(fault.Invalid, "%s: larger than %d MiB; an inventory is a line for each machine", called, mostInventory>>20)
	}
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Newf(fault.NotFound, "%s: no such file; correct live.inventory, which is relative to caravan.yaml", called)
	case err != nil:
		return nil, fault.Newf(fault.Unavailable, "%s cannot be read; make it readable", called)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out, nil
}

// withEarlier adds what earlier scans saw running to what this one saw.
func (a *App) withEarlier(ctx context.Context, s estate.Snapshot) (estate.Snapshot, error) {
	if len(a.declared.Live) == 0 {
		return s, nil
	}
	last, err := a.keeper.List(ctx, 1)
	if err != nil || len(last) == 0 {
		return s, err
	}
	earlier, err := a.snapshotOf(ctx, last[0])
	if err != nil {
		return s, err
	}
	return merge.Remember(s, earlier), nil
}
