// Package idioms holds the map to the ways estates are really written: each archive in testdata is a small estate that
// shows one idiom, with the edges it must and must not give.
package idioms

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/every"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/merge"
)

// TestEveryIdiomGivesItsEdges reads each archive. Its comment says why it exists; the file "edges" lists all edges as
// "consumer -> provider kind"; the optional files "doubts" and "services" list texts that must be found, "processes" all
// that is known of how services are started and kept.
func TestEveryIdiomGivesItsEdges(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives: the test would prove nothing")
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(string(a.Comment)) == "" {
				t.Error("the archive does not say why it exists")
			}
			check(t, a)
		})
	}
}

func check(t *testing.T, a *txtar.Archive) {
	dir := t.TempDir()
	expected := map[string]string{}
	for _, f := range a.Files {
		switch f.Name {
		case "edges", "doubts", "services", "processes":
			expected[f.Name] = string(f.Data)
		default:
			write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), f.Data)
		}
	}
	g := mapOf(t, dir)
	var got []string
	for _, e := range g.Edges {
		got = append(got, fmt.Sprintf("%s -> %s %s", e.From, e.To, e.Kind))
		if len(e.Evidence) == 0 || e.Confidence <= 0 {
			t.Errorf("%s -> %s has no evidence or no confidence", e.From, e.To)
		}
	}
	if diff := cmp.Diff(lines(expected["edges"]), got); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
	var doubts, services []string
	for _, d := range g.Doubts {
		doubts = append(doubts, d.Place.String()+" "+string(d.Topic)+" "+d.Text)
	}
	for _, s := range g.Services {
		services = append(services, fmt.Sprintf("%s %s %s %s", s.Name, s.Kind, s.Technology, s.Team))
	}
	contains(t, "doubt", lines(expected["doubts"]), doubts)
	contains(t, "service", lines(expected["services"]), services)
	if want, ok := expected["processes"]; ok {
		if diff := cmp.Diff(lines(want), processes(pictureOf(t, dir))); diff != "" {
			t.Errorf("processes (-want +got):\n%s", diff)
		}
	}
}

func contains(t *testing.T, what string, want, got []string) {
	t.Helper()
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(strings.TrimSpace(g), w) || strings.Contains(g, w) }) {
			t.Errorf("no %s %q among\n%s", what, w, strings.Join(got, "\n"))
		}
	}
}

func mapOf(t *testing.T, dir string) depmap.Graph {
	t.Helper()
	return depmap.Build(pictureOf(t, dir))
}

func pictureOf(t *testing.T, dir string) estate.Snapshot {
	t.Helper()
	r, err := discover.Scan(context.Background(), []discover.Source{{Dir: dir}}, every.Formats(), discover.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return merge.Sightings(r.Sightings, r.Doubts)
}

// processes is what is known of processes, a line for each thing and place.
func processes(s estate.Snapshot) []string {
	var out []string
	for _, c := range s.Components {
		for _, p := range c.Process {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s: %s (%s) %s", c.Name, p.Key, p.Value, p.Place, p.Environment)))
		}
	}
	return out
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// lines are the non-empty lines of a text, sorted as the graph sorts them when they are edges.
func lines(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, l)
		}
	}
	return out
}
