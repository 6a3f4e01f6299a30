package how_test

import (
	"context"
	"flag"
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
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/merge"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workspace"
)

var update = flag.Bool("update", false, "rewrite the archives")

const sample = "../../examples/kopi"

// why each archive is there: "service environment".
var samples = map[string]string{
	"payments production-sg":  "A service on one machine, whose unit, folder, account and files are known from a unit beside its code.",
	"payments indonesia":      "The same in Indonesia's cluster: a database on machines, a file and secrets beside its variables.",
	"orders production-sg":    "A service on two machines whose unit a cookbook's own resource makes: its name is in nothing that was read.",
	"shop production-sg":      "The monolith, whose unit Chef renders by a name of its own.",
	"mobile-gateway thailand": "A service that a HorizontalPodAutoscaler scales.",
	"orders vietnam":          "A service planned on machines: Caravan's own names and scripts.",
	"pg-main production-sg":   "A database of today.",
	"pg-main indonesia-data":  "The same planned on machines, kept by Patroni.",
	"redis-cache vietnam-k8s": "A cache planned in a cluster.",
	"pg-main vietnam-k8s":     "A database planned in a cluster, kept by Patroni.",
}

// TestTheSampleCompanyIsToldHow holds what is said for every action to archives people have read.
func TestTheSampleCompanyIsToldHow(t *testing.T) {
	e := readSample(t)
	for name, why := range samples {
		t.Run(name, func(t *testing.T) {
			service, env, _ := strings.Cut(name, " ")
			g, err := how.Tell(e.subject(t, service)).In(estate.EnvironmentName(env))
			if err != nil {
				t.Fatal(err)
			}
			a := &txtar.Archive{Comment: []byte(why + "\n\n")}
			for _, v := range g.Answers {
				a.Files = append(a.Files, txtar.File{Name: string(v.Action), Data: []byte(written(v.Recipes[0]))})
			}
			got, file := txtar.Format(a), filepath.Join("testdata", service+"-"+env+".txtar")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("what is said changed (-want +got); run the test with -update when that is right:\n%s", diff)
			}
		})
	}
}

// written is a recipe as the archives have it: commands behind $, or behind ! where they change something.
func written(r how.Recipe) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Does)
	for _, c := range r.Commands {
		mark := "$"
		if c.Changes {
			mark = "!"
		}
		if c.Note != "" {
			fmt.Fprintf(&b, "  # %s\n", c.Note)
		}
		fmt.Fprintf(&b, "  %s %s\n", mark, c.Line)
	}
	say := func(what string, lines ...string) {
		for _, l := range lines {
			if l != "" {
				fmt.Fprintf(&b, "%s: %s\n", what, l)
			}
		}
	}
	say("warning", r.Warning)
	say("differs", r.Differs...)
	say("rights", r.Rights)
	say("unknown", r.Unknown...)
	for _, f := range r.Evidence {
		say("evidence", f.What+" "+f.Value+" from "+f.Place.String())
	}
	return b.String()
}

func TestNoSecretOfTheSampleCompanyIsTold(t *testing.T) {
	canaries, err := os.ReadFile("../../examples/kopi-canaries.txt")
	if err != nil {
		t.Fatal(err)
	}
	e := readSample(t)
	for _, s := range e.today.Graph.Services {
		told := fmt.Sprintf("%+v", how.Tell(e.subject(t, string(s.Name))))
		for _, secret := range strings.Fields(string(canaries)) {
			if strings.Contains(told, secret) {
				t.Errorf("%s: the secret %q is told", s.Name, secret)
			}
		}
	}
}

func TestEveryRecipeSaysSomethingAndEveryCommandIsALine(t *testing.T) {
	e := readSample(t)
	said := 0
	for _, s := range e.today.Graph.Services {
		for _, a := range how.Tell(e.subject(t, string(s.Name))).Answers {
			for _, r := range a.Recipes {
				said++
				at := fmt.Sprintf("%s %s in %s", s.Name, a.Action, r.Environment)
				if !strings.HasSuffix(r.Does, ".") || len(r.Commands) == 0 && len(r.Unknown) == 0 && a.Action != how.Database {
					t.Errorf("%s: %q with %d commands", at, r.Does, len(r.Commands))
				}
				for _, c := range r.Commands {
					if strings.ContainsAny(c.Line, "\n\r") || strings.Contains(c.Line, "  ") || strings.Contains(c.Line, "%s") || strings.TrimSpace(c.Line) != c.Line {
						t.Errorf("%s: %q", at, c.Line)
					}
				}
			}
		}
	}
	if said < 1000 {
		t.Errorf("only %d recipes", said)
	}
}

// kopi is the sample company with what is planned.
type kopi struct {
	today how.Estate
	sites []render.Site
}

func (k kopi) subject(t *testing.T, name string) how.Subject {
	t.Helper()
	found, ok := k.today.Graph.Find(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	s := how.Today(k.today, found)
	for _, site := range k.sites {
		s = s.With(site)
	}
	return s.WithoutPlaces()
}

// vietnam plans everything of an order once on machines and once in a cluster.
const vietnam = `country: VN
source: production-sg
environments: [{name: %s, kind: %s}]
services: [orders]
datastores:
  - {name: pg-main, placement: %[2]s}
  - {name: redis-cache, placement: %[2]s}
decisions:
  - {to: pricing, decide: clone, by: orders, at: 2026-03-02, why: test}
`

func readSample(t *testing.T) kopi {
	t.Helper()
	w, err := workspace.Open(sample)
	if err != nil {
		t.Fatal(err)
	}
	got, err := discover.Scan(context.Background(), workspace.Sources(w), every.Formats(), discover.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := merge.Sightings(append(got.Sightings, workspace.Sightings(w)...), got.Doubts)
	k := kopi{today: how.Estate{Graph: depmap.Build(s), Components: s.Components, Kinds: map[estate.EnvironmentName]string{}}}
	in := expansion.Input{Organisation: "kopi", Graph: k.today.Graph, Components: s.Components}
	for _, v := range w.Environments {
		k.today.Kinds[v.Name] = v.Kind
		in.Environments = append(in.Environments, expansion.Known{Name: v.Name, Kind: v.Kind, Country: v.Country, Ranges: v.Ranges})
	}
	if in.Workloads, err = workspace.Workloads(sample); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"vietnam": fmt.Sprintf(vietnam, "vietnam", "vm"), "vietnam2": fmt.Sprintf(vietnam, "vietnam-k8s", "kubernetes")}
	for _, name := range []string{"indonesia", "thailand"} {
		data, err := os.ReadFile(filepath.Join(sample, expansion.FileOf(name)))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(data)
	}
	for _, name := range []string{"indonesia", "thailand", "vietnam", "vietnam2"} {
		k.sites = append(k.sites, planned(t, in, name, texts[name])...)
	}
	return k
}

// planned are the sites of an expansion, with an address for each machine.
func planned(t *testing.T, in expansion.Input, name, text string) []render.Site {
	t.Helper()
	e, err := expansion.Parse([]byte(text), name, expansion.FileOf(name))
	if err != nil {
		t.Fatal(err)
	}
	in.Expansion = e
	p, err := expansion.Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	sites := p.Sites(expansion.Known{Name: "production-sg", Kind: "vm"})
	for i := range sites {
		sites[i].Hosts = slices.Clone(sites[i].Hosts)
		for j := range sites[i].Hosts {
			sites[i].Hosts[j].Address = fmt.Sprintf("10.64.0.%d", j+1)
		}
	}
	return sites
}
