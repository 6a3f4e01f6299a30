package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/standby"
)

// said is what a session writes on stdout and on stderr.
func said(do func(*session)) (out, err string) {
	var one, other bytes.Buffer
	do(&session{terminal: &terminal{out: &one, err: &other, now: time.Now}})
	return one.String(), other.String()
}

func TestARoundOfWarmingSaysWhoDoesNotAnswer(t *testing.T) {
	top := standby.Topology{Datastore: "orders-db", Environment: "jakarta-vm", Members: []standby.Member{
		{Name: "a", Role: standby.Primary}, {Name: "b", Role: standby.Unknown, Unreachable: "b (10.0.0.2:5432) does not answer: connection refused"},
	}}
	_, got := said(func(s *session) { s.sayWarming(top, app.Warming{}, nil) })
	if !strings.Contains(got, "orders-db in jakarta-vm: b (10.0.0.2:5432) does not answer: connection refused\n") || strings.Contains(got, "no standby") {
		t.Errorf("it says %q", got)
	}
	top.Members = top.Members[:1]
	if _, got = said(func(s *session) { s.sayWarming(top, app.Warming{}, nil) }); !strings.Contains(got, "orders-db in jakarta-vm: no standby follows it\n") {
		t.Errorf("of one that has none it says %q", got)
	}
}

// TestADryRunOfAMoveSaysWhatComesNext is about moves that were interrupted, went back, or wait for somebody.
func TestADryRunOfAMoveSaysWhatComesNext(t *testing.T) {
	const approve, move, back = "caravan approve store:db:new --team shop", "caravan standby move db --to new", "caravan standby back db --to new"
	for _, c := range []struct {
		why, phase string
		lack       []estate.TeamName
		run        journey.RunState
		want       []string
		not        string
	}{
		{"nothing was done, and nobody agreed", "planned", []estate.TeamName{"shop"}, "", []string{"nothing is in the way: " + approve + ", then " + move}, "goes on"},
		{"it was taken back, and a yes still holds", "undone", nil, journey.Finished, []string{"nothing is in the way: " + move + "\n"}, "approve"},
		{"it was interrupted", "preparing", nil, journey.Running, []string{"it is preparing\n", "unless somebody is at it: " + move + " goes on, " + back + " undoes it"}, "approve"},
		{"it stopped", "following", []estate.TeamName{"shop"}, journey.Stopped, []string{"nobody says that he works on it: " + move + " goes on, " + back + " undoes it", "it waits until they agree: " + approve}, "nothing is in the way"},
		{"it goes back", "returning", nil, journey.Stopped, []string{"nobody says that he works on it: " + back + " goes on\n"}, "undoes"},
		{"a Redis that leads there", "led", nil, journey.Stopped, []string{"nobody says that he works on it: " + move + " goes on\n"}, "undoes"},
		{"it has moved, and was not proven", "moved", []estate.TeamName{"shop"}, journey.Cancelled, []string{"it is moved\n", "nobody says that he works on it: " + move + " goes on, " + back + " undoes it", "it waits until they agree: " + approve}, "nothing is in the way"},
		{"it has moved", "proven", []estate.TeamName{"shop"}, journey.Finished, []string{"it is proven\n"}, "approve"},
	} {
		r := app.Relocation{Datastore: "db", From: "old", To: "new", Technology: "postgres", Journey: "store:db:new", Team: "shop", Phase: c.phase}
		out, err := said(func(s *session) { s.relocation(r, relocationStanding{lack: c.lack, run: c.run}) })
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in %q", c.why, want, out)
			}
		}
		if strings.Contains(out, c.not) || err != "" {
			t.Errorf("%s: %q in %q, or this on stderr: %q", c.why, c.not, out, err)
		}
	}
}

func TestADryRunOfASwitchOverShowsTheHeirAndWhatPeopleDo(t *testing.T) {
	lag := int64(2 << 20)
	h := app.Handover{From: "db1", To: "db2", Gate: standby.Gate{Lag: 16 << 20, Warmth: 0.9}, ByHand: []string{"stop db1", "promote db2"},
		Heir: standby.Member{Name: "db2", Address: "10.0.0.2:5432", Timeline: 3, Lag: &lag, Warmth: &standby.Warmth{Share: 0.97}}}
	want := "db in old can be switched over from db1 to db2: the gate has nothing against it\n" +
		"db2 (10.0.0.2:5432): lags 2.0 MiB (at most 16 MiB), is 97 % warm (at least 90 %)\n" +
		"Caravan can tell nobody to do it; people do, in this order:\n  1. stop db1\n  2. promote db2\n"
	if out, err := said(func(s *session) { s.handover("db in old", h) }); out != want || err != "" {
		t.Errorf("%q and %q on stderr", out, err)
	}
	h.ByHand, h.Heir.Lag, h.Heir.Warmth, h.Refusals = nil, nil, nil, []string{"db2 is cold"}
	want = "db would not be switched over from db1 to db2:\n  db2 is cold\ndb2 (10.0.0.2:5432): how far it lags is not known (at most 16 MiB), how warm it is is not known (at least 90 %)\n"
	if out, _ := said(func(s *session) { s.handover("db", h) }); out != want {
		t.Errorf("%q", out)
	}
}
