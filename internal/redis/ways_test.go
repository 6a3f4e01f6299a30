package redis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// servers are those of a backend, by name.
func servers(t *testing.T, way HAProxy) map[string]serverOf {
	t.Helper()
	all, err := way.servers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]serverOf{}
	for _, s := range all {
		out[s.name] = s
	}
	return out
}

func TestAWrongWayIsRefusedBeforeAnythingChanges(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	_, way := b.balancer()
	for _, tt := range []struct {
		name   string
		breaks func(h *HAProxy)
		what   string // none for what is well
		mend   string
	}{
		{"all is well", func(*HAProxy) {}, "", ""},
		{"servers are named", func(h *HAProxy) { h.Servers[0] = []string{"s0", "s1"} }, "", ""},
		{"nothing listens at the socket", func(h *HAProxy) { h.Address += ".gone" }, "does not answer", "correct socket"},
		{"the socket may only look", func(h *HAProxy) { h.Address += ".user" }, `its level is "user"`, "level admin"},
		{"no such backend", func(h *HAProxy) { h.Backend = "redsi" }, "has no backend redsi", "correct backend"},
		{"another's backend", func(h *HAProxy) { h.Backend = "other" }, "backend other of HAProxy at " + way.Address + " has no server of this Redis: it has elsewhere at 127.0.0.1:9", "correct backend"},
		{"no such server of the source", func(h *HAProxy) { h.Servers[0] = []string{"s2"} }, "has no server s2: it has s0 at " + b.source[0].address(), "correct servers"},
		{"no such server of the target", func(h *HAProxy) { h.Servers[1] = []string{"t0"} }, "has no server t0", "correct servers"},
		{"a server of the source is named for the target", func(h *HAProxy) { h.Servers[1] = []string{"s1"} }, "server s1 of backend redis", "correct servers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			way := way
			tt.breaks(&way)
			m := &mover{b: b, ways: []Way{way}}
			move, state := m.move()
			p, err := move.Preview(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if tt.what == "" {
				if len(p.Blocks) > 0 {
					t.Errorf("%+v", p.Blocks)
				}
				return
			}
			if len(p.Blocks) != 1 || !strings.Contains(p.Blocks[0].What, tt.what) || !strings.Contains(p.Blocks[0].Mend, tt.mend) {
				t.Fatalf("%+v", p.Blocks)
			}
			if _, err := move.Do(context.Background(), state); fault.KindOf(err) != fault.Conflict || len(m.kept) > 0 {
				t.Errorf("it is begun: %s, %v", m.kept, err)
			}
		})
	}
	if got := servers(t, way); len(got) != 2 || got["s0"].maint || got["s1"].maint {
		t.Errorf("the backend was changed: %+v", got)
	}
}

// What was right when a move began is wrong when writes are to be held.
func TestWritesAreNotHeldWhenClientsCannotBeLed(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	_, way := b.balancer()
	m := &mover{b: b, ways: []Way{way}}
	m.at = func(_ *mover, moment string) {
		if moment == "after following" {
			hide(t, way)
		}
		if moment == "before pausing" {
			t.Error("writes are held")
		}
	}
	state, err := m.do()
	if err == nil || state.Phase != standby.RedisFollowing || !strings.Contains(err.Error(), "writes are not held") {
		t.Fatalf("%s, %v", state.Phase, err)
	}
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0"}) {
		t.Errorf("%v lead", got)
	}
	for _, s := range b.sentinels {
		if q := s.ask("SENTINEL", "MASTER", "main").pairs()["quorum"]; q != "2" {
			t.Errorf("the quorum of %s is %s", s.name, q)
		}
	}
	show(t, way)
	verified(t, untilMoved(t, m.next(), (*mover).do))
}

// hide has a socket be somewhere else; HAProxy goes on.
func hide(t *testing.T, way HAProxy) {
	t.Helper()
	if err := os.Rename(way.Address, filepath.Join(filepath.Dir(way.Address), "hidden")); err != nil {
		t.Error(err)
	}
}

func show(t *testing.T, way HAProxy) {
	t.Helper()
	if err := os.Rename(filepath.Join(filepath.Dir(way.Address), "hidden"), way.Address); err != nil {
		t.Error(err)
	}
}

