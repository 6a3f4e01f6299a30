package merge_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/merge"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// facts reads sightings, one a line: fact, space, name, key, value and, of what was seen, count; "-" stands for nothing. Those
// of what was seen are of noon in production.
func facts(text string) []estate.Sighting {
	var out []estate.Sighting
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		for j := range f {
			f[j] = strings.TrimPrefix(f[j], "-")
		}
		f = append(f, "", "", "")
		s := estate.Sighting{Fact: estate.Fact(f[0]), Subject: estate.In(f[1], f[2]), Key: f[3], Value: f[4], Place: estate.Place{File: "files", Line: i + 1}, Environment: "production"}
		switch s.Fact {
		case estate.Looked, estate.Holds, estate.Hears, estate.Connects, estate.Accepts:
			s.At, s.Place, s.By = noon, estate.Place{File: "sg/" + f[2]}, "live"
			_, _ = fmt.Sscan(f[5], &s.Count)
			s.Profile = f[6]
		}
		out = append(out, s)
	}
	return out
}

// company is two machines with services and a database, as files say.
const company = `
runs chef app1 host -
called chef app1 node app1
called chef app1 address 10.0.0.1
hosts chef app1 role orders
hosts chef app1 role shop
hosts chef app1 role lb
runs chef db1 host -
called chef db1 node db1
called chef db1 address 10.0.0.2
hosts chef db1 role main
runs systemd:a orders service -
called systemd:a orders workload orders
listens systemd:a orders published 8210
sets systemd:a orders DATABASE_URL postgres://10.0.0.2:5432/orders
sets systemd:a orders SHOP_URL http://shop:3000
runs systemd:a shop service -
called systemd:a shop workload shop
listens systemd:a shop published 3000
runs systemd:a lb service haproxy
called systemd:a lb workload lb
listens systemd:a lb published 9000
links systemd:a lb upstream shop:3000
runs systemd:a main datastore postgres
called systemd:a main role main
`

// seen is both machines, looked at.
const seen = `
runs live:production app1 host -
called live:production app1 node app1
called live:production app1 address 10.0.0.1
looked live:production app1 connections -
holds live:production app1 address 10.0.0.1
hears live:production app1 kopi-orders [::]:8210
hears live:production app1 kopi-shop [::]:3000
hears live:production app1 haproxy [::]:9000
runs live:production db1 host -
called live:production db1 node db1
looked live:production db1 connections -
holds live:production db1 address 10.0.0.2
hears live:production db1 postgresql@15-main 0.0.0.0:5432
hears live:production db1 - 0.0.0.0:22
`

// map is what the map says of what was seen: edges with their states, then questions.
func mapOf(t *testing.T, all ...string) string {
	t.Helper()
	return told(depmap.Build(merge.Sightings(facts(strings.Join(all, "")), nil)))
}

func told(g depmap.Graph) string {
	var out []string
	for _, e := range g.Edges {
		state := "not looked at"
		if e.Seen != nil {
			state = string(e.Seen.State)
		}
		out = append(out, fmt.Sprintf("%s > %s %s", e.From, e.To, state))
	}
	for _, d := range g.Doubts {
		if d.Topic == estate.Unconfigured {
			out = append(out, "? "+d.Text)
		}
	}
	return strings.Join(out, "\n")
}

