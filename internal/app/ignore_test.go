package app

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/estate"
)

const shopFile = `services:
  web:
    image: acme/web
    environment: {API: "http://api:80", MAIL: "smtp://old-smtp:25", TRACK: "https://track.vendor.example.com/x", LOST: "http://lost.internal:9"}
  api: {image: acme/api, environment: {WEB: "http://web:80", MAIL: "smtp://old-smtp:25"}}
  smtp: {image: acme/smtp, container_name: old-smtp, environment: {API: "http://api:80"}}
`

// readShop is the graph of a workspace over shopFile whose services are declared as given.
func readShop(t *testing.T, declared string) (edges []string, services []string, doubts []estate.Doubt) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"caravan.yaml":            "organisation: Made up\nsources:\n  - {name: shop, dir: shop}\n" + declared,
		"shop/docker-compose.yml": shopFile,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := open(t, Options{Workspace: dir})
	st, err := a.StartScan(ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if st = ended(t, a, st.ID); st.State != "done" {
		t.Fatalf("%+v", st)
	}
	g, _, err := a.Graph(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	digest := g.Digest
	if g.Digest = ""; estate.DigestOf(g) != digest {
		t.Errorf("the digest is not that of the graph")
	}
	for _, e := range g.Edges {
		edges = append(edges, string(e.From+"→"+e.To))
	}
	for _, s := range g.Services {
		services = append(services, string(s.Name))
	}
	return edges, services, g.Doubts
}

func TestWhatTheWorkspaceIgnoresIsNowhereOnTheMap(t *testing.T) {
	whole := []string{"api→smtp", "api→web", "smtp→api", "web→api", "web→lost.internal", "web→smtp", "web→track.vendor.example.com"}
	for _, c := range []struct {
		what, declared string
		gone           string
	}{
		{"nothing", "", "-"},
		{"a service by its own name", "services: [{name: smtp, ignore: true}]\n", "smtp"},
		{"a service by another of its names", "services: [{name: old-smtp, ignore: true}]\n", "smtp"},
		{"a service by an alias that is declared", "services: [{name: mail-relay, aliases: [old-smtp], ignore: true}]\n", "smtp"},
		{"somebody else's host", "services: [{name: track.vendor.example.com, ignore: true}]\n", "track.vendor.example.com"},
		{"a host nobody answers to, with its doubt", "services: [{name: lost, aliases: [lost.internal], ignore: true}]\n", "lost.internal"},
		{"a name nothing goes by", "services: [{name: long-gone, ignore: true}]\n", "-"},
	} {
		t.Run(c.what, func(t *testing.T) {
			edges, services, doubts := readShop(t, c.declared)
			want := slices.DeleteFunc(slices.Clone(whole), func(e string) bool {
				return strings.HasPrefix(e, c.gone+"→") || strings.HasSuffix(e, "→"+c.gone)
			})
			if diff := cmp.Diff(want, edges); diff != "" {
				t.Errorf("edges (-want +got):\n%s", diff)
			}
			if slices.Contains(services, c.gone) || slices.Contains(services, "old-smtp") || slices.Contains(services, "long-gone") {
				t.Errorf("services: %v", services)
			}
			lost := slices.ContainsFunc(doubts, func(d estate.Doubt) bool { return strings.Contains(d.Text, "lost.internal") })
			if lost != (c.gone != "lost.internal") || len(doubts) > 1 {
				t.Errorf("doubts: %v", doubts)
			}
		})
	}
}
