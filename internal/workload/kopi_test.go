package workload_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/every"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/merge"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

var update = flag.Bool("update", false, "rewrite the archives")

const sample = "../../examples/kopi"

// why each service of the sample company is among the archives.
var samples = map[string]string{
	"orders":   "A Spring service behind a configuration server: addresses in its release are overruled by relaxed binding.",
	"payments": "A Go service with a unit, an environment file and attributes of its team.",
	"shop":     "The Rails monolith: production's .env file, attributes, and addresses in settings that nothing overrules.",
	"delivery": "A Python service whose ini file in the release holds most addresses.",
	"pricing":  "A .NET service: connection strings are overruled with two underscores.",
	"search":   "A Node service with JSON configuration.",
	"edge":     "A proxy: no variables, two ports, one of them low.",
}

// TestTheServicesOfTheSampleCompanyAreProposed holds what is proposed for services of many kinds to archives people have read.
func TestTheServicesOfTheSampleCompanyAreProposed(t *testing.T) {
	proposals := proposeSample(t)
	for name, why := range samples {
		t.Run(name, func(t *testing.T) {
			p, ok := proposals[estate.ServiceName(name)]
			if !ok {
				t.Fatal("the plan does not hold it")
			}
			got := txtar.Format(&txtar.Archive{
				Comment: []byte(why + "\n\n"),
				Files:   []txtar.File{{Name: workload.FileName, Data: workload.Format(p.Workload, workload.Notes{Questions: p.Questions, Origins: p.Origins})}},
			})
			file := filepath.Join("testdata", "kopi", name+".txtar")
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
				t.Errorf("the proposal changed (-want +got); run the test with -update when that is right:\n%s", diff)
			}
		})
	}
}

func TestNoSecretOfTheSampleCompanyIsInAProposal(t *testing.T) {
	canaries, err := os.ReadFile("../../examples/kopi-canaries.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range proposeSample(t) {
		all.Write(workload.Format(p.Workload, workload.Notes{Questions: p.Questions, Origins: p.Origins}))
	}
	for _, secret := range strings.Fields(string(canaries)) {
		if strings.Contains(all.String(), secret) {
			t.Errorf("the secret %q is in a workload", secret)
		}
	}
}

// proposeSample proposes every service of the sample company.
func proposeSample(t *testing.T) map[estate.ServiceName]workload.Proposal {
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
	e, err := expansion.Parse([]byte("country: ID\nsource: production-sg\nenvironments: [{name: production-id, kind: kubernetes}]\nservices: [{service: \"*\"}]\n"), "everything", "everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := expansion.Seen(expansion.Input{Organisation: "Kopi", Graph: depmap.Build(s), Components: s.Components, Expansion: e})
	out := map[estate.ServiceName]workload.Proposal{}
	for _, one := range seen {
		out[one.Component.Name] = workload.Propose(one)
	}
	return out
}
