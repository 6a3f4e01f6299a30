package hosts_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/journey/targettest"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/soak"
	"example.org/caravan/testbed"
)

// conforms holds the target to what all targets promise, on real machines.
func conforms(t *testing.T, b *testbed.Bed) {
	n := 0
	targettest.Run(t, func(t *testing.T) targettest.Place {
		n++
		p := &folders{bed: b, name: fmt.Sprintf("conforms-%d", n), stride: soak.HostPackets.Count(t)}
		t.Cleanup(func() { p.clear(t) })
		return p
	})
}

// folders are a folder of the same name on two machines, which is there before.
type folders struct {
	bed    *testbed.Bed
	name   string
	stride int // packets from one moment to the next: no part of a round trip's number, so that all of its parts are met

	mu     sync.Mutex
	left   int
	cancel context.CancelFunc // nil when nothing is to be interrupted
}

// clear takes everything of the place away.
func (p *folders) clear(t *testing.T) {
	target, err := p.Open(context.Background(), []render.File{p.File("b", "1")}, true)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = target.Close() }()
	if _, err := target.Remove(context.Background(), func(string) bool { return false }, func(string) {}); err != nil {
		t.Error(err)
	}
	for _, m := range p.bed.Machines[1:] {
		if err := m.Do(context.Background(), "rm -rf /etc/"+p.name); err != nil {
			t.Error(err)
		}
	}
}

func (p *folders) at(f render.File) string { return f.Placed.Path }

// File is on one machine or on both, a service's or the environment's.
func (p *folders) File(name, version string) render.File {
	var hosts []render.Host
	for _, m := range p.bed.Machines[1:] {
		hosts = append(hosts, render.Host{Name: m.Name, Address: m.Address})
	}
	f := render.File{Path: "vm/test/" + name, Text: "version " + version + " of " + name + "\n", Mode: 0o640, Placed: &render.Placement{Hosts: hosts, Path: "/etc/" + p.name + "/" + name}}
	if name == "a" || name == "c" {
		f.Subject, f.Placed.Hosts = "orders", hosts[:1]
	}
	return f
}

func (p *folders) Open(ctx context.Context, files []render.File, force bool) (journey.Target, error) {
	o := options(p.bed)
	o.Dial = p.dial
	return host.Open(ctx, host.TargetOptions{Options: o, Expansion: p.name, Environment: "test", Files: files, Force: force})
}

// counted is a connection that is cut at a moment, as that of a program that is killed.
type counted struct {
	net.Conn
	goesOn func() bool
}

func (c counted) Write(data []byte) (int, error) {
	if !c.goesOn() {
		return 0, errors.Join(errors.New("killed"), c.Close())
	}
	return c.Conn.Write(data)
}

func (p *folders) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := p.bed.Dial(ctx, network, address)
	return counted{conn, p.goesOn}, err
}

func (p *folders) goesOn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel == nil {
		return true
	}
	p.left--
	if p.left < 0 {
		p.cancel()
		return false
	}
	return true
}

func (p *folders) Interrupt(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.cancel = n*p.stride, cancel
	return ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cancel = nil
		cancel()
	}
}

// Everything is all in the folder and of the expansion, with what tells that a file was written anew.
func (p *folders) Everything(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, m := range p.bed.Machines[1:] {
		said, err := m.Run(context.WithoutCancel(t.Context()), "find /etc/"+p.name+" /var/lib/caravan -mindepth 1 ! -path /var/lib/caravan/lock -printf '%p %y %m %u:%g %i %T@ %s %l\\n' 2>/dev/null; true")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(said) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if f := strings.Fields(rest); f[0] == "d" {
				rest = strings.Join(f[:3], " ") // what is in it is told by itself
			}
			out[m.Name+":"+name] = rest
		}
	}
	return out
}

func (p *folders) do(t *testing.T, f render.File, script string) {
	t.Helper()
	for _, m := range p.bed.Machines[1:] {
		for _, h := range f.Placed.Hosts {
			if h.Name != m.Name {
				continue
			}
			if err := m.Do(context.WithoutCancel(t.Context()), "set -e\nf="+p.at(f)+"\n"+script); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (p *folders) Edit(t *testing.T, f render.File) { t.Helper(); p.do(t, f, "echo edited >>$f\n") }
func (p *folders) Lose(t *testing.T, f render.File) { t.Helper(); p.do(t, f, "rm $f\n") }
func (p *folders) Occupy(t *testing.T, f render.File) {
	t.Helper()
	p.do(t, f, "mkdir -p $(dirname $f)\necho theirs >$f\n")
}
