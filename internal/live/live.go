// Package live asks what runs: machines over SSH, clusters through their API servers. What they answer becomes sightings with the time
// they were asked; whom it could not ask, or not about everything, becomes a doubt with its place. It reads, and changes nothing.
//
// What an answer means is known elsewhere: in discover/machine and discover/kube.
package live

import (
	"cmp"
	"context"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/machine"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/kube"
)

// Source is a cluster, or the machines of an environment.
type Source struct {
	Name        string
	Environment estate.EnvironmentName

	Cluster     *kube.Options
	Namespaces  []string // names or globs; all but kube-* when empty
	Connections bool     // of pods, by running cat in them

	Machines *host.Options
	Hosts    []Host
	Watch    time.Duration // how long the connections of each machine are watched
}

// Host is a machine to look at, as the estate calls it.
type Host struct {
	Name    string
	Address netip.Addr
}

// Options of a look.
type Options struct {
	At      time.Time // what is seen is said to be of this time
	Outside []string  // names of the world outside whose addresses the machines are asked for
	// Progress is called now and then with how many of the places to ask have answered, from one goroutine at a time; may be nil.
	Progress func(done, all int)
}

// Reading is everything that was seen, in an order that depends on nothing but the answers.
type Reading struct {
	Sightings []estate.Sighting
	Doubts    []estate.Doubt
}

// How many are asked at once, and how long one may take beyond its watch.
const (
	atOnce   = 16
	patience = time.Minute
)

// task is one machine or cluster to ask.
type task struct {
	place string
	limit time.Duration
	ask   func(context.Context, *discover.Report)
}

// Read asks all sources. It fails only when ctx ends; whatever goes wrong inside is a doubt.
func Read(ctx context.Context, sources []Source, o Options) (Reading, error) {
	var tasks []task
	var out Reading
	for _, s := range sources {
		if s.Cluster != nil {
			tasks = append(tasks, task{s.Name, 5 * patience, func(ctx context.Context, r *discover.Report) { s.cluster(ctx, o, r) }})
			continue
		}
		if len(s.Hosts) == 0 {
			r := discover.NewReport(machine.Reader)
			r.Doubt(estate.Unreadable, estate.Place{File: s.Name}, "no machine of "+string(s.Environment)+" has a known address; name some under hosts")
			out.Doubts = append(out.Doubts, r.Doubts...)
		}
		for _, h := range s.Hosts {
			tasks = append(tasks, task{s.Name + "/" + h.Name, patience + 2*s.Watch, func(ctx context.Context, r *discover.Report) { s.machine(ctx, h, o, r) }})
		}
	}
	for _, r := range runAll(ctx, tasks, o.Progress) {
		out.Sightings = append(out.Sightings, r.Sightings...)
		out.Doubts = append(out.Doubts, r.Doubts...)
	}
	estate.SortSightings(out.Sightings)
	slices.SortFunc(out.Doubts, func(a, b estate.Doubt) int {
		return cmp.Or(a.Place.Compare(b.Place), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Text, b.Text))
	})
	return out, ctx.Err()
}

func runAll(ctx context.Context, tasks []task, progress func(done, all int)) []*discover.Report {
	reports := make([]*discover.Report, len(tasks))
	limit := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i, t := range tasks {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			reports[i] = t.run(ctx)
			mu.Lock()
			defer mu.Unlock()
			if done++; progress != nil {
				progress(done, len(tasks))
			}
		})
	}
	wg.Wait()
	return reports
}

// run asks one place, for a limited time. An answer that its reader cannot digest must not end the scan.
func (t task) run(ctx context.Context) (r *discover.Report) {
	r = discover.NewReport(machine.Reader)
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	defer func() {
		if recover() != nil {
			r.Doubt(estate.Unparsable, estate.Place{File: t.place}, "the reader gave up on this answer; please report it")
		}
	}()
	t.ask(ctx, r)
	return r
}

// HostsOf are the machines of an environment whose addresses are known, by name.
func HostsOf(s estate.Snapshot, env estate.EnvironmentName) []Host {
	var out []Host
	for _, c := range s.Components {
		if c.Kind != estate.Host || !slices.Contains(c.Environments, env) || c.Technology == estate.TechnologyNode {
			continue
		}
		for _, a := range c.Names {
			if ip, err := netip.ParseAddr(a.Value); a.Kind == estate.NameAddress && err == nil {
				out = append(out, Host{Name: string(c.Name), Address: ip})
				break
			}
		}
	}
	return out
}

// matches reports whether a namespace is one to look at.
func matches(globs []string, namespace string) bool {
	if len(globs) == 0 {
		return !strings.HasPrefix(namespace, "kube-")
	}
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, namespace)
		return ok && err == nil
	})
}
