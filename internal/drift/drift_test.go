package drift_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/object"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const (
	hour = time.Hour
	day  = 24 * hour
)

var teams = map[estate.ServiceName]estate.TeamName{"orders": "orders", "pricing": "pricing"}

func looked(env estate.EnvironmentName, ago time.Duration) drift.Look {
	return drift.Look{Environment: env, At: now.Add(-ago), Where: "cluster of context " + string(env)}
}

func deployment(replicas int, image string) map[string]any {
	return map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "orders", "namespace": "orders"}, "spec": map[string]any{
		"replicas": replicas, "template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "orders", "image": image}}}},
	}}
}

func source(env estate.EnvironmentName) drift.Source {
	return drift.Source{Service: "orders", Environment: env, Expansion: "indonesia", Step: string(env) + "/service/orders", Where: "cluster of context " + string(env), At: now}
}

// estateInOrder is a world in which nothing differs but what is intended, and everything there is to look at is looked at.
func estateInOrder() drift.World {
	w := drift.World{Now: now, Teams: teams, Looks: []drift.Look{looked("id", hour), looked("my", hour)}}
	for _, env := range []estate.EnvironmentName{"id", "my"} {
		w.Objects = append(w.Objects, drift.Object{Source: source(env), Pair: object.Pair{Path: "orders.yaml", Declared: deployment(2, "orders:4"), Live: deployment(2, "orders:4")}})
		w.Instances = append(w.Instances, drift.Running{Service: "orders", Environment: env, Name: "deployment orders/orders", Version: "4.2.0", Declared: true, At: now, Place: "there"})
		w.Units = append(w.Units, drift.UnitState{Source: source(env), Machine: "vm1", Unit: "orders.service"})
		w.Configurations = append(w.Configurations, configured(env, given("LEVEL", "info", config.Base, "")))
		w.Releases = append(w.Releases, drift.Released{Service: "orders", Environment: env, Version: "v4.2.0", Place: "release 7"})
		for _, vm := range []string{"vm1", "vm2", "vm3"} {
			w.Packages = append(w.Packages, drift.Installed{Service: "orders", Environment: env, Machine: vm, Group: "orders machines", Package: "openjdk-17-jre", Version: "17.0.9", At: now, Place: vm})
		}
	}
	return w
}

func given(key, value string, layer config.Layer, name string) config.Entry {
	return config.Entry{Key: key, Declared: config.Key{Type: config.Text}, Given: []config.Given{{Layer: layer, Name: name, Value: config.Value{Text: value}, Place: estate.Place{File: "services/orders/config/" + string(layer) + ".yaml", Line: 3}}}}
}

func configured(env estate.EnvironmentName, entries ...config.Entry) drift.Configuration {
	return drift.Configuration{Effective: config.Effective{Spot: config.Spot{Service: "orders", Environment: env}, Entries: entries}}
}

