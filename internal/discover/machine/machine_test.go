package machine

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func report(text string) *discover.Report {
	r := discover.NewReport(Reader)
	about := About{Source: "sg", Host: "sg-app2", Address: netip.MustParseAddr("10.10.0.22"), Environment: "production-sg", At: noon}
	Parse(text).Report(about, Names("api.cardpay.example.com 198.51.100.7\napi.cardpay.example.com 198.51.100.7\nnonsense\n"), r)
	return r
}

func lines(r *discover.Report) string {
	var out []string
	for _, s := range r.Sightings {
		line := fmt.Sprintf("%s: %s [%s %s] %s = %q", s.Place, s.Fact, s.Subject.Space, s.Subject.Name, s.Key, s.Value)
		for _, more := range []string{s.Profile, s.Layer} {
			if more != "" {
				line += " " + more
			}
		}
		if s.Count > 0 {
			line += fmt.Sprintf(" ×%d", s.Count)
		}
		out = append(out, line)
	}
	for _, d := range r.Doubts {
		out = append(out, fmt.Sprintf("%s: doubt, %s: %s", d.Place, d.Topic, d.Text))
	}
	return strings.Join(out, "\n") + "\n"
}

func TestWhatAMachineSaysBecomesSightings(t *testing.T) {
	got := lines(report(read(t, "app2.look")))
	if *update {
		if err := os.WriteFile("testdata/app2.sightings", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, "app2.sightings"), got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(got, "canary") {
		t.Error("a secret is told")
	}
}

func TestEverythingHasItsPlaceTimeAndEnvironment(t *testing.T) {
	for _, s := range report(read(t, "app2.look")).Sightings {
		if s.Place.File == "" || !s.At.Equal(noon) || s.Environment != "production-sg" {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheKernelsTablesSayTheSameAsSS(t *testing.T) {
	text := read(t, "app2.look")
	_, after, _ := strings.Cut(text, "@@ processes")
	kernel := strings.Join([]string{
		"@@ name\nsg-app2\n@@ addresses\n2: ens4    inet 10.10.0.22/24 scope global ens4\n@@ listeners\n@@ sockets\n@@ proc",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
		"   0: 00000000:2012 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 700 1 0000000000000000 100 0 0 10 0",
		"   1: 16000A0A:A028 15010A0A:1538 01 00000000:00000000 00:00000000 00000000     0        0 701 1 0000000000000000 20 4 30 10 -1",
		"   2: 16000A0A:A029 15010A0A:18EB 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000",
		"@@ inodes\n/proc/561/fd:\nlrwx------ 1 kopi kopi 64 Nov 30 15:56 8 -> socket:[700]\nlrwx------ 1 kopi kopi 64 Nov 30 15:56 9 -> socket:[701]\n@@ processes",
	}, "\n")
	m := Parse(kernel + after)
	if len(m.Listeners) != 1 || m.Listeners[0].PID != 561 || m.Listeners[0].Local.Port() != 8210 {
		t.Errorf("listeners: %+v", m.Listeners)
	}
	if len(m.Open) != 1 || m.Open[0].Program != "java" || m.Open[0].Peer != netip.MustParseAddrPort("10.10.1.21:5432") {
		t.Errorf("open: %+v", m.Open)
	}
	if len(m.Closed) != 1 || m.Closed[0].PID != 0 {
		t.Errorf("closed: %+v", m.Closed)
	}
}

func TestWhatAMachineDoesNotSayIsAsked(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no connections", "@@ addresses\n2: e inet 10.0.0.1/8 x\n@@ units\nId=a.service\nActiveState=active\n@@ end\n", "its connections could not be listed"},
		{"no units", "@@ addresses\n2: e inet 10.0.0.1/8 x\n@@ sockets\nESTAB 0 0 10.0.0.1:9 10.0.0.2:9\n@@ end\n", "its units could not be listed"},
		{"an answer that was cut off", "@@ addresses\n2: e inet 10.0.0.1/8 x\n@@ sockets\nESTAB 0 0 10.0.0.1:9 10.0.0.2:9\n", "only a part"},
		{"no processes", "@@ listeners\nLISTEN 0 9 0.0.0.0:80 0.0.0.0:*\n@@ end\n", "is not told to this account"},
		{"node data that is no JSON", "@@ chef\n# /etc/chef/node.json\n{\"run_list\": [\n@@ end\n", "is not whole JSON"},
		{"a unit that failed", "@@ units\nId=a.service\nActiveState=failed\nSubState=failed\n@@ end\n", "has failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := slices.ContainsFunc(report(tt.text).Doubts, func(d estate.Doubt) bool { return strings.Contains(d.Text, tt.want) })
			if !found {
				t.Errorf("nothing asks %q: %v", tt.want, report(tt.text).Doubts)
			}
		})
	}
}

func TestAPodsTablesSayWhoItIsConnectedTo(t *testing.T) {
	r := discover.NewReport(Reader)
	tables := "   0: 00000000:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1 1\n   1: 05005B0A:1F90 06005B0A:D431 01 0:0 0:0 0 0 0 2 1\n   2: 05005B0A:D432 0A00600A:0050 01 0:0 0:0 0 0 0 3 1\n   3: 0100007F:D433 0100007F:1F90 01 0:0 0:0 0 0 0 3 1\n"
	Pod(About{Source: "c1/shop/Pod", Host: "orders-1", Environment: "id", At: noon}, "uid-1", []byte(tables), r)
	want := `c1/shop/Pod/orders-1/connections: looked [pod uid-1] connections = ""
c1/shop/Pod/orders-1/connections: accepts [pod uid-1]  = "10.91.0.6" 8080 ×1
c1/shop/Pod/orders-1/connections: connects [pod uid-1]  = "10.96.0.10:80" ×1
`
	if diff := cmp.Diff(want, lines(r)); diff != "" {
		t.Error(diff)
	}
}

func TestTheScriptOnlyReads(t *testing.T) {
	for _, word := range []string{"rm ", "mv ", "tee ", "kill", "systemctl stop", "systemctl start", "sudo", "environ", "curl", "wget"} {
		if strings.Contains(Script, word) {
			t.Errorf("the script has %q", word)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(read(f, "app2.look"))
	f.Add("@@ sockets\nESTAB 0 0 [::1%lo]:1 *:2 users:((\"\n@@ proc\n0: 0:0 0:0 0A\n@@ units\n=\nId=\nExecStart={ argv[]=\n@@ chef\n# \n{}")
	f.Add("@@ namespaces\n# \n1:name=systemd:/pod/x.scope\n0: 0100007F:1F90 0100007F:1F90 01 0 0 0 0 0 0\n@@ containers\na b c\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range report(text).Sightings {
			if s.Place.File == "" {
				t.Errorf("a sighting without a place: %+v", s)
			}
		}
	})
}
