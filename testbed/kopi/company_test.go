package kopi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/testbed"
	"example.org/caravan/testbed/kopi"
)

const sample = "../../examples/kopi"

// link is what a service of the company answers of its chain.
type link struct {
	Service, Error string
	Needs          map[string]link
}

// errors lists what fails in a chain, with the way there.
func (l link) errors(path string) []string {
	var out []string
	for of, inner := range l.Needs {
		out = append(out, inner.errors(path+" > "+of)...)
	}
	if len(out) == 0 && l.Error != "" {
		out = append(out, path+": "+l.Error)
	}
	return slices.DeleteFunc(out, func(line string) bool { return strings.Contains(line, "vouchers") }) // which lead nowhere in the sample
}

// chainAt asks for the chain behind a URL, from within the bed.
func chainAt(t *testing.T, b *testbed.Bed, url string) link {
	t.Helper()
	out, err := b.Run(t.Context(), "curl", "-sS", "--max-time", "20", url)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

func parse(t *testing.T, answer string) link {
	t.Helper()
	var l link
	if err := json.Unmarshal([]byte(answer), &l); err != nil {
		t.Fatalf("the answer is %q", answer)
	}
	return l
}

func TestTheCompanyRunsAsItsChefRepositorySays(t *testing.T) {
	t.Parallel()
	company, err := kopi.Read(sample)
	if err != nil {
		t.Fatal(err)
	}
	b := testbed.Start(t, testbed.Options{Name: "company", Machines: company.Machines})
	if err := company.Install(t.Context(), b, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		name string
		test func(*testing.T, *testbed.Bed)
	}{
		{"an order goes through its whole chain", answersAnOrder},
		{"every service uses what the map shows", usesWhatTheMapShows},
		{"converging again changes nothing", convergesOnce},
		{"a service that is unwell gets no requests", losesItsRequests},
		{"a service that crashes comes back, and one that leaks is seen to", crashesAndLeaks},
		{"Prometheus sees all of Singapore", isWatched},
		{"sixteen services are switched to configuration and told the same", areSwitched},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, b) })
	}
}

// entrance is the public address of the edge: nginx, then HAProxy on the virtual address, then services on all machines.
const entrance = "http://10.10.0.6"

func answersAnOrder(t *testing.T, b *testbed.Bed) {
	if err := b.Await(t.Context(), "the edge", func() error {
		_, err := b.Run(t.Context(), "curl", "-fsS", "--max-time", "20", "-o", "/dev/null", entrance+"/api/orders/chain")
		return err
	}); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(chainAt(t, b, entrance+"/api/orders/chain").errors("edge"), "\n"))
	}
	l := chainAt(t, b, entrance+"/api/orders/chain")
	orders := l.Needs["http://orders.kopi.internal:8210"]
	for _, need := range []string{"postgres://db.kopi.internal:5432/orders", "amqp://rabbit.kopi.internal:5672/kopi", "http://payments.kopi.internal:8300", "http://pricing.kopi.internal:8220"} {
		if _, ok := orders.Needs[need]; !ok {
			t.Errorf("an order does not use %s: %v", need, orders)
		}
	}
	if _, ok := orders.Needs["http://payments.kopi.internal:8300"].Needs["https://api.cardpay.example.com:443/v3"]; !ok {
		t.Error("nobody pays")
	}
}

// truth is what a map of the company must show.
type truth struct {
	Services []struct {
		Name, Kind     string
		Infrastructure bool
		Names          []string
	}
	Edges []struct{ From, To, Why string }
}

// called is what a host with its port is called in the truth.
func (tr truth) called(at string) string {
	host, _, _ := strings.Cut(at, ":")
	short := strings.TrimSuffix(host, ".kopi.internal")
	for _, s := range tr.Services {
		if s.Name == short || slices.ContainsFunc(s.Names, func(n string) bool { return n == short || n == at }) {
			return s.Name
		}
	}
	return short
}