func TestWhatWasSeenStandsBesideWhatIsConfigured(t *testing.T) {
	for _, tt := range []struct{ name, more, want string }{
		{"configured and seen, and configured and never seen",
			"connects live:production app1 kopi-orders 10.0.0.2:5432 3\n",
			"lb > shop never-seen\norders > main both\norders > shop never-seen"},
		{"seen and never configured",
			"connects live:production app1 kopi-shop 10.0.0.2:5432 3\n",
			"lb > shop never-seen\norders > main never-seen\norders > shop never-seen\nshop > main never-configured\n" +
				"? shop was seen connected to main (10.0.0.2:5432), and nothing configures it; say where it is configured, or end it"},
		{"a process that no configuration knows becomes a service with a question",
			"connects live:production app1 nightly-copy 10.0.0.2:5432 1\n",
			"lb > shop never-seen\nnightly-copy > main never-configured\norders > main never-seen\norders > shop never-seen\n" +
				"? nightly-copy was seen connected to main (10.0.0.2:5432), and nothing configures it; say where it is configured, or end it"},
		{"through a proxy to the only one behind its port",
			"hears live:production app1 haproxy 10.0.0.1:3000\nlistens systemd:a lb published 3000\nholds live:production app1 address 10.0.0.9\nhears live:production app1 haproxy 10.0.0.9:3000\nconnects live:production app1 kopi-orders 10.0.0.9:3000 2\n",
			"lb > shop never-seen\norders > main never-seen\norders > shop both"},
		{"a process that was gone is the only one configured to go there",
			"connects live:production app1 - 10.0.0.2:5432 3\n",
			"lb > shop never-seen\norders > main both\norders > shop never-seen"},
		{"a process that was gone is one of two",
			"sets systemd:a shop DB_HOST 10.0.0.2\nconnects live:production app1 - 10.0.0.2:5432 3\n",
			"lb > shop never-seen\norders > main unclear\norders > shop never-seen\nshop > main unclear"},
		{"what the provider saw, of a machine nobody looked at",
			"runs chef app2 host -\ncalled chef app2 node app2\ncalled chef app2 address 10.0.0.3\nhosts chef app2 role orders\naccepts live:production db1 postgresql@15-main 10.0.0.3 4 5432\n",
			"lb > shop never-seen\norders > main both\norders > shop not looked at"},
		{"somebody at an address that nobody has",
			"accepts live:production db1 postgresql@15-main 10.9.9.9 4 5432\n",
			"lb > shop never-seen\norders > main never-seen\norders > shop never-seen\n? main is connected to from 10.9.9.9, which nobody is known to have; say in caravan.yaml who it is"},
		{"to an address that nobody has",
			"connects live:production app1 kopi-shop 10.9.9.9:6379 1\n",
			"lb > shop never-seen\norders > main never-seen\norders > shop never-seen\n? shop is connected to 10.9.9.9:6379, which nobody is known to have; say in caravan.yaml who it is"},
		{"to a machine that nobody looked at, and a port that nobody configured",
			"runs chef db2 host -\ncalled chef db2 node db2\ncalled chef db2 address 10.0.0.4\nconnects live:production app1 kopi-shop 10.0.0.4:6380 1\n",
			"lb > shop never-seen\norders > main never-seen\norders > shop never-seen\n? shop is connected to db2 at port 6380, and nobody is known to listen there; look at db2, too, or write the port in what runs there"},
		{"logging in to a machine is no dependency",
			"connects live:production app1 kopi-shop 10.0.0.2:22 1\n",
			"lb > shop never-seen\norders > main never-seen\norders > shop never-seen"},
		{"what watches a store counts as the store",
			"hears live:production db1 prometheus-postgres-exporter [::]:9187\nconnects live:production app1 kopi-shop 10.0.0.2:9187 1\n",
			"lb > shop never-seen\norders > main never-seen\norders > shop never-seen\nshop > main never-configured\n" +
				"? shop was seen connected to main (10.0.0.2:9187), and nothing configures it; say where it is configured, or end it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mapOf(t, company, seen, tt.more)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNobodyWasLookedAt(t *testing.T) {
	want := "lb > shop not looked at\norders > main not looked at\norders > shop not looked at"
	if diff := cmp.Diff(want, mapOf(t, company)); diff != "" {
		t.Error(diff)
	}
}

func TestPodsAreKnownByTheirUIDs(t *testing.T) {
	cluster := `
runs kube:shop cart service -
called kube:shop cart workload cart
listens kube:shop cart container 8080
sets kube:shop cart STORE_URL http://store:80
runs kube:shop store service -
called kube:shop store workload store
called kube:shop store service store
holds kube:shop cart pod uid-1
holds kube:shop cart pod uid-2
holds kube:shop cart address 10.91.0.5
holds kube:shop store service 10.96.0.7
looked pod uid-1 connections -
connects pod uid-1 - 10.96.0.7:80 1
`
	if got := mapOf(t, cluster); got != "cart > store both" {
		t.Errorf("one pod of two: %s", got)
	}
	quiet := strings.Replace(cluster, "connects pod uid-1 - 10.96.0.7:80 1\n", "", 1)
	if got := mapOf(t, quiet); got != "cart > store not looked at" {
		t.Errorf("one pod of two was looked at: %s", got)
	}
	if got := mapOf(t, quiet, "looked pod uid-2 connections -\n"); got != "cart > store never-seen" {
		t.Errorf("both pods were looked at: %s", got)
	}
}

func TestTheOrderOfSightingsDoesNotMatter(t *testing.T) {
	all := facts(company + seen + "connects live:production app1 kopi-orders 10.0.0.2:5432 3\nconnects live:production app1 nightly 10.0.0.2:5432 3\naccepts live:production db1 postgresql@15-main 10.9.9.9 4 5432\n")
	want := depmap.Build(merge.Sightings(all, nil)).Digest
	random := rand.New(rand.NewSource(1))
	for range 20 {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := depmap.Build(merge.Sightings(all, nil)).Digest; got != want {
			t.Fatal("another order gives another map")
		}
	}
}

func TestWhatWasSeenEarlierKeepsItsTime(t *testing.T) {
	earlier := merge.Sightings(facts(company+seen+"connects live:production app1 kopi-orders 10.0.0.2:5432 3\n"), nil)
	later := facts(company + seen)
	shift := func(by time.Duration) []estate.Sighting {
		out := slices.Clone(later)
		for i := range out {
			if !out[i].At.IsZero() {
				out[i].At = out[i].At.Add(by)
			}
		}
		return out
	}
	day := merge.Remember(merge.Sightings(shift(24*time.Hour), nil), earlier)
	g := depmap.Build(day)
	for _, e := range g.Edges {
		if e.From == "orders" && e.To == "main" && (e.Seen.State != depmap.SeenBoth || !e.Seen.Last.Equal(noon) || !e.Seen.Looked.Equal(noon.Add(24*time.Hour))) {
			t.Errorf("a day later: %+v", e.Seen)
		}
	}
	if got := told(depmap.Build(merge.Remember(merge.Sightings(shift(40*24*time.Hour), nil), earlier))); !strings.Contains(got, "orders > main never-seen") {
		t.Errorf("after forty days: %s", got)
	}
	gone := merge.Remember(merge.Sightings(facts(company), nil), earlier)
	if got := told(depmap.Build(gone)); !strings.Contains(got, "orders > main both") {
		t.Errorf("nobody could be reached: %s", got)
	}
}

func TestWhatHoldsInAnImageHidesNothingOfMachines(t *testing.T) {
	all := facts(company + seen)
	trait := func(by estate.ReaderName, at, value, layer string, when time.Time, subject estate.Subject) estate.Sighting {
		return estate.Sighting{Fact: estate.Process, Subject: subject, Key: estate.ProcessDirectory, Value: value, Layer: layer, By: by, At: when, Place: estate.Place{File: at, Line: 1}, Environment: "production"}
	}
	seenThere := trait("live", "sg/app1/units/kopi-orders", "/srv/kopi/orders/current", "unit[kopi-orders]", noon, estate.In("live:production", "app1"))
	for _, tt := range []struct {
		name string
		by   estate.ReaderName
		want []string
	}{
		{"an image's folder", "dockerfile", []string{"/app", "/srv/kopi/orders/current"}},
		{"a unit's folder", "systemd", []string{"/app"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said := trait(tt.by, "orders/file", "/app", "", time.Time{}, estate.In("systemd:a", "orders"))
			var got []string
			for _, c := range merge.Sightings(append(slices.Clone(all), said, seenThere), nil).Components {
				for _, p := range c.Process {
					if c.Name == "orders" {
						got = append(got, p.Value)
					}
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
