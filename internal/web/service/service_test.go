package service

import (
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/gallery"
	"github.com/google/go-cmp/cmp"
)

func TestAPageHasDirectNeighboursFirstAndInfrastructureLastAmongThem(t *testing.T) {
	g := gallery.Small()
	s, _ := g.Find("menu")
	var got []string
	for _, n := range Of(g, s).Needs {
		got = append(got, string(n.Service))
	}
	want := []string{"kopi-stock-db", "redis-sessions", "config-server"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameNameSeenTwiceIsOneName(t *testing.T) {
	at := func(line int) estate.Place { return estate.Place{File: "compose.yaml", Line: line} }
	s := depmap.Service{Name: "orders", Names: []estate.Alias{
		{Kind: estate.NameCompose, Value: "orders", Place: at(3)},
		{Kind: estate.NameHostname, Value: "orders", Place: at(9)},
		{Kind: estate.NameHostname, Value: "api", Place: at(9)},
	}}
	want := []Name{
		{Value: "orders", Kinds: []string{"compose", "hostname"}, Places: []estate.Place{at(3), at(9)}},
		{Value: "api", Kinds: []string{"hostname"}, Places: []estate.Place{at(9)}},
	}
	if diff := cmp.Diff(want, namesOf(s)); diff != "" {
		t.Error(diff)
	}
}

func TestTheGraphIsNotChangedByLookingAtIt(t *testing.T) {
	g := gallery.Small()
	for _, s := range g.Services {
		Of(g, s)
	}
	if diff := cmp.Diff(gallery.Small(), g); diff != "" {
		t.Error(diff)
	}
}

func TestAnEdgeSaysHowItComparesWithWhatWasSeen(t *testing.T) {
	at := time.Date(2026, 12, 1, 15, 4, 0, 0, time.UTC)
	written := depmap.Evidence{Place: estate.Place{File: "orders.yml", Line: 3}, Key: "db.host", Value: "pg-main", Why: "address in configuration"}
	open := depmap.Evidence{Place: estate.Place{File: "sg/app1/connections"}, Key: "kopi-orders", Value: "10.10.1.21:5432", Why: "connection seen", At: at, Count: 3}
	for _, tt := range []struct {
		name string
		edge depmap.Edge
		want []string
	}{
		{"both", depmap.Edge{Evidence: []depmap.Evidence{written, open}, Seen: &depmap.Sight{State: depmap.SeenBoth, Last: at}}, []string{
			"Configured and seen, last at 2026-12-01 15:04 UTC.", "db.host = pg-main", "Seen at 2026-12-01 15:04 UTC: kopi-orders → 10.10.1.21:5432 (3 connections)"}},
		{"never configured", depmap.Edge{Evidence: []depmap.Evidence{open}, Seen: &depmap.Sight{State: depmap.SeenOnly, Last: at}}, []string{"never configured", "sight-never-configured"}},
		{"never seen", depmap.Edge{Evidence: []depmap.Evidence{written}, Seen: &depmap.Sight{State: depmap.SeenNever, Looked: at}}, []string{"Configured, never seen; looked at 2026-12-01 15:04 UTC."}},
		{"unclear", depmap.Edge{Evidence: []depmap.Evidence{written}, Seen: &depmap.Sight{State: depmap.SeenUnclear, Last: at}}, []string{"perhaps from another service there"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var page strings.Builder
			if err := edge(tt.edge).Render(t.Context(), &page); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(page.String(), want) {
					t.Errorf("%q is not in %s", want, page.String())
				}
			}
		})
	}
}
