package draw

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func coffee() depmap.Graph {
	service := func(name string, kind estate.Kind, team, technology string) depmap.Service {
		return depmap.Service{Name: estate.ServiceName(name), Kind: kind, Team: estate.TeamName(team), Technology: technology, External: kind == estate.External}
	}
	edge := func(from, to string, kind depmap.EdgeKind, confidence float64) depmap.Edge {
		return depmap.Edge{From: estate.ServiceName(from), To: estate.ServiceName(to), Kind: kind, Confidence: confidence, Origin: depmap.Configured}
	}
	g := depmap.Graph{
		Digest: "sha256:5f0c2a7f9b1d4c3e",
		Services: []depmap.Service{
			service("beans", estate.Service, "roastery", "go"),
			service("gateway", estate.Service, "shop", "nginx"),
			service("legacy-vm", estate.Host, "", ""),
			service("orders", estate.Service, "shop", "spring-boot"),
			service("payments", estate.External, "", ""),
			service("postgres", estate.Datastore, "platform", "postgres"),
			service("zipkin", estate.Service, "platform", "zipkin"),
		},
		Edges: []depmap.Edge{
			edge("beans", "orders", depmap.HTTP, 0.9),
			edge("gateway", "beans", depmap.Route, 0.95),
			edge("gateway", "orders", depmap.Route, 0.95),
			edge("orders", "beans", depmap.HTTP, 0.9),
			edge("orders", "payments", depmap.HTTP, 0.4),
			edge("orders", "postgres", depmap.Database, 0.98),
			edge("orders", "zipkin", depmap.Tracing, 0.9),
		},
		Groups: []depmap.Group{{Name: "cycle-1", Services: []estate.ServiceName{"beans", "orders"}}},
	}
	g.Services[0].Group, g.Services[3].Group = "cycle-1", "cycle-1"
	g.Services[6].Infrastructure, g.Edges[6].Infrastructure = true, true
	return g
}

// The golden files are the coffee company in every format, so that a change of the pictures is seen in review.
func TestPicturesOfTheCoffeeCompanyStayAsTheyAre(t *testing.T) {
	for name, got := range map[string][]byte{
		"coffee.dot":          DOT(coffee(), Options{}),
		"coffee.mmd":          Mermaid(coffee(), Options{}),
		"coffee.svg":          SVG(coffee(), Options{ReadAt: "2026-03-01 09:30 UTC"}),
		"coffee-no-infra.svg": SVG(coffee(), Options{HideInfrastructure: true}),
		"coffee-groups.mmd":   Mermaid(coffee(), Options{CollapseAbove: 2}),
		"coffee-groups.svg":   SVG(coffee(), Options{CollapseAbove: 2}),
		"nothing.svg":         SVG(depmap.Graph{}, Options{}),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got); go test ./internal/draw -update rewrites it:\n%s", name, diff)
		}
	}
}

func TestHostileNamesStayText(t *testing.T) {
	hostile := []string{
		`</svg><script>alert(1)</script>`, `a"] ; click n0 "javascript:alert(1)`, `x\" -> y`, "line\nbreak", "nul\x00bad\xffutf8",
		`"]:::danger`, `<b onmouseover=1>`, "]]>", `\N\G`, "`md`", "%%{init: {}}%%", strings.Repeat("very-long-", 60), "日本語のサービス",
	}
	g := depmap.Graph{}
	for i, name := range hostile {
		g.Services = append(g.Services, depmap.Service{Name: estate.ServiceName(name), Kind: estate.Service, Team: estate.TeamName(name), Technology: name})
		g.Edges = append(g.Edges, depmap.Edge{From: estate.ServiceName(name), To: estate.ServiceName(hostile[(i+1)%len(hostile)]), Kind: depmap.EdgeKind(name)})
	}
	for _, o := range []Options{{Title: hostile[0], ReadAt: hostile[0]}, {CollapseAbove: 1}} {
		svg := SVG(g, o)
		for _, element := range elements(t, svg) {
			if element.Name.Local == "script" {
				t.Errorf("the picture holds a script element:\n%s", svg)
			}
		}
		mermaid := string(Mermaid(g, o))
		for _, line := range strings.Split(mermaid, "\n") {
			if strings.Contains(line, "<script") || strings.Contains(line, "click n0 \"") || strings.Contains(line, "%%{") {
				t.Errorf("a name speaks Mermaid: %q", line)
			}
		}
	}
	for _, line := range strings.Split(string(DOT(g, Options{})), "\n") {
		if unescaped := strings.NewReplacer(`\\`, "", `\"`, "").Replace(line); strings.Count(unescaped, `"`)%2 != 0 {
			t.Errorf("a name ends its DOT string: %q", line)
		}
	}
}

