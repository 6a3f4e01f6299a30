package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workload"
)

// street is environments that only remember what runs in them.
type street struct {
	runs  map[estate.EnvironmentName]string // version, by environment
	bad   map[string]bool                   // "env version" that is not well
	stuck map[estate.EnvironmentName]bool   // nothing can be done there any more
	kill  func(env estate.EnvironmentName)  // called in the middle of everything that is done
	did   []string
}

// house is one of them.
type house struct {
	*street
	env estate.EnvironmentName
}

func (h house) check(context.Context, delivery.Build) error { return nil }
func (h house) now(context.Context) (delivery.Build, error) {
	return delivery.Build{Version: h.runs[h.env]}, nil
}
func (h house) deliver(ctx context.Context, b delivery.Build, news func(int)) error {
	h.did = append(h.did, fmt.Sprintf("%s gets %s", h.env, b.Version))
	return h.put(ctx, b, news)
}
func (h house) goBack(ctx context.Context, b delivery.Build) error {
	h.did = append(h.did, fmt.Sprintf("%s goes back to %s", h.env, b.Version))
	return h.put(ctx, b, nil)
}
func (h house) count(context.Context, delivery.Build) (int, int, error) { return 2, 2, nil }
func (h house) close() error                                            { return nil }

func (h house) put(ctx context.Context, b delivery.Build, news func(int)) error {
	if h.stuck[h.env] {
		return fault.Newf(fault.Unavailable, "%s does not answer", h.env)
	}
	h.runs[h.env] = "half of " + b.Version
	if h.kill != nil {
		h.kill(h.env)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if news != nil {
		news(1)
	}
	h.runs[h.env] = b.Version
	if h.bad[string(h.env)+" "+b.Version] {
		return fault.Newf(fault.Unavailable, "%s crashes", b.Version)
	}
	return nil
}

// hamlet is a program with a store, and a service that lives in three environments.
func hamlet(t testing.TB) *App {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "caravan.yaml"), []byte("organisation: kopi\nsources: [{name: kopi, dir: .}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Options{Workspace: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

var addresses = []estate.EnvironmentName{"sg", "my", "id"}

func homes() living {
	l := living{service: depmap.Service{Name: "orders", Team: "orders"}}
	for _, env := range addresses {
		l.sites = append(l.sites, site{environment: env, world: delivery.Kubernetes})
	}
	return l
}

// wanted is a release of a version to all of them.
func wanted(version string) delivery.Release {
	r := delivery.Release{Service: "orders", Team: "orders", Way: delivery.Forth, Version: version, By: "ann", Started: time.Now()}
	for _, env := range addresses {
		r.Deliveries = append(r.Deliveries, delivery.Delivery{Environment: env, World: delivery.Kubernetes, State: delivery.Waiting, To: delivery.Build{Version: version, Image: "r/orders@" + version}})
	}
	return r
}

func gone(string, time.Duration) bool { return true }

// send carries a release out as one program, until it ends or the program does.
func (s *street) send(ctx context.Context, t testing.TB, a *App, r delivery.Release, worker string) delivery.Release {
	t.Helper()
	r.Deliveries = slices.Clone(r.Deliveries)
	r, mine, err := a.store.StartRelease(t.Context(), r, worker, gone)
	if err != nil || !mine {
		t.Fatal(mine, err)
	}
	c := &carrier{App: a, r: r, worker: worker, find: func(context.Context, estate.ServiceName) (living, error) { return homes(), nil },
		reach: func(_ *carrier, _ context.Context, x site) (destination, error) { return house{s, x.environment}, nil }}
	c.untilItEnds(ctx)
	kept, err := a.store.ReleaseOf(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func newStreet() *street {
	return &street{runs: map[estate.EnvironmentName]string{"sg": "1", "my": "1", "id": "1"}, bad: map[string]bool{}, stuck: map[estate.EnvironmentName]bool{}}
}

// states are those of a release's deliveries, in a line.
func states(r delivery.Release) string {
	var out []string
	for _, d := range r.Deliveries {
		out = append(out, string(d.State))
	}
	return strings.Join(out, ", ")
}

func TestAVersionComesToAllInTheirOrder(t *testing.T) {
	a, s := hamlet(t), newStreet()
	r := s.send(t.Context(), t, a, wanted("2"), "w")
	if r.State != delivery.Finished || states(r) != "done, done, done" {
		t.Errorf("%+v", r)
	}
	if d := cmp.Diff([]string{"sg gets 2", "my gets 2", "id gets 2"}, s.did); d != "" {
		t.Error(d)
	}
	all, err := a.store.Standings(t.Context(), "orders")
	if err != nil || len(all) != 3 || all[0].Build.Version != "2" || all[0].Build.Number != 1 || all[0].Before.Version != "1" || all[0].Running != 2 || all[0].By != "ann" || all[0].Release != r.ID {
		t.Errorf("%+v %v", all, err)
	}
	before := all[0]
	s.send(t.Context(), t, a, wanted("2"), "w")
	if all, err = a.store.Standings(t.Context(), "orders"); err != nil || all[0].Before == nil || all[0].Before.Version != "1" || !all[0].Since.Equal(before.Since) {
		t.Errorf("the same again changes what is known: %+v %v", all[0], err)
	}
}

func TestWhatIsNotWellGoesBackAndNothingElseIsBegun(t *testing.T) {
	a, s := hamlet(t), newStreet()
	s.bad["my 2"] = true
	r := s.send(t.Context(), t, a, wanted("2"), "w")
	if r.State != delivery.Failed || states(r) != "done, went back, untouched" || r.Reason != "my: 2 crashes" || r.Kind != "unavailable" {
		t.Errorf("%+v", r)
	}
	if d := cmp.Diff([]string{"sg gets 2", "my gets 2", "my goes back to 1"}, s.did); d != "" {
		t.Error(d)
	}
	all, err := a.store.Standings(t.Context(), "orders")
	if err != nil || len(all) != 2 || all[0].Environment != "my" || all[0].Build.Version != "1" || all[0].Accident != "2 crashes" || all[1].Build.Version != "2" {
		t.Errorf("%+v %v", all, err)
	}
	lines, err := a.store.Audit(t.Context(), "", 0)
	if err != nil || !slices.ContainsFunc(lines, func(e store.Entry) bool {
		return e.What == "not well, going back" && e.Why == "2 crashes" && e.By == "ann"
	}) {
		t.Errorf("%+v %v", lines, err)
	}
}

func TestAllOrNothingTakesTheOthersBackToo(t *testing.T) {
	a, s := hamlet(t), newStreet()
	s.bad["id 2"] = true
	r := wanted("2")
	r.AllOrNothing = true
	if r = s.send(t.Context(), t, a, r, "w"); r.State != delivery.Failed || states(r) != "went back, went back, went back" {
		t.Errorf("%+v", r)
	}
	if d := cmp.Diff(map[estate.EnvironmentName]string{"sg": "1", "my": "1", "id": "1"}, s.runs); d != "" {
		t.Error(d)
	}
}

func TestWhatCannotGoBackIsSaid(t *testing.T) {
	a, s := hamlet(t), newStreet()
	s.stuck["my"] = true
	r := s.send(t.Context(), t, a, wanted("2"), "w")
	if states(r) != "done, stuck, untouched" || !strings.Contains(r.Reason, "my does not answer; going back failed, too") {
		t.Errorf("%+v", r)
	}
}

func TestAPausedEnvironmentIsHeldBackUntilItsDay(t *testing.T) {
	a, s := hamlet(t), newStreet()
	pause := func(until time.Time) {
		err := a.store.ChangeStandings(t.Context(), "orders", func([]delivery.Standing) ([]delivery.Standing, []store.Entry, error) {
			return []delivery.Standing{{Service: "orders", Environment: "my", World: delivery.Kubernetes, Paused: &delivery.Intent{Why: "fair", By: "bob", At: time.Now(), Until: until}}}, nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pause(time.Now().Add(time.Hour))
	if r := s.send(t.Context(), t, a, wanted("2"), "w"); r.State != delivery.Finished || states(r) != "done, held back, done" || !strings.Contains(r.Deliveries[1].Says, "fair") || s.runs["my"] != "1" {
		t.Errorf("%+v", r)
	}
	pause(time.Now().Add(-time.Hour))
	if r := s.send(t.Context(), t, a, wanted("2"), "w"); states(r) != "done, done, done" || s.runs["my"] != "2" {
		t.Errorf("%+v", r)
	}
}

// TestHoweverOftenItIsKilledItEndsInTheSamePlace kills programs in the middle of what they do, and lets others go on.
func TestHoweverOftenItIsKilledItEndsInTheSamePlace(t *testing.T) {
	if testing.Short() {
		t.Skip("kills programs a hundred times")
	}
	a := hamlet(t)
	version := 1
	rapid.Check(t, func(rt *rapid.T) {
		version++
		s, all := newStreet(), rapid.Bool().Draw(rt, "all or nothing")
		for _, env := range addresses {
			if rapid.IntRange(0, 3).Draw(rt, "bad in "+string(env)) == 0 {
				s.bad[fmt.Sprintf("%s %d", env, version)] = true
			}
		}
		calm, r := newStreet(), wanted(fmt.Sprint(version))
		calm.bad, r.AllOrNothing = s.bad, all
		r.Service = estate.ServiceName(fmt.Sprintf("calm%d", version))
		want := calm.send(t.Context(), t, a, r, "w")

		kills := rapid.IntRange(0, 5).Draw(rt, "kills")
		r.Service = estate.ServiceName(fmt.Sprintf("orders%d", version))
		var got delivery.Release
		for n := 0; ; n++ {
			ctx, cancel := context.WithCancel(t.Context())
			s.kill = nil
			if n < kills {
				after := rapid.IntRange(0, 3).Draw(rt, "after")
				s.kill = func(estate.EnvironmentName) {
					if after--; after < 0 {
						cancel()
					}
				}
			}
			got = s.send(ctx, t, a, r, fmt.Sprint("w", n))
			cancel()
			if got.State != delivery.Running {
				break
			}
		}
		if got.State != want.State || states(got) != states(want) || got.ID != delivery.ID(r.Service+"-1") {
			rt.Fatalf("%s %s, without a kill %s %s", got.State, states(got), want.State, states(want))
		}
		if d := cmp.Diff(calm.runs, s.runs); d != "" {
			rt.Fatal(d)
		}
	})
}

func TestTheFolderOfReleasesIsAboveCurrent(t *testing.T) {
	for folder, want := range map[string]string{
		"/srv/kopi/orders/current": "/srv/kopi/orders", "/srv/kopi/orders/current/bin": "/srv/kopi/orders", "/var/www/current/": "/var/www", "/opt/orders": "", "current": "", "/current": "", "": "",
	} {
		if root, ok := rootOf(folder); ok != (want != "") || ok && root != want {
			t.Errorf("%q: %q %v", folder, root, ok)
		}
	}
}

func TestAnImageIsStartedAsItsWorkloadSays(t *testing.T) {
	a := hamlet(t)
	for name, tc := range map[string]struct {
		workload string
		want     string // folder, directory, words
	}{
		"a program of the release": {"containers: {orders: {image: ., command: [bin/run, -v]}}", "/srv/kopi/orders/current /srv/kopi/orders/current [/srv/kopi/orders/current/bin/run -v]"},
		"one of the base":          {"containers: {orders: {image: ., command: [java], args: [-jar, app.jar]}}", "/srv/kopi/orders/current /srv/kopi/orders/current [java -jar app.jar]"},
		"none is named":            {"containers: {orders: {image: .}}", "/srv/kopi/orders/current /srv/kopi/orders/current [/srv/kopi/orders/current/start]"},
		"below a folder of its own": {"containers: {orders: {image: ., command: [./run]}}\nmetadata: {name: orders, annotations: {caravan.example.org/directory: /opt/o/current/app}}",
			"/opt/o/current /opt/o/current/app [/opt/o/current/app/run]"},
		"a folder without current": {"containers: {orders: {image: ., command: [/opt/o/run]}}\nmetadata: {name: orders, annotations: {caravan.example.org/directory: /opt/o}}", "/opt/o /opt/o [/opt/o/run]"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "apiVersion: score.dev/v1b1\n" + tc.workload + "\n"
			if !strings.Contains(text, "metadata") {
				text += "metadata: {name: orders}\n"
			}
			w, err := workload.Parse([]byte(text), "score.yaml")
			if err != nil {
				t.Fatal(err)
			}
			s := a.specOf("orders", w)
			if got := fmt.Sprint(s.Folder, " ", s.Directory, " ", s.Entrypoint); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestOnlyNarrowsAndSaysWhatItLeavesOut(t *testing.T) {
	l := living{service: depmap.Service{Name: "orders"}, sites: []site{{environment: "sg", world: delivery.Machines}, {environment: "id", world: delivery.Kubernetes}},
		elsewhere: []delivery.Elsewhere{{Environment: "my", World: delivery.Machines, Because: "my has no target"}}}
	for only, want := range map[string]string{"": "sg id", "vm": "sg", "kubernetes": "id", "id": "id"} {
		sites, elsewhere, err := l.chosen(strings.Fields(only))
		var got []string
		for _, s := range sites {
			got = append(got, string(s.environment))
		}
		if err != nil || strings.Join(got, " ") != want || len(sites)+len(elsewhere) != 3 {
			t.Errorf("--only %s: %v, %+v, %v", only, got, elsewhere, err)
		}
	}
	if _, _, err := l.chosen([]string{"mars"}); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "it lives in sg (VM), id (Kubernetes); not in my: my has no target") {
		t.Error(err)
	}
}
