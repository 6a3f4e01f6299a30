// Package machines looks at a service on virtual machines, over SSH: its units and their journal, files, disks, ports, what its balancer
// says of it, and what it calls, tried from where it runs. A Subject goes in, Evidence comes out; what could not be looked at is said
// in it. It changes nothing, and no argument is read by a shell.
package machines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/host"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/why"
)

// Options say how to look.
type Options struct {
	Reach host.Options
	Now   func() time.Time
}

// look is one look at a subject.
type look struct {
	Options
	s why.Subject

	mu sync.Mutex // guards what follows
	e  why.Evidence
}

// Look gathers what machines say of a subject, until ctx ends.
func Look(ctx context.Context, o Options, s why.Subject) why.Evidence {
	l := &look{Options: o, s: s, e: why.Evidence{Subject: s, At: o.Now().UTC()}}
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	each := func(list []why.Host, do func(context.Context, *host.Machine, *why.OnMachine)) {
		for _, h := range list {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				l.visit(ctx, h, do)
			})
		}
	}
	each(s.Machines.Hosts, l.machine)
	each(slices.DeleteFunc(slices.Clone(s.Machines.Balancers), func(h why.Host) bool { return slices.Contains(s.Machines.Hosts, h) }), l.balancer)
	wg.Wait()
	sortEvidence(&l.e)
	return l.e
}

// atOnce is how many machines are looked at at the same time.
const atOnce = 16

func sortEvidence(e *why.Evidence) {
	slices.Sort(e.Unseen)
	e.Unseen = slices.Compact(e.Unseen)
	slices.SortFunc(e.OnMachines, func(a, b why.OnMachine) int { return cmp.Compare(a.Host.Name, b.Host.Name) })
	slices.SortFunc(e.Tries, func(a, b why.Try) int { return cmp.Or(a.Need-b.Need, cmp.Compare(a.From, b.From)) })
	slices.SortFunc(e.Lookups, func(a, b why.Lookup) int { return cmp.Or(a.Need-b.Need, cmp.Compare(a.From, b.From)) })
}

// visit connects to a machine and has a look there.
func (l *look) visit(ctx context.Context, h why.Host, do func(context.Context, *host.Machine, *why.OnMachine)) {
	out := why.OnMachine{Host: h}
	m, err := host.Connect(ctx, l.Reach, h.Name, h.Address)
	if err != nil {
		out.Unreachable = clean(err.Error())
	} else {
		do(ctx, m, &out)
		_ = m.Close() // everything was read
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.e.OnMachines = append(l.e.OnMachines, out)
}

// machine looks at one that the subject runs on.
func (l *look) machine(ctx context.Context, m *host.Machine, out *why.OnMachine) {
	files := l.units(ctx, m, out)
	var wg sync.WaitGroup
	for _, part := range []func(){
		func() { l.journal(ctx, m, out) }, func() { l.killed(ctx, m, out) }, func() { l.disks(ctx, m, out) }, func() { l.listeners(ctx, m, out) },
		func() { l.files(ctx, m, out, files) }, func() { l.stats(ctx, m, out, false) }, func() { l.needs(ctx, m) },
	} {
		wg.Go(part) // each writes a field of its own
	}
	wg.Wait()
}

// balancer looks at one that passes requests on to the subject.
func (l *look) balancer(ctx context.Context, m *host.Machine, out *why.OnMachine) {
	l.stats(ctx, m, out, true)
}

func (l *look) unseen(m *host.Machine, what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.e.Unseen = append(l.e.Unseen, fmt.Sprintf("%s on %s: %s", what, m.Name, clean(err.Error())))
}

// commandTime bounds one command.
const commandTime = 8 * time.Second

// run gives the output of a program; an error, too, when it failed without any.
func (l *look) run(ctx context.Context, m *host.Machine, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	r, err := m.Run(ctx, nil, argv...)
	if err == nil && r.Code != 0 && len(r.Stdout) == 0 {
		err = fmt.Errorf("%s: exit code %d: %s", argv[0], r.Code, clean(string(r.Stderr)))
	}
	return string(r.Stdout), err
}

// longest is how much of a line is kept.
const longest = 600

// clean is the first line of a text as it may be shown: without secrets, and not endless.
func clean(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = redact.Text(line)
	if len(line) > longest {
		return strings.ToValidUTF8(line[:longest], "") + "…"
	}
	return line
}