// plants are drifts, one of each kind, each planted into a world in order.
var plants = []struct {
	name  string
	kind  drift.Kind
	team  estate.TeamName
	class drift.Class
	plant func(w *drift.World)
	says  string
}{
	{"somebody scales by hand", drift.Replicas, "orders", drift.Accident, func(w *drift.World) { w.Objects[0].Live = deployment(5, "orders:4") }, "is 5, declared is 2"},
	{"somebody sets another image", drift.Image, "orders", drift.Accident, func(w *drift.World) { w.Objects[0].Live = deployment(2, "orders:5") }, "orders:5"},
	{"somebody takes an object away", drift.Missing, "orders", drift.Accident, func(w *drift.World) { w.Objects[0].Live = nil }, "is not there"},
	{"somebody puts an object beside", drift.Extra, "orders", drift.Accident, func(w *drift.World) {
		w.Objects = append(w.Objects, drift.Object{Source: source("id"), Pair: object.Pair{Live: map[string]any{"kind": "Deployment", "metadata": map[string]any{"name": "debug", "namespace": "orders"}}}})
	}, "deployment orders/debug"},
	{"a variable is changed by hand", drift.Variable, "orders", drift.Accident, func(w *drift.World) { setEnv(w, "LEVEL", "debug") }, "env[LEVEL].value"},
	{"limits are raised by hand", drift.Resources, "orders", drift.Accident, func(w *drift.World) { setLimit(w, "1", "2") }, "limits.cpu is 2, declared is 1"},
	{"a ConfigMap is edited by hand", drift.Data, "orders", drift.Accident, func(w *drift.World) {
		cm := func(v string) map[string]any {
			return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c"}, "data": map[string]any{"LEVEL": v}}
		}
		w.Objects[0].Pair = object.Pair{Path: "c.yaml", Declared: cm("info"), Live: cm("debug")}
	}, "data.LEVEL is debug, declared is info"},
	{"a label is changed by hand", drift.Field, "orders", drift.Accident, func(w *drift.World) { setLabel(w, "orders", "payments") }, "labels.team"},
	{"another version runs than was released", drift.Release, "orders", drift.Accident, func(w *drift.World) { w.Instances[0].Version, w.Releases[1].Version = "4.1.0", "4.2.0" }, "runs 4.1.0"},
	{"another version was released than elsewhere", drift.Version, "orders", drift.Accident, func(w *drift.World) { w.Instances[0].Version, w.Releases[0].Version = "4.1.0", "4.1.0" }, "runs 4.1.0 here"},
	{"another version was released than elsewhere, with a reason", drift.Version, "orders", drift.Intended, func(w *drift.World) {
		w.Instances[0].Version, w.Releases[0].Version, w.Releases[0].Reason = "4.1.0", "4.1.0", "waits for a licence"
	}, "runs 4.1.0 here"},
	{"a key has another value, and nobody says why", drift.Setting, "orders", drift.Accident, func(w *drift.World) {
		w.Configurations[1] = configured("my", given("LEVEL", "debug", config.Base, ""))
	}, "LEVEL is debug here"},
	{"a key has another value by a layer of the environment", drift.Setting, "orders", drift.Intended, func(w *drift.World) {
		w.Configurations[1] = configured("my", given("LEVEL", "debug", config.Environment, "my"))
	}, "LEVEL is debug here"},
	{"a key is declared and not given", drift.NotGiven, "orders", drift.Accident, func(w *drift.World) { tell(w, nil, &config.Side{Text: "info"}, "") }, "LEVEL is declared and not given on vm1"},
	{"a key is given and not declared", drift.NotDeclared, "orders", drift.Accident, func(w *drift.World) { tell(w, &config.Side{Text: "1"}, nil, "") }, "LEVEL is given on vm1 and not declared"},
	{"a process has another value", drift.GivenOther, "orders", drift.Accident, func(w *drift.World) { tell(w, &config.Side{Text: "debug"}, &config.Side{Text: "info"}, "") }, "is debug on vm1, declared is info"},
	{"a process has another value, and somebody signed why", drift.GivenOther, "orders", drift.Intended, func(w *drift.World) {
		tell(w, &config.Side{Text: "debug"}, &config.Side{Text: "info"}, "we look for a leak")
	}, "is debug on vm1"},
	{"a file on a machine is edited", drift.FileEdited, "orders", drift.Accident, func(w *drift.World) {
		w.Files = append(w.Files, drift.File{Source: source("id"), Machine: "vm1", Path: "/etc/orders.env", File: "vm/orders.env", Diff: "-a\n+b\n"})
	}, "was edited on vm1"},
	{"a file on a machine is missing", drift.FileMissing, "orders", drift.Accident, func(w *drift.World) {
		w.Files = append(w.Files, drift.File{Source: source("id"), Machine: "vm1", Path: "/etc/orders.env", File: "vm/orders.env", Missing: true})
	}, "is missing on vm1"},
	{"a unit does not run", drift.Unit, "orders", drift.Accident, func(w *drift.World) { w.Units[0].Wrong = "does not run" }, "orders.service does not run on vm1"},
	{"an instance runs where none is declared", drift.Instance, "orders", drift.Accident, func(w *drift.World) {
		w.Instances = append(w.Instances, drift.Running{Service: "orders", Environment: "id", Name: "vm9", Version: "4.2.0", At: now, Place: "vm9"})
	}, "runs on vm9"},
	{"a machine has another version of a package", drift.Package, "orders", drift.Accident, func(w *drift.World) { w.Packages[1].Version = "17.0.8" }, "is 17.0.8 on vm2 and 17.0.9 on most"},
	{"an environment cannot be reached", drift.Unreachable, "", drift.Accident, func(w *drift.World) { w.Looks[0].Failed = "no route" }, "could not be looked at: no route"},
}