// fails has leading clients fail after the cut.
func (b *bed) fails(t *testing.T, way HAProxy) *mover {
	t.Helper()
	m, once := &mover{b: b, ways: []Way{way}}, false
	m.at = func(_ *mover, moment string) {
		if moment == "after promoting" && !once {
			once = true
			hide(t, way)
		}
	}
	state, err := m.do()
	if err == nil || state.Phase != standby.RedisLed {
		t.Fatalf("%s, %v", state.Phase, err)
	}
	for _, part := range []string{"t0 leads now", "backend redis of HAProxy at " + way.Address + " still leads clients to s0", "caravan standby move main goes on", "caravan standby back main goes back", "does not answer"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	return m.next()
}

func TestAMoveWhoseClientsCouldNotBeLedGoesOn(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 0, within)
	clients, way := b.balancer()
	m := b.fails(t, way)
	if _, err := m.do(); err == nil || !strings.Contains(err.Error(), "t0 leads now") {
		t.Fatalf("it goes on without its clients: %v", err)
	}
	show(t, way)
	m = m.next()
	if _, err := m.do(); err != nil {
		t.Fatal(err)
	}
	verified(t, m)
	write(t, clients, b.target[0])
}

// A way that is mended by declaring another.
func TestAMoveGoesOnByAnotherWay(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 0, within)
	clients, way := b.balancer()
	m := b.fails(t, way)
	way.Address += ".other"
	if err := os.Symlink(filepath.Join(filepath.Dir(way.Address), "hidden"), way.Address); err != nil {
		t.Fatal(err)
	}
	m.ways = []Way{way}
	if _, err := m.do(); err != nil {
		t.Fatal(err)
	}
	write(t, clients, b.target[0])
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	write(t, clients, b.source[0])
}

func TestAMoveWhoseClientsCouldNotBeLedGoesBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		breaks func(h *HAProxy) // of what is declared by then
	}{
		{"by the same that does not answer", func(*HAProxy) {}},
		{"by a backend that is not there", func(h *HAProxy) { h.Address, h.Backend = filepath.Join(filepath.Dir(h.Address), "hidden"), "none" }},
		{"by a server that is not there", func(h *HAProxy) {
			h.Address, h.Servers[0] = filepath.Join(filepath.Dir(h.Address), "hidden"), []string{"s9"}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newPatientBed(t, durable, 0, within)
			clients, way := b.balancer()
			m := b.fails(t, way)
			tt.breaks(&way)
			m.ways = []Way{way}
			m = untilMoved(t, m, (*mover).undo)
			verified(t, m)
			write(t, clients, b.source[0])
		})
	}
}

// What leads clients to the target and does not answer keeps them there: nothing is led back that they could not follow.
func TestBackIsRefusedWhileItsClientsCannotBeLed(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 0, within)
	clients, way := b.balancer()
	m := untilMoved(t, &mover{b: b, ways: []Way{way}}, (*mover).do)
	hide(t, way)
	m = m.next()
	if _, err := m.undo(); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "writes are not held") {
		t.Fatalf("%v", err)
	}
	write(t, clients, b.target[0])
	show(t, way)
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	write(t, clients, b.source[0])
}

// write writes by way of clients until an instance has it.
func write(t *testing.T, clients string, at *server) {
	t.Helper()
	value := fmt.Sprintf("by %s", at.name)
	eventually(t, "clients reach "+at.name, func() bool {
		c, err := connect(context.Background(), clients, Login{Password: password}, nil)
		if err != nil {
			return false
		}
		defer c.close()
		r, err := c.do(context.Background(), "SET", "led", value)
		return err == nil && r.text == "OK"
	})
	if got := at.ask("GET", "led").text; got != value || at.info()["role"] != "master" {
		t.Errorf("%s has %q", at.name, got)
	}
}

// A server at an address that only HAProxy knows is named.
func TestNamedServersLeadClients(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	_, way := b.balancer()
	way.Servers = [2][]string{{"s0"}, {"s1"}}
	there := Leading{To: "192.0.2.7:6379", Away: []string{"192.0.2.8:6379"}}
	if blocks := way.Check(context.Background(), there); len(blocks) > 0 {
		t.Fatalf("%+v", blocks)
	}
	out, err := way.Prepare(context.Background(), there)
	if err != nil || !slices.Equal(out, []string{"s0"}) {
		t.Errorf("%v, %v", out, err)
	}
	if begun, err := way.Redirect(context.Background(), there); err != nil || !begun {
		t.Fatalf("%v, %v", begun, err)
	}
	if got := servers(t, way); !got["s0"].maint || got["s1"].maint || len(got) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestAServerIsIntroducedByItsAddressAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	_, way := b.balancer()
	l := Leading{To: "redis.example:6379", Away: []string{b.source[0].address()}}
	if blocks := way.Check(context.Background(), l); len(blocks) != 1 || !strings.Contains(blocks[0].What, "only by its address in digits") {
		t.Errorf("%+v", blocks)
	}
}