func TestLargeEstatesAreDrawnAsGroupsWithTheirStrongestConnections(t *testing.T) {
	g := depmap.Graph{}
	for i := range 2000 {
		g.Services = append(g.Services, depmap.Service{Name: estate.ServiceName(fmt.Sprintf("service-%04d", i)), Kind: estate.Service, Team: estate.TeamName(fmt.Sprintf("team-%02d", i%40))})
		for k := range 5 {
			g.Edges = append(g.Edges, depmap.Edge{From: g.Services[i].Name, To: estate.ServiceName(fmt.Sprintf("service-%04d", (i*7+k*31+1)%2000)), Kind: depmap.HTTP})
		}
	}
	svg := string(SVG(g, Options{}))
	if got := strings.Count(svg, "data-group="); got != 40 {
		t.Errorf("%d groups, want one for each of the 40 teams", got)
	}
	if got := strings.Count(svg, "data-from="); got == 0 || got > 120 {
		t.Errorf("%d connections, want at most three for each group", got)
	}
	var w, h float64
	if _, err := fmt.Sscanf(svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%f" height="%f"`, &w, &h); err != nil || w > 4*h {
		t.Errorf("the picture is %.0f × %.0f: too long to read (%v)", w, h, err)
	}
	if !strings.Contains(svg, "2000 services · 10000 edges") {
		t.Errorf("the heading does not give the counts of the whole estate")
	}
}

