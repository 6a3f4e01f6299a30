package redis

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.org/caravan/internal/standby"
)

type victim struct {
	name string
	kill func(b *bed, m *mover)
}

// victims are who is killed at a moment. Servers come back at once, as a service manager has them.
func victims() []victim {
	return []victim{
		{"Caravan", func(_ *bed, m *mover) { m.kill() }},
		{"the old master", func(b *bed, _ *mover) { again(b.source[0]) }},
		{"the new one", func(b *bed, _ *mover) { again(b.target[0]) }},
		{"the old master, then Caravan", func(b *bed, m *mover) { again(b.source[0]); m.kill() }},
		{"Caravan, then the new one", func(b *bed, m *mover) { m.kill(); again(b.target[0]) }},
		{"a Sentinel, then the old master, then Caravan", func(b *bed, m *mover) { again(b.sentinels[0]); again(b.source[0]); m.kill() }},
		{"Caravan, then every Sentinel, then the old master", func(b *bed, m *mover) {
			m.kill()
			for _, s := range b.sentinels {
				again(s)
			}
			again(b.source[0])
		}},
		{"everybody", func(b *bed, m *mover) {
			for _, s := range slices.Concat(b.target, b.sentinels, b.source) {
				s.kill()
			}
			m.kill()
			for _, s := range slices.Concat(b.source, b.target, b.sentinels) {
				s.start()
			}
		}},
	}
}

func again(s *server) {
	s.kill()
	s.start()
}

// moments of a move, in order: what is sent, and whether it still was.
func moments() []string {
	return []string{
		"before following", "after following", "before holding", "after holding", "after keeping cutting", "after pausing", "before fencing", "after fencing",
		"before promoting", "after promoting", "before keeping led", "after keeping led", "before forgetting", "after forgetting", "after keeping moved",
	}
}

// TestWhoeverIsKilledWhenever kills at moments of a move, goes on with it, takes it back or forth, and asks after each write that anybody acknowledged.
// Writers go to whichever instance takes their writes, as clients with old addresses would.
func TestWhoeverIsKilledWhenever(t *testing.T) {
	t.Parallel()
	const beds = 4
	all := kills(os.Getenv("CARAVAN_TEST_KILLS") == "all")
	for part := range beds {
		t.Run(fmt.Sprintf("bed %d", part), func(t *testing.T) {
			t.Parallel()
			b := newPatientBed(t, durable, 3, within)
			for i, c := range all {
				if i%beds == part && !t.Run(c.moment+" "+c.name, func(t *testing.T) { killAt(t, b, c.moment, c.kill) }) {
					t.Fatal("the bed is not as it was: what comes after is not tried")
				}
			}
		})
	}
}

// death is somebody killed at a moment.
type death struct {
	moment string
	victim
}

// kills are all of them, or every fifth, in which each moment and each victim comes.
func kills(every bool) []death {
	var out []death
	for i, moment := range moments() {
		for j, v := range victims() {
			if every || (i+j)%5 == 0 {
				out = append(out, death{moment, v})
			}
		}
	}
	return out
}

// killAt moves with somebody killed at a moment, and back again, so that the bed is as it was.
func killAt(t *testing.T, b *bed, moment string, kill func(b *bed, m *mover)) {
	w := startWriters(t, 2, b.source...)
	done := false
	m := &mover{b: b}
	m.at = func(m *mover, now string) {
		if now == "after keeping cutting" || now == "after following" {
			w.also(b.target...)
		}
		if now == moment && !done {
			done = true
			kill(b, m)
		}
	}
	m = untilMoved(t, m, (*mover).do)
	if !done {
		t.Fatalf("there is no moment %q", moment)
	}
	verified(t, m)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"t0"}) {
		t.Fatalf("%v lead", got)
	}
	before := w.written()
	eventually(t, "writes go on at the target", func() bool { return w.written() > before+20 })
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	w.end()
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0"}) {
		t.Fatalf("%v lead", got)
	}
	if lost := w.lost(b.source[0]); len(lost) > 0 {
		t.Fatalf("lost: %s", strings.Join(lost, "\n"))
	}
	b.asBefore()
}

// untilMoved goes on with a move, or with taking it back, until it is done.
func untilMoved(t testing.TB, m *mover, act func(*mover) (standby.RedisMove, error)) *mover {
	t.Helper()
	patiently(t, 5*within, "it is done", func() bool { // a refused election of a Sentinel alone may take half a minute
		_, err := act(m)
		if err != nil {
			t.Log(err)
			at := m.at
			m = m.next()
			m.at = at
		}
		return err == nil
	})
	return m
}

