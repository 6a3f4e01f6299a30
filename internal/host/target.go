package host

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// TargetOptions say which machines a target is, and how they are reached.
type TargetOptions struct {
	Options
	Expansion   string
	Environment estate.EnvironmentName
	// Files are all of the environment in the course that is carried out: they name the machines, and a service's configuration
	// goes with the service.
	Files []render.File
	Force bool // overwrite and remove what others made, or edited since it was made
}

// Target is the machines of an environment. Its methods may be called from several goroutines, and by several programs at once: what
// is done on a machine is done by one after the other.
type Target struct {
	o     TargetOptions
	hosts []render.Host // by name
	busy  chan struct{} // one for each machine that is being worked on

	mu    sync.Mutex
	lines map[string]*line // by address
}

// line is the connection to a machine, shared by all who work on it.
type line struct {
	mu sync.Mutex
	m  *Machine
}

// most is how many machines are worked on at once.
const most = 16

// A connection that is lost is opened again so many times, with pauses that double.
const (
	tries = 4
	pause = 500 * time.Millisecond
)

var _ journey.Target = (*Target)(nil)

// Open prepares a target. Machines are reached when they are needed. Invalid when the files name none, or one at two addresses, or
// no key or known hosts can be read.
func Open(ctx context.Context, o TargetOptions) (*Target, error) {
	t := &Target{o: o, busy: make(chan struct{}, most), lines: map[string]*line{}}
	addresses := map[string]string{}
	for _, f := range o.Files {
		if f.Placed == nil {
			continue
		}
		for _, h := range f.Placed.Hosts {
			if err := t.know(addresses, h); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		t.hosts = append(t.hosts, render.Host{Name: name, Address: addresses[name]})
	}
	if o.Expansion == "" {
		return nil, fault.Newf(fault.Internal, "no expansion is named")
	}
	if _, err := o.known(); err != nil {
		return nil, err
	}
	_, release, err := o.auth(ctx)
	if err != nil {
		return nil, err
	}
	release()
	return t, nil
}

func (t *Target) know(addresses map[string]string, h render.Host) error {
	if _, err := netip.ParseAddr(h.Address); err != nil {
		return fault.Newf(fault.Invalid, "%s: machine %s has the address %q, which is none; plan again", t.o.Environment, h.Name, h.Address)
	}
	if other, ok := addresses[h.Name]; ok && other != h.Address {
		return fault.Newf(fault.Invalid, "%s: machine %s has two addresses, %s and %s; plan again", t.o.Environment, h.Name, other, h.Address)
	}
	addresses[h.Name] = h.Address
	return nil
}

// Close ends all connections.
func (t *Target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		l.mu.Lock()
		if l.m != nil {
			_ = l.m.Close() // it may be gone already
			l.m = nil
		}
		l.mu.Unlock()
	}
	return nil
}

func (t *Target) line(address string) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines[address] == nil {
		t.lines[address] = &line{}
	}
	return t.lines[address]
}

// reach is the connection to a machine, opened when there is none.
func (t *Target) reach(ctx context.Context, h render.Host) (*Machine, error) {
	l := t.line(h.Address)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m != nil {
		return l.m, nil
	}
	var err error
	l.m, err = Connect(ctx, t.o.Options, h.Name, h.Address)
	return l.m, err
}

// forget ends a connection that is lost, unless there is a new one.
func (t *Target) forget(h render.Host, lost *Machine) {
	l := t.line(h.Address)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == lost && lost != nil {
		_ = lost.Close()
		l.m = nil
	}
}

// on does something on a machine. When the connection is lost it is opened again, a few times, and all is done again: so what is done
// must end in the same place when half of it was done before.
func (t *Target) on(ctx context.Context, h render.Host, do func(*Machine) error) error {
	wait := pause
	for try := 1; ; try++ {
		m, err := t.reach(ctx, h)
		if err == nil {
			err = do(m)
		}
		if !errors.Is(err, errLost) || try == tries || ctx.Err() != nil {
			return err
		}
		t.forget(h, m)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// each does something on machines at once, on so many as may be. All are tried; what went wrong is said of each, in their order.
func (t *Target) each(ctx context.Context, hosts []render.Host, do func(render.Host, *Machine) error) error {
	errs := make([]error, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() {
			t.busy <- struct{}{}
			defer func() { <-t.busy }()
			errs[i] = t.on(ctx, h, func(m *Machine) error { return do(h, m) })
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// oneByOne does something on machines, one after the other.
func (t *Target) oneByOne(ctx context.Context, hosts []render.Host, do func(*Machine) error) error {
	for _, h := range hosts {
		if err := t.on(ctx, h, do); err != nil {
			return err
		}
	}
	return nil
}

// hostsOf are the machines that files go to, by name.
func (t *Target) hostsOf(files []render.File) []render.Host {
	var out []render.Host
	for _, h := range t.hosts {
		if slices.ContainsFunc(files, func(f render.File) bool { return f.Placed != nil && slices.Contains(f.Placed.Hosts, h) }) {
			out = append(out, h)
		}
	}
	return out
}

// known are the target's machines and those that their manifests name besides, which an earlier plan had.
func (t *Target) known(all map[string]*manifest) []render.Host {
	peers := map[string]string{}
	for _, mf := range all {
		maps.Copy(peers, mf.Peers)
	}
	for _, h := range t.hosts {
		delete(peers, h.Name)
	}
	var out []render.Host
	for name, address := range peers {
		if !slices.ContainsFunc(t.hosts, func(h render.Host) bool { return h.Address == address }) {
			out = append(out, render.Host{Name: name, Address: address})
		}
	}
	slices.SortFunc(out, func(a, b render.Host) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Preview says what putting files in place would change, and changes nothing. Conflict, naming every file that is in the way.
func (t *Target) Preview(ctx context.Context, files []render.File) ([]journey.Change, error) {
	s := newSummary(files)
	err := t.each(ctx, t.hostsOf(files), func(_ render.Host, m *Machine) error {
		l, err := t.look(ctx, m, files)
		if err != nil {
			return err
		}
		s.note(m.Name, l)
		return l.conflict()
	})
	return s.changes(), conflicts(err)
}

// conflicts are those of several machines in one, when there is nothing else.
func conflicts(err error) error {
	if err == nil {
		return nil
	}
	all := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // what errors.Join gives
		all = several.Unwrap()
	}
	slices.SortStableFunc(all, func(a, b error) int { return cmp.Compare(order(a), order(b)) })
	return errors.Join(all...)
}

// order puts what is no conflict first: it says what kind of failure all is.
func order(err error) int {
	if fault.KindOf(err) == fault.Conflict {
		return 1
	}
	return 0
}
