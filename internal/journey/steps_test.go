package journey

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/render"
)

// indonesia is a proposal of a cluster and machines: a database, a stub, three services of which two need each other.
func indonesia() expansion.Proposal {
	in := []estate.EnvironmentName{"id"}
	return expansion.Proposal{
		Expansion: "indonesia", Country: "ID", Source: "sg", Digest: "sha256:1",
		Environments: []expansion.Environment{{Name: "id", Kind: "kubernetes"}, {Name: "id-data", Kind: "vm"}},
		Members: []expansion.Member{
			{Name: "api", Team: "back", In: in, Wave: 4, Uses: []expansion.Use{{Name: "pg", Here: true}, {Name: "loyalty", Here: true}, {Name: "mail", Fate: expansion.StubOut}}},
			{Name: "loyalty", Team: "back", In: in, Wave: 4, Uses: []expansion.Use{{Name: "api", Here: true}}},
			{Name: "web", Team: "front", In: in, Wave: 5, Uses: []expansion.Use{{Name: "api", Here: true}}},
		},
		Datastores: []expansion.Datastore{{Name: "pg", Team: "data", Technology: "postgres", In: "id-data", Instances: 3, Content: "empty", Placement: expansion.Placement{Kind: "vm"}}},
		Stubs:      []expansion.StubPlan{{Name: "mail", In: "id"}},
	}
}

func bundles(order ...int) []render.Bundle {
	all := []render.File{
		{Path: "kubernetes/overlays/id/namespaces/back.yaml", Text: "n"},
		{Path: "kubernetes/base/api/deployment.yaml", Text: "d", Subject: "api"},
		{Path: "kubernetes/base/api/configmap.yaml", Text: "c", Subject: "api"},
		{Path: "kubernetes/base/loyalty/deployment.yaml", Text: "d", Subject: "loyalty"},
		{Path: "kubernetes/base/web/deployment.yaml", Text: "d", Subject: "web"},
		{Path: "kubernetes/base/web/httproute.yaml", Text: "r", Subject: "web"},
		{Path: "kubernetes/overlays/id/stubs/mail.yaml", Text: "s", Subject: "mail"},
	}
	files := all
	if len(order) > 0 {
		files = nil
		for _, i := range order {
			files = append(files, all[i])
		}
	}
	return []render.Bundle{render.Pack(files), render.Pack([]render.File{
		{Path: "vm/id-data/datastores/pg/patroni.yml", Text: "p", Subject: "pg"},
		{Path: "vm/id-data/haproxy/haproxy.cfg", Text: "h", Subject: "haproxy"},
		{Path: "vm/id-data/README.md", Text: "r"},
	})}
}

func TestStepsAreInWavesProvidersFirst(t *testing.T) {
	var got []string
	for i, wave := range Steps(indonesia(), bundles()).Waves() {
		for _, s := range wave {
			got = append(got, fmt.Sprintf("%d %s %d", i+1, s.ID, len(s.Files)))
		}
	}
	want := []string{
		"1 id-data/addresses 0", "1 id/addresses 0",
		"2 id-data/access 2", "2 id/access 1",
		"3 id-data/datastore/pg 1", "3 id/stub/mail 1", "3 id/configuration/api 1",
		"4 id/service/api 1", "4 id/service/loyalty 1",
		"5 id/service/web 1",
		"6 id/traffic/web 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryFileBelongsToOneStep(t *testing.T) {
	seen := map[string]StepID{}
	for _, s := range Steps(indonesia(), bundles()).Steps {
		if s.Digest == "" || len(s.Preview) == 0 {
			t.Errorf("%s has no digest or preview", s.ID)
		}
		for _, f := range s.Files {
			if other, twice := seen[f.Path]; twice {
				t.Errorf("%s is in %s and %s", f.Path, other, s.ID)
			}
			seen[f.Path] = s.ID
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d files are in steps", len(seen))
	}
}

func TestAStepNeedsOnlyStepsOfEarlierWaves(t *testing.T) {
	j := Steps(indonesia(), bundles())
	wave := map[StepID]int{}
	for _, s := range j.Steps {
		wave[s.ID] = s.Wave
	}
	for _, s := range j.Steps {
		for _, n := range s.Needs {
			if wave[n] == 0 || wave[n] >= s.Wave {
				t.Errorf("%s in wave %d needs %s of wave %d", s.ID, s.Wave, n, wave[n])
			}
		}
	}
}

func TestAStepsDigestChangesWithWhatItDoesAndWithNothingElse(t *testing.T) {
	digests := func(p expansion.Proposal, b []render.Bundle) map[StepID]estate.Digest {
		out := map[StepID]estate.Digest{}
		for _, s := range Steps(p, b).Steps {
			out[s.ID] = s.Digest
		}
		return out
	}
	before := digests(indonesia(), bundles())
	if diff := cmp.Diff(before, digests(indonesia(), bundles(6, 5, 4, 3, 2, 1, 0))); diff != "" {
		t.Errorf("the order of the files matters:\n%s", diff)
	}
	changed := bundles()
	changed[0].Files[0].Text = "another" // the configuration of api
	after := digests(indonesia(), changed)
	for id, d := range before {
		if same := after[id] == d; same == (id == "id/configuration/api") {
			t.Errorf("%s: same digest: %v", id, same)
		}
	}
	earlier := indonesia()
	earlier.Members[1].Uses = nil // api and loyalty no longer in a circle: loyalty may come later, and does the same
	earlier.Members[1].Wave = 5
	if d := digests(earlier, bundles())["id/service/web"]; d != before["id/service/web"] {
		t.Error("web's step changed although it does the same")
	}
}