func TestClustersFallBackFromTeamsToCyclesToFolders(t *testing.T) {
	service := func(name, team, group, file string) depmap.Service {
		return depmap.Service{Name: estate.ServiceName(name), Kind: estate.Service, Team: estate.TeamName(team), Group: group, Places: []estate.Place{{File: file}}}
	}
	for _, tt := range []struct {
		name     string
		services []depmap.Service
		want     map[string][]estate.ServiceName
	}{
		{"owned services gather by team, the rest has no owner",
			[]depmap.Service{service("a", "shop", "", "x/f"), service("b", "shop", "", "y/f"), service("c", "", "", "z/f")},
			map[string][]estate.ServiceName{"team shop": {"a", "b"}, "unowned": {"c"}}},
		{"without owners cycles stay together, others gather by the first folder that differs",
			[]depmap.Service{service("a", "", "cycle-1", "co/x/f"), service("b", "", "cycle-1", "co/y/f"), service("c", "", "", "co/z/f"), service("d", "", "", "co/z/g/f")},
			map[string][]estate.ServiceName{"cycle-1": {"a", "b"}, "folder z": {"c", "d"}}},
		{"what others run is outside",
			[]depmap.Service{{Name: "paypal", Kind: estate.External}, service("a", "", "", "f")},
			map[string][]estate.ServiceName{"outside": {"paypal"}, "others": {"a"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := map[string][]estate.ServiceName{}
			for _, c := range Clusters(depmap.Graph{Services: tt.services}) {
				got[c.Name] = c.Services
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryServiceIsInExactlyOneCluster(t *testing.T) {
	g := depmap.Graph{}
	for i := range 500 {
		g.Services = append(g.Services, depmap.Service{Name: estate.ServiceName(fmt.Sprint("s", i)), Kind: estate.Service, Team: estate.TeamName(fmt.Sprint("t", i%200))})
	}
	seen := map[estate.ServiceName]int{}
	clusters := Clusters(g)
	for _, c := range clusters {
		for _, s := range c.Services {
			seen[s]++
		}
	}
	if len(clusters) != mostClusters {
		t.Errorf("%d clusters, want %d", len(clusters), mostClusters)
	}
	for _, s := range g.Services {
		if seen[s.Name] != 1 {
			t.Errorf("%s is in %d clusters", s.Name, seen[s.Name])
		}
	}
}

func TestAnyGraphIsDrawnWholeAndWithoutOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		svg := SVG(g, Options{})
		if !bytes.Equal(svg, SVG(g, Options{})) {
			t.Fatal("the same graph gave different bytes")
		}
		services, edges := map[string]bool{}, map[[2]string]bool{}
		var boxes [][4]float64
		for _, e := range elements(t, svg) {
			a := attributes(e)
			if name, ok := a["data-service"]; ok {
				services[name] = true
				var b [4]float64
				if _, err := fmt.Sscan(a["data-box"], &b[0], &b[1], &b[2], &b[3]); err != nil {
					t.Fatal(err)
				}
				boxes = append(boxes, b)
			}
			if from, ok := a["data-from"]; ok {
				edges[[2]string{from, a["data-to"]}] = true
			}
		}
		for _, s := range g.Services {
			if !services[string(s.Name)] {
				t.Fatalf("service %q is not drawn", s.Name)
			}
		}
		for _, e := range g.Edges {
			if e.From != e.To && !edges[[2]string{string(e.From), string(e.To)}] {
				t.Fatalf("edge %q → %q is not drawn", e.From, e.To)
			}
		}
		for i, a := range boxes {
			for _, b := range boxes[:i] {
				if a[0] < b[0]+b[2] && b[0] < a[0]+a[2] && a[1] < b[1]+b[3] && b[1] < a[1]+a[3] {
					t.Fatalf("boxes overlap: %v and %v", a, b)
				}
			}
		}
	})
}

func TestLinesPassBetweenTheBoxesOfTheColumnsTheyCross(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		boxes, links := measured(prepare(g, Options{}))
		ends := make([][2]int, len(links))
		for i, l := range links {
			ends[i] = [2]int{l.from, l.to}
		}
		arrange(boxes, links)
		for i, l := range links {
			for k := 0; k+1 < len(l.points); k += 2 {
				p, q := l.points[k], l.points[k+1]
				for b, at := range boxes {
					if b == ends[i][0] || b == ends[i][1] {
						continue
					}
					if p.y > at.y-at.h/2 && p.y < at.y+at.h/2 && p.x < at.x+at.w/2 && q.x > at.x-at.w/2 && q.x-p.x > 0.05 {
						t.Fatalf("line %v runs through box %v", ends[i], b)
					}
				}
			}
		}
	})
}

func anyGraph(t *rapid.T) depmap.Graph {
	g := depmap.Graph{}
	n := rapid.IntRange(0, 40).Draw(t, "services")
	kinds := []estate.Kind{estate.Service, estate.Datastore, estate.External, estate.Host}
	for i := range n {
		name := fmt.Sprintf("%d-%s", i, rapid.StringMatching(`[a-zA-Z<>&"'-]{0,40}`).Draw(t, "name"))
		g.Services = append(g.Services, depmap.Service{Name: estate.ServiceName(name), Kind: rapid.SampledFrom(kinds).Draw(t, "kind")})
	}
	for range rapid.IntRange(0, 4*n).Draw(t, "edges") {
		from, to := rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to")
		g.Edges = append(g.Edges, depmap.Edge{From: g.Services[from].Name, To: g.Services[to].Name, Kind: depmap.HTTP, Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence")})
	}
	return g
}

type failer interface{ Fatalf(string, ...any) }

func elements(t failer, svg []byte) []xml.StartElement {
	var out []xml.StartElement
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("not well-formed XML: %v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			out = append(out, e.Copy())
		}
	}
}

func attributes(e xml.StartElement) map[string]string {
	out := map[string]string{}
	for _, a := range e.Attr {
		out[a.Name.Local] = a.Value
	}
	return out
}