// tell says what a process is told, and what configuration has for it.
func tell(w *drift.World, now, then *config.Side, signed string) {
	k := config.Parity{Slot: config.Slot{Key: "LEVEL"}, Verdict: config.Unexplained, Now: now, Then: then, Digest: "sha256:1"}
	if signed != "" {
		k.Verdict, k.Signed = config.Intended, &config.Signature{By: "mei", Why: signed}
	}
	w.Reports = append(w.Reports, drift.Report{At: w.Now, Report: config.Report{Spot: config.Spot{Service: "orders", Environment: "id"}, Instances: []string{"vm1"}, Keys: []config.Parity{k, {Slot: config.Slot{Key: "SAME"}, Verdict: config.Equal}}}})
}

func container(o map[string]any) map[string]any {
	spec := o["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	return spec["containers"].([]any)[0].(map[string]any)
}

func setEnv(w *drift.World, key, value string) {
	container(w.Objects[0].Declared)["env"] = []any{map[string]any{"name": key, "value": "info"}}
	container(w.Objects[0].Live)["env"] = []any{map[string]any{"name": key, "value": value}}
}

func setLimit(w *drift.World, declared, live string) {
	container(w.Objects[0].Declared)["resources"] = map[string]any{"limits": map[string]any{"cpu": declared}}
	container(w.Objects[0].Live)["resources"] = map[string]any{"limits": map[string]any{"cpu": live}}
}

func setLabel(w *drift.World, declared, live string) {
	w.Objects[0].Declared["metadata"].(map[string]any)["labels"] = map[string]any{"team": declared}
	w.Objects[0].Live["metadata"].(map[string]any)["labels"] = map[string]any{"team": live}
}

func TestNothingDiffersInAnEstateInOrder(t *testing.T) {
	if got := drift.Compare(estateInOrder()); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestEveryPlantedDriftIsFoundWithItsOwnerAndClass(t *testing.T) {
	kinds := map[drift.Kind]bool{}
	for _, p := range plants {
		t.Run(p.name, func(t *testing.T) {
			w := estateInOrder()
			p.plant(&w)
			got := drift.Compare(w)
			if len(got) != 1 {
				t.Fatalf("%d differences: %+v", len(got), got)
			}
			d := got[0]
			if d.Kind != p.kind || d.Team != p.team || d.Class != p.class || !strings.Contains(d.What, p.says) {
				t.Errorf("%s of %s, %s: %s", d.Kind, d.Team, d.Class, d.What)
			}
			if len(d.Evidence) == 0 || d.Class == drift.Accident && d.Mend == "" && d.Step == "" || d.Class == drift.Intended && d.Reason == "" || len(d.ID) != 12 {
				t.Errorf("it does not say all: %+v", d)
			}
			kinds[p.kind] = true
		})
	}
	if len(kinds) < len(drift.Kinds())-1 { // what is added takes managed fields: internal/object has those
		t.Errorf("%d of %d kinds are planted", len(kinds), len(drift.Kinds()))
	}
}

func TestEqualInputGivesEqualOutputInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := estateInOrder()
		const ofObjects = 8
		rapid.SampledFrom(plants[:ofObjects]).Draw(t, "plant").plant(&w)
		rapid.SampledFrom(plants[ofObjects:]).Draw(t, "other").plant(&w)
		as := fmt.Sprint(drift.Compare(w))
		w.Objects, w.Instances, w.Units = rapid.Permutation(w.Objects).Draw(t, "objects"), rapid.Permutation(w.Instances).Draw(t, "instances"), rapid.Permutation(w.Units).Draw(t, "units")
		w.Configurations, w.Packages, w.Looks = rapid.Permutation(w.Configurations).Draw(t, "configurations"), rapid.Permutation(w.Packages).Draw(t, "packages"), rapid.Permutation(w.Looks).Draw(t, "looks")
		if got := fmt.Sprint(drift.Compare(w)); got != as {
			t.Errorf("%s", cmp.Diff(as, got))
		}
	})
}