// usesWhatTheMapShows holds what the services do to what a map of their configuration must show: all of it that configuration says, and
// no more.
func usesWhatTheMapShows(t *testing.T, b *testbed.Bed) {
	data, err := os.ReadFile("../../examples/kopi-truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var tr truth
	if err := json.Unmarshal(data, &tr); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{ // one of each: its port on a machine
		"shop": "10.10.0.21:3000", "mobile-gateway": "10.10.0.21:8200", "search": "10.10.0.21:8240", "accounts": "10.10.0.21:8250", "loyalty": "10.10.0.21:8230",
		"orders": "10.10.0.22:8210", "pricing": "10.10.0.22:8220", "inventory": "10.10.0.22:8215", "partner-gateway": "10.10.0.22:8205",
		"delivery": "10.10.0.23:8260", "notifications": "10.10.0.23:8270", "sms-relay": "10.10.0.23:8275", "reports": "10.10.0.23:8320", "payments": "10.10.0.31:8300", "invoicing": "10.10.0.31:8310",
	}
	for service, at := range places {
		var uses, shown []string
		for need := range chainAt(t, b, "http://"+at+"/chain").Needs {
			_, rest, _ := strings.Cut(need, "://")
			at, _, _ := strings.Cut(rest, "/")
			uses = append(uses, tr.called(at))
		}
		for _, e := range tr.Edges {
			if e.From == service && inConfiguration(e.Why) && !hidden(e.To) {
				shown = append(shown, e.To)
			}
		}
		slices.Sort(uses)
		slices.Sort(shown)
		uses, shown = slices.Compact(uses), slices.Compact(shown)
		uses = slices.DeleteFunc(uses, func(u string) bool { return u == "vouchers" })
		if got, want := strings.Join(uses, " "), strings.Join(shown, " "); got != want {
			t.Errorf("%s uses %s\nand the map must show %s", service, got, want)
		}
	}
}

// inConfiguration reports whether an edge is known from what a service is given, not from its code or from the files of laptops.
func inConfiguration(why string) bool {
	file, _, _ := strings.Cut(why, ":")
	for _, code := range []string{".java", ".rb", ".js", ".ts", ".go", "maps.py", "filebeat.yml", "docker-compose.yml"} {
		if strings.HasSuffix(file, code) && !strings.HasPrefix(file, "chef/") {
			return false
		}
	}
	return true
}

// hidden reports whether a service does not see that it uses something: the load balancer goes by the names of those behind it, and
// another country has providers of its own.
func hidden(name string) bool { return name == "lb" || name == "api.sms-utara.example.org" }

func convergesOnce(t *testing.T, b *testbed.Bed) {
	m := b.Machine("sg-app2")
	out, err := m.Run(t.Context(), "ruby /opt/chef/converge.rb /opt/chef/repository/chef sg-app2")
	if err != nil || out != "" {
		t.Errorf("the second time it says %q, %v", out, err)
	}
}

// told tells a service on a machine what to suffer from.
func told(t *testing.T, b *testbed.Bed, at, what string) {
	t.Helper()
	if out, err := b.Run(t.Context(), "curl", "-sS", "--max-time", "60", "-d", what, "http://"+at+"/faults"); err != nil && !strings.Contains(what, "crash") {
		t.Fatal(out, err)
	}
}

func losesItsRequests(t *testing.T, b *testbed.Bed) {
	up := func(want int) {
		t.Helper()
		if err := b.Await(t.Context(), fmt.Sprintf("HAProxy with %d orders", want), func() error {
			out, err := b.Run(t.Context(), "curl", "-fsS", "http://10.10.0.11:8404/stats;csv")
			n := 0
			for line := range strings.Lines(out) {
				if f := strings.Split(line, ","); len(f) > 17 && f[0] == "orders" && strings.HasPrefix(f[1], "orders") && f[17] == "UP" {
					n++
				}
			}
			if err == nil && n != want {
				err = fmt.Errorf("%d are up", n)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	up(2)
	told(t, b, "10.10.0.23:8210", `{"fail": true}`)
	up(1)
	told(t, b, "10.10.0.23:8210", `{}`)
	up(2)
}

func crashesAndLeaks(t *testing.T, b *testbed.Bed) {
	m := b.Machine("sg-app2")
	started := func() string {
		out, err := m.Run(t.Context(), "systemctl show -p NRestarts --value kopi-pricing")
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	resident := func() (bytes int) {
		out, err := b.Run(t.Context(), "curl", "-fsS", "http://10.10.0.22:8220/metrics")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			_, _ = fmt.Sscanf(line, "process_resident_memory_bytes %d", &bytes)
		}
		return bytes
	}
	before := resident()
	told(t, b, "10.10.0.22:8220", `{"leak": 67108864}`)
	if after := resident(); after-before < 60<<20 {
		t.Errorf("64 MiB leaked, and it grew from %d to %d bytes", before, after)
	}
	told(t, b, "10.10.0.22:8220", `{"crash": true}`)
	if err := b.Await(t.Context(), "pricing again", func() error {
		if n := started(); n != "1" {
			return fmt.Errorf("it was started %s times anew", n)
		}
		_, err := b.Run(t.Context(), "curl", "-fsS", "http://10.10.0.22:8220/healthz")
		return err
	}); err != nil {
		t.Error(err)
	}
}

func isWatched(t *testing.T, b *testbed.Bed) {
	if err := b.Await(t.Context(), "Prometheus", func() error {
		out, err := b.Run(t.Context(), "curl", "-fsS", "http://10.10.0.23:9090/api/v1/query?query=up")
		if err != nil {
			return err
		}
		var answer struct {
			Data struct {
				Result []struct {
					Metric struct{ Instance string }
					Value  [2]any
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			return err
		}
		var down []string
		for _, r := range answer.Data.Result {
			if !strings.HasPrefix(r.Metric.Instance, "10.20.") && r.Value[1] != "1" { // Malaysia is not in the bed
				down = append(down, r.Metric.Instance)
			}
		}
		if len(answer.Data.Result) < 15 || len(down) > 0 {
			return fmt.Errorf("%d are watched, and not seen are %v", len(answer.Data.Result), down)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
