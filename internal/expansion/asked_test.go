package expansion

import (
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

const small = "country: ID\nsource: production-sg\nenvironments:\n  - {name: id, kind: kubernetes}\n  - {name: id-data, kind: vm}\nservices: [api]\n"

// needing is an estate in which a team asks for a datastore that nothing has the name of.
func needing(t *testing.T, text string, types map[estate.ServiceName]string) Input {
	in := estateOf(t, text)
	in.Workloads = map[estate.ServiceName]workload.Workload{}
	for service, kind := range types {
		w := workload.Workload{APIVersion: workload.Version, Metadata: workload.Metadata{Name: string(service)}, Containers: map[string]workload.Container{string(service): {Image: "."}}}
		w.Resources = map[string]workload.Resource{"fresh": {Type: kind}}
		in.Workloads[service] = w
	}
	return in
}

func TestWhatAWorkloadAsksForAndNothingHasTheNameOfIsMadeAnew(t *testing.T) {
	in := needing(t, small, map[estate.ServiceName]string{"api": workload.Postgres})
	known := len(in.Graph.Services)
	p, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := planned(p, "fresh")
	if !ok || d.Technology != "postgres" || d.Placement.Kind != "vm" || d.In != "id-data" || d.Port != 5432 || d.Team != teamOf("api") || len(d.For) != 1 || d.Because.Text != "it is new" {
		t.Errorf("%+v", d)
	}
	for _, point := range d.Placement.Points {
		if strings.Contains(point.Text, "today") {
			t.Errorf("what is new runs nowhere today: %+v", point)
		}
	}
	if len(in.Graph.Services) != known {
		t.Error("the map was changed")
	}
	if e := p.Sites(Known{})[0].Services[0].Endpoints["fresh"]; e.Host == "" || e.Secret != "fresh-api" {
		t.Errorf("its caller is told %+v", e)
	}
	if p, err = Plan(needing(t, small+"datastores:\n  - {name: fresh, placement: kubernetes}\n", map[estate.ServiceName]string{"api": workload.Redis})); err != nil {
		t.Fatal(err)
	}
	if d, _ := planned(p, "fresh"); d.In != "id" || d.Technology != "redis" {
		t.Errorf("where it is asked for: %+v", d)
	}
}

func planned(p Proposal, name estate.ServiceName) (Datastore, bool) {
	for _, d := range p.Datastores {
		if d.Name == name {
			return d, true
		}
	}
	return Datastore{}, false
}

func TestANameThatIsAskedForAsTwoTypesIsRefused(t *testing.T) {
	in := needing(t, small, map[estate.ServiceName]string{"api": workload.Redis, "stock": workload.Postgres})
	if _, err := Plan(in); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "fresh is asked for as postgres, and by another workload as redis") {
		t.Errorf("%v", err)
	}
}

func TestANameThatTwoTeamsAskForIsRefused(t *testing.T) {
	in := needing(t, small, map[estate.ServiceName]string{"api": workload.Redis, "stock": workload.Redis})
	in.Graph.Services = slices.Clone(in.Graph.Services)
	for i := range in.Graph.Services {
		in.Graph.Services[i].Team = estate.TeamName("team of " + in.Graph.Services[i].Name)
	}
	if _, err := Plan(in); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "fresh is asked for by team team of stock, and by a workload of team team of api") {
		t.Errorf("%v", err)
	}
}

func TestWhatSaysWhereItIsIsNotMadeAnew(t *testing.T) {
	in := needing(t, small, map[estate.ServiceName]string{"api": workload.Postgres})
	in.Workloads["api"].Resources["fresh"] = workload.Resource{Type: workload.Postgres, Params: map[string]any{"host": "db.vendor.example", "port": 5432}}
	p, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	if d, there := planned(p, "fresh"); there {
		t.Errorf("%+v", d)
	}
}

func TestANameIsTakenByWhatTheMapAndWorkloadsHave(t *testing.T) {
	in := needing(t, small, map[estate.ServiceName]string{"api": workload.Redis})
	for name, want := range map[estate.ServiceName]string{"pg": "the map has a datastore pg", "api": "the map has a service api", "fresh": "the workload of api asks for it, as redis", "other": ""} {
		if got, ok := Taken(in, name); got != want || ok != (want != "") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAStoreIsAddedToAnExpansionAndAllElseStays(t *testing.T) {
	s := StorePlan{Name: "fresh", Placement: "vm", Storage: "50Gi", Instances: 2, Why: "it's theirs"}
	added := "  - name: fresh\n    placement: vm\n    instances: 2\n    storage: 50Gi\n    why: it's theirs\n"
	for text, want := range map[string]string{
		small: small + "datastores:\n" + added,
		small + "datastores:\n  - name: pg # ours\n    memory: 8Gi\n\n# end\n": small + "datastores:\n  - name: pg # ours\n    memory: 8Gi\n" + added + "\n# end\n",
	} {
		got, err := AddStore([]byte(text), "indonesia", "expansions/indonesia.yaml", s)
		if err != nil || string(got) != want {
			t.Errorf("%v\n%s", err, got)
		}
		if _, err := AddStore(got, "indonesia", "expansions/indonesia.yaml", s); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a second time: %v", err)
		}
	}
	if _, err := AddStore([]byte(small+"datastores: [{name: pg}]\n"), "indonesia", "expansions/indonesia.yaml", s); fault.KindOf(err) != fault.Conflict {
		t.Errorf("beside others on one line: %v", err)
	}
}

func TestWhatWasPlannedStaysAtItsPortWhateverComesBeside(t *testing.T) {
	first, err := Plan(needing(t, small, map[estate.ServiceName]string{"api": workload.Postgres}))
	if err != nil {
		t.Fatal(err)
	}
	in := needing(t, small, map[estate.ServiceName]string{"api": workload.Postgres})
	in.Workloads["api"].Resources["a-new-one"] = workload.Resource{Type: workload.Postgres}
	for _, planning := range []struct {
		before     []Datastore
		fresh, new int
	}{{nil, 5433, 5432}, {first.Datastores, 5432, 5434}} {
		in.Planned = planning.before
		p, err := Plan(in)
		if err != nil {
			t.Fatal(err)
		}
		fresh, _ := planned(p, "fresh")
		if other, _ := planned(p, "a-new-one"); fresh.Port != planning.fresh || other.Port != planning.new {
			t.Errorf("after %d were planned, fresh listens on %d and the new one on %d", len(planning.before), fresh.Port, other.Port)
		}
	}
}