func TestASecretIsNeverShown(t *testing.T) {
	secret := func(v, at string) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s", "managedFields": []any{map[string]any{
			"manager": "kubectl-edit", "operation": "Update", "time": at, "fieldsV1": map[string]any{"f:data": map[string]any{"f:password": map[string]any{}}},
		}}}, "data": map[string]any{"password": v}}
	}
	one := drift.World{Now: now, Objects: []drift.Object{{Source: source("id"), Pair: object.Pair{Declared: secret("Y2FuYXJ5LTE=", ""), Live: secret("Y2FuYXJ5LTI=", "2026-11-01T10:00:00Z")}}}}
	other := one
	other.Objects = []drift.Object{{Source: source("id"), Pair: object.Pair{Declared: secret("Y2FuYXJ5LTE=", ""), Live: secret("Y2FuYXJ5LTM=", "2026-11-02T10:00:00Z")}}}
	x, y := drift.Compare(one), drift.Compare(other)
	if len(x) != 1 || strings.Contains(fmt.Sprintf("%+v", x), "Y2FuYXJ5") || !strings.Contains(x[0].Mend, "another one") {
		t.Errorf("%+v", x)
	}
	if x[0].ID != y[0].ID || x[0].Content == y[0].Content {
		t.Error("another secret, written later, is not told apart from the first")
	}
}

// seen is what is kept after a look at some time.
func seen(known []drift.Record, found []drift.Difference, at time.Time, failed ...estate.EnvironmentName) []drift.Record {
	looks := []drift.Look{{Environment: "id", At: at}, {Environment: "my", At: at}}
	for i := range looks {
		if slices.Contains(failed, looks[i].Environment) {
			looks[i].Failed = "no route"
		}
	}
	out := slices.Clone(known)
	for _, r := range drift.Remember(known, found, looks, at) {
		if i := slices.IndexFunc(out, func(x drift.Record) bool { return x.ID == r.ID }); i >= 0 {
			out[i] = r
		} else {
			out = append(out, r)
		}
	}
	return out
}

func one(plant int) []drift.Difference {
	w := estateInOrder()
	plants[plant].plant(&w)
	return drift.Compare(w)
}

func TestAgeIsThatOfTheFirstLook(t *testing.T) {
	found := one(0)
	known := seen(nil, found, now)
	known = seen(known, found, now.Add(day))
	if r := known[0]; !r.Open() || !r.Since.Equal(now) || !r.Last.Equal(now.Add(day)) || r.Times != 1 {
		t.Errorf("%+v", r)
	}
	known = seen(known, nil, now.Add(2*day))
	if r := known[0]; r.Open() || !r.Mended.Equal(now.Add(2*day)) {
		t.Errorf("it is not mended: %+v", r)
	}
	// What comes and goes is as old as it was at first, however its value changes; what comes after long is new.
	known = seen(known, found, now.Add(3*day))
	if r := known[0]; !r.Open() || !r.Since.Equal(now) || r.Times != 2 {
		t.Errorf("it flaps and is young: %+v", r)
	}
	known = seen(seen(known, nil, now.Add(4*day)), found, now.Add(40*day))
	if r := known[0]; !r.Since.Equal(now.Add(40 * day)) {
		t.Errorf("it is older than it is: %+v", r)
	}
}

func TestAStaleReadNeitherMendsNorMakesNew(t *testing.T) {
	found := one(0)
	known := seen(nil, found, now)
	after := seen(known, []drift.Difference{{ID: "unreachable1", Kind: drift.Unreachable, Environment: "id"}}, now.Add(day), "id")
	if i := slices.IndexFunc(after, func(r drift.Record) bool { return r.ID == found[0].ID }); !after[i].Open() {
		t.Error("what nobody looked at is mended")
	}
	if got := seen(nil, found, now, "id"); len(got) != 0 {
		t.Errorf("a failed look made %+v", got)
	}
	judged := drift.Judge(known, nil, []drift.Look{{Environment: "id", At: now, Failed: "no route"}}, now.Add(day), hour)
	if len(judged) != 1 || !judged[0].Stale {
		t.Errorf("it is not stale: %+v", judged)
	}
	cells := drift.Matrix([]drift.Running{{Service: "orders", Environment: "id"}, {Service: "pricing", Environment: "my"}}, teams, nil, []drift.Look{{Environment: "id", At: now}, {Environment: "my", At: now.Add(50 * time.Minute)}}, now.Add(hour+time.Minute), hour)
	if cells[0].State != drift.Stale || cells[1].State != drift.InSync {
		t.Errorf("%+v", cells)
	}
}

