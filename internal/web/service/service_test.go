package service

import (
	"testing"

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
