package host

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

func TestAJournalIsReadUpToWhereTheReleaseBeforeWasStartedAgain(t *testing.T) {
	for name, tc := range map[string]struct{ said, want []string }{
		"a unit that says when it is well": {[]string{"Starting orders.service", "boom", "Failed to start", "Starting orders.service - orders...", "fine", "Started orders.service - orders."},
			[]string{"Starting orders.service", "boom", "Failed to start"}},
		"one that is well at once": {[]string{"Started orders.service", "boom", "Stopped orders.service", "Started orders.service", "fine"}, []string{"Started orders.service", "boom", "Stopped orders.service"}},
		"one that never started":   {[]string{"boom"}, []string{"boom"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, beforeLastStart(tc.said)); d != "" {
				t.Error(d)
			}
		})
	}
}

// stats is what HAProxy answers to "show stat", shortened to what is looked at.
const stats = `# pxname,svname,scur,status,addr
orders,FRONTEND,0,OPEN,
orders,one,0,UP,10.0.0.7:8210
orders,two,0,UP,10.0.0.8:8210
orders,BACKEND,0,UP,
shop,web1,3,UP,10.0.0.7:3000
six,v6,0,UP,[2001:db8::7]:8210
`

var inBalance = []render.Host{{Name: "vm1", Address: "10.0.0.7"}, {Name: "vm2", Address: "10.0.0.8"}, {Name: "vm3", Address: "2001:db8::7"}}

func TestServersOfALoadBalancerAreToldByAddressAndPort(t *testing.T) {
	got, err := serversTo(stats, "lb1", inBalance, []int{8210})
	if err != nil {
		t.Fatal(err)
	}
	if want := []spread{{"orders", "one", "vm1"}, {"orders", "two", "vm2"}, {"six", "v6", "vm3"}}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got, err := serversTo(stats, "lb1", inBalance, []int{9999}); err != nil || len(got) > 0 {
		t.Error(got, err)
	}
	for _, answer := range []string{"", "# pxname,svname\na,b\n", "\"broken"} {
		if _, err := serversTo(answer, "lb1", inBalance, []int{8210}); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "lb1") {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func FuzzServers(f *testing.F) {
	f.Add(stats)
	f.Add("# pxname,svname,addr\na,b,:\n")
	f.Fuzz(func(t *testing.T, answer string) {
		got, err := serversTo(answer, "lb1", inBalance, []int{8210})
		if err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Error(err)
		}
		for _, s := range got {
			if !slices.ContainsFunc(inBalance, func(h render.Host) bool { return h.Name == s.machine }) {
				t.Errorf("%+v leads to no machine", s)
			}
		}
	})
}

func TestHowReleasesArePutInPlaceIsInTheRenderedFiles(t *testing.T) {
	install, err := render.Install{
		Name: "orders", Hosts: inBalance[:2], Units: []render.Unit{{Name: "orders-worker.service"}, {Name: "orders.service"}}, Data: []string{"/srv/kopi/orders", "/var/lib/kopi/orders"},
		Health: []string{"/usr/local/lib/kopi/orders/health"}, Patience: 65,
	}.File("vm/id/services/orders/install.json")
	if err != nil {
		t.Fatal(err)
	}
	install.Placed = &render.Placement{}
	script := render.File{Path: "vm/id/services/orders/release", Subject: "orders", Placed: &render.Placement{Path: "/usr/local/lib/kopi/orders/release"}}
	p, ok, err := ProgramOf([]render.File{install, script}, "orders")
	want := Program{Service: "orders", Unit: "orders.service", Root: "/srv/kopi/orders", Hosts: inBalance[:2], Health: []string{"/usr/local/lib/kopi/orders/health"}, Patience: 65, Switch: []string{"/usr/local/lib/kopi/orders/release"}}
	if d := cmp.Diff(want, p); d != "" || !ok || err != nil {
		t.Error(d, ok, err)
	}
	for name, files := range map[string][]render.File{"no script": {install}, "no install": {script}, "another service's": nil} {
		if _, ok, err := ProgramOf(files, "orders"); ok || err != nil {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
	install.Text = "{"
	if _, _, err := ProgramOf([]render.File{install, script}, "orders"); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestAnArchiveThatBreaksOffIsNoticed(t *testing.T) {
	c := &complete{in: io.MultiReader(strings.NewReader("some"), broken{})}
	_, _ = io.ReadAll(c)
	if c.ended || !errors.Is(c.failed, io.ErrUnexpectedEOF) {
		t.Error(c.ended, c.failed)
	}
	c = &complete{in: strings.NewReader("all")}
	if _, err := io.ReadAll(c); err != nil || !c.ended || c.failed != nil {
		t.Error(err, c.ended, c.failed)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