func TestAnExceptionExpiresByItselfAndTheDriftIsAsOldAsItWas(t *testing.T) {
	known := seen(nil, one(0), now)
	looks := []drift.Look{looked("id", 0)}
	e := drift.Exception{ID: known[0].ID, Content: known[0].Content, Why: "sale", By: "mei", At: now, Until: now.Add(2 * day)}
	for _, c := range []struct {
		at    time.Time
		class drift.Class
	}{{now, drift.Excepted}, {now.Add(2*day - 1), drift.Excepted}, {now.Add(2 * day), drift.Accident}} {
		if d := drift.Judge(known, []drift.Exception{e}, looks, c.at, 10*day)[0]; d.Class != c.class || !d.Since.Equal(now) {
			t.Errorf("at %s: %+v", c.at, d)
		}
	}
	other := e
	other.Content = "sha256:another"
	if d := drift.Judge(known, []drift.Exception{other}, looks, now, day)[0]; d.Class != drift.Accident {
		t.Error("an exception covers what nobody accepted")
	}
}

func TestOverItsBudgetATeamWaits(t *testing.T) {
	var all []drift.Difference
	for i := range 3 {
		all = append(all, drift.Difference{ID: drift.ID(fmt.Sprint(i)), Team: "orders", Class: drift.Accident})
	}
	all = append(all, drift.Difference{ID: "intended", Team: "orders", Class: drift.Intended}, drift.Difference{ID: "exception", Team: "orders", Class: drift.Excepted}, drift.Difference{ID: "other", Team: "pricing", Class: drift.Accident})
	for _, c := range []struct {
		name   string
		budget drift.Budget
		over   int
	}{
		{"none is set", drift.Budget{Usual: -1}, 0},
		{"within the usual one", drift.Budget{Usual: 3}, 0},
		{"over the usual one", drift.Budget{Usual: 2}, 3},
		{"within its own", drift.Budget{Usual: 0, Teams: map[estate.TeamName]int{"orders": 5}}, 0},
		{"over its own", drift.Budget{Usual: -1, Teams: map[estate.TeamName]int{"orders": 0}}, 3},
	} {
		if got := c.budget.Over("orders", all); len(got) != c.over {
			t.Errorf("%s: %d", c.name, len(got))
		}
	}
}

func TestATeamIsToldOnceOfWhatIsNew(t *testing.T) {
	known := seen(nil, one(0), now)
	looks := []drift.Look{looked("id", 0)}
	judged := drift.Judge(known, nil, looks, now, hour)
	if got := drift.Untold(known, judged); len(got["orders"]) != 1 {
		t.Errorf("%+v", got)
	}
	known[0].Told = now
	if got := drift.Untold(known, judged); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAVersionIsReadFromAnImage(t *testing.T) {
	for image, want := range map[string]string{
		"registry.example:5000/kopi/orders:4.2.0": "4.2.0", "orders:v4.2.0": "4.2.0", "orders": "", "registry.example:5000/orders": "", "orders:latest": "",
		"orders@sha256:0123456789abcdef0123": "0123456789ab", "orders:4@sha256:0123456789abcdef0123": "4", "": "", "@": "", ":": "",
	} {
		if got := drift.VersionOf(image); got != want {
			t.Errorf("%q is %q", image, got)
		}
	}
}

func FuzzVersionOf(f *testing.F) {
	f.Add("registry.example:5000/kopi/orders:4.2.0@sha256:0123")
	f.Fuzz(func(t *testing.T, image string) {
		if v := drift.VersionOf(image); !strings.Contains(image, v) {
			t.Errorf("%q is %q", image, v)
		}
	})
}

func TestAUnitThatFailedIsNamedWithTheCommandsThatMendIt(t *testing.T) {
	for _, tt := range []struct{ wrong, want string }{
		{drift.Failed, "on vm1: journalctl -u kopi-orders says why; then systemctl restart kopi-orders"},
		{"is not enabled", "on vm1: systemctl enable --now kopi-orders"},
	} {
		t.Run(tt.wrong, func(t *testing.T) {
			seen := drift.Source{Service: "orders", Environment: "id", Where: "the last scan", At: now}
			w := drift.World{Now: now, Teams: teams, Looks: []drift.Look{looked("id", hour)}, Units: []drift.UnitState{{Source: seen, Machine: "vm1", Unit: "kopi-orders", Wrong: tt.wrong}}}
			all := drift.Compare(w)
			if len(all) != 1 || all[0].Mend != tt.want {
				t.Errorf("%+v", all)
			}
		})
	}
}