func verified(t testing.TB, m *mover) {
	t.Helper()
	patiently(t, 5*within, "it is verified", func() bool {
		again := m.next()
		err := again.verify()
		m.kept = again.kept
		if err != nil {
			t.Log(err)
		}
		return err == nil
	})
}

// asBefore empties the target and lets it lead itself again.
func (b *bed) asBefore() {
	b.t.Helper()
	for _, words := range [][]string{
		{"REPLICAOF", "NO", "ONE"}, {"FLUSHALL"}, {"CONFIG", "SET", "replica-announced", "yes"}, {"CONFIG", "SET", "replica-priority", "100"}, {"CONFIG", "REWRITE"},
	} {
		if r := b.target[0].ask(words...); r.refusal != "" {
			b.t.Fatalf("%v: %s", words, r.refusal)
		}
	}
	b.source[0].ask("FLUSHALL")
	eventually(b.t, "t1 follows t0", func() bool { return b.target[1].info()["master_link_status"] == "up" })
	for _, s := range b.sentinels {
		eventually(b.t, "the Sentinels have their quorum", func() bool {
			return strings.HasPrefix(s.ask("SENTINEL", "CKQUORUM", "main").text, "OK") && s.ask("SENTINEL", "MASTER", "main").pairs()["num-other-sentinels"] == fmt.Sprint(len(b.sentinels)-1)
		})
	}
}

// TestTheOldMasterStaysAway kills the old master for so long that its Sentinels would give it a successor, and Caravan with it.
func TestTheOldMasterStaysAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		moment string
		leads  string // of the source, in the end; anybody where its Sentinels may choose
	}{
		{"after following", ""},
		{"after holding", ""},         // one of three Sentinels was told; two may go on
		{"after keeping cutting", ""}, // whoever it is that is first: it when it is back, or the mover when it is not yet
		{"after fencing", ""},
		{"after promoting", "s0"},
		{"after keeping moved", "s0"},
	} {
		t.Run(c.moment, func(t *testing.T) {
			t.Parallel()
			b := newPatientBed(t, durable, 3, hung)
			leads := stayAway(t, b, c.moment)
			if c.leads != "" && leads != c.leads {
				t.Errorf("%s leads in the end", leads)
			}
		})
	}
}

func stayAway(t *testing.T, b *bed, moment string) string {
	w := startWriters(t, 2, b.source...)
	done := false
	m := &mover{b: b}
	m.at = func(m *mover, now string) {
		if now == "after following" {
			w.also(b.target...)
		}
		if now == moment && !done {
			done = true
			b.source[0].kill()
			w.without(b.source[0]) // Sentinels themselves lose what is written to a master that comes back before they told it
			m.kill()
			b.missed()
			b.source[0].start()
		}
	}
	m = untilMoved(t, m, (*mover).do)
	verified(t, m)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"t0"}) {
		t.Fatalf("%v lead", got)
	}
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	w.end()
	got := primariesOf(b.everyone()...)
	if len(got) != 1 {
		t.Fatalf("%v lead", got)
	}
	leader := b.source[slices.IndexFunc(b.source, func(s *server) bool { return s.name == got[0] })]
	if lost := w.lost(leader); len(lost) > 0 {
		t.Fatalf("lost: %s", strings.Join(lost, "\n"))
	}
	for _, s := range b.source {
		setting := func(name string) string { return s.ask("CONFIG", "GET", name).pairs()[name] }
		if setting("replica-announce-ip") == standby.RedisNowhere || setting("replica-announced") != "yes" || setting("replica-priority") != "100" {
			t.Errorf("%s stays hidden from its Sentinels", s.name)
		}
	}
	return got[0]
}

// missed waits until every Sentinel that still watches has found the old master down, or has put another in its place.
func (b *bed) missed() {
	b.t.Helper()
	for _, s := range b.sentinels {
		eventually(b.t, s.name+" misses the old master", func() bool {
			said := s.ask("SENTINEL", "MASTER", "main").pairs()
			return strings.Contains(said["flags"], "s_down") && said["quorum"] == strconv.Itoa(standby.RedisNever) || said["port"] != strconv.Itoa(b.source[0].port)
		})
	}
}
