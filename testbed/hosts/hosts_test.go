package hosts_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/workload"
	"example.org/caravan/testbed"
)

// answering is the service: it answers with the version it was configured with, and says it is not well when that is "bad".
const answering = `#!/usr/bin/env python3
import http.server, os
version = os.environ.get("VERSION", "none")
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        text = (version + "\n").encode()
        self.send_response(500 if version == "bad" else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words): pass
print("answering as", version, flush=True)
http.server.ThreadingHTTPServer(("", 8210), Answer).serve_forever()
`

// site is an environment of the bed's machines: vm1 spreads calls to a service on vm2 and vm3.
func site(b *testbed.Bed, variables map[string]string) render.Site {
	s := render.Site{Expansion: "indonesia", Organisation: "Kopi", Environment: "id-vm", Kind: "vm", Country: "ID", Zone: "id-vm.kopi.internal"}
	for _, m := range b.Machines {
		s.Hosts = append(s.Hosts, render.Host{Name: m.Name, Address: m.Address})
	}
	var hosts []string
	for _, m := range b.Machines[1:] {
		hosts = append(hosts, m.Name)
	}
	s.Services = []render.Service{{
		Name: "orders", Team: "orders", Wave: 2, Hosts: hosts,
		Callers: []render.Peer{{Service: "shop", Ranges: []string{"10.90.0.0/16"}}},
		Workload: workload.Workload{
			APIVersion: "score.dev/v1b1",
			Metadata: workload.Metadata{Name: "orders", Annotations: map[string]string{
				workload.AnnotationDrain: "2", workload.AnnotationStop: "5", workload.AnnotationStart: "20",
			}},
			Service: &workload.Service{Ports: map[string]workload.Port{"http": {Port: 8210}}},
			Containers: map[string]workload.Container{"main": {
				Image: ".", Command: []string{"./start"}, Variables: variables,
				ReadinessProbe: &workload.Probe{HTTPGet: &workload.HTTPGet{Path: "/", Port: 8210}},
			}},
		},
	}}
	return s
}

// rendered are the files of a site.
func rendered(t testing.TB, s render.Site) []render.File {
	t.Helper()
	b, err := vm.Render(s)
	if err != nil {
		t.Fatal(err)
	}
	return b.Files
}

// of are the files of a step: of a subject; configuration, or all others.
func of(files []render.File, subject string, configuration bool) []render.File {
	return slices.DeleteFunc(slices.Clone(files), func(f render.File) bool {
		base := filepath.Base(f.Path)
		is := strings.HasSuffix(base, ".env") || base == "secrets.md"
		inAccess := f.Subject == "" || f.Subject == "haproxy" || f.Subject == "agent"
		return subject == "" && !inAccess || subject != "" && (string(f.Subject) != subject || is != configuration)
	})
}

// step is one that puts files in place.
func step(id string, files []render.File) journey.Step {
	s := journey.Step{ID: journey.StepID(id), Environment: "id-vm"}
	for _, f := range files {
		s.Files = append(s.Files, journey.Written{Path: f.Path, Digest: journey.DigestOf(f), Mode: f.Mode})
	}
	return s
}

// options reach the bed's machines.
func options(b *testbed.Bed) host.Options {
	return host.Options{Key: filepath.Join(b.Dir, "ssh", "id_ed25519"), KnownHosts: filepath.Join(b.Dir, "ssh", "known_hosts"), Dial: b.Dial}
}

func open(t testing.TB, b *testbed.Bed, files []render.File, force bool) *host.Target {
	t.Helper()
	target, err := host.Open(t.Context(), host.TargetOptions{Options: options(b), Expansion: "indonesia", Environment: "id-vm", Files: files, Force: force})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() })
	return target
}

// teller writes what is told into the test's log, and keeps it.
func teller(t testing.TB, said *[]string) journey.Tell {
	lines := make(chan struct{}, 1)
	return func(line string) {
		lines <- struct{}{}
		defer func() { <-lines }()
		t.Log("  " + line)
		if said != nil {
			*said = append(*said, line)
		}
	}
}

// move carries a site out, step by step.
func move(t testing.TB, b *testbed.Bed, files []render.File) error {
	return moveTold(t, b, files, nil)
}

func moveTold(t testing.TB, b *testbed.Bed, files []render.File, said *[]string) error {
	t.Helper()
	for _, s := range []struct {
		id            string
		subject       string
		configuration bool
	}{{"id-vm/access", "", false}, {"id-vm/configuration/orders", "orders", true}, {"id-vm/service/orders", "orders", false}} {
		own := of(files, s.subject, s.configuration)
		target := open(t, b, files, false)
		if _, err := target.Apply(t.Context(), step(s.id, own), own, teller(t, said)); err != nil {
			return fmt.Errorf("%s: %w", s.id, err)
		}
		if err := target.Verify(t.Context(), step(s.id, own), teller(t, said)); err != nil {
			return fmt.Errorf("%s: verify: %w", s.id, err)
		}
		if err := target.Close(); err != nil {
			return err
		}
	}
	return nil
}

// undo takes everything away, as an undo does: the last step first.
func undo(t testing.TB, b *testbed.Bed, files []render.File, said *[]string) {
	t.Helper()
	for _, own := range [][]render.File{of(files, "orders", false), of(files, "orders", true), of(files, "", false)} {
		target := open(t, b, files, false)
		changes, err := target.Remove(t.Context(), func(p string) bool {
			return !slices.ContainsFunc(own, func(f render.File) bool { return f.Path == p })
		}, teller(t, said))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.What != journey.Removed {
				t.Errorf("%s: %s", c.Path, c.What)
			}
		}
	}
}

// bring puts the first release of the service's program on its machines, as a pipeline would.
func bring(t testing.TB, b *testbed.Bed) {
	t.Helper()
	for _, m := range b.Machines[1:] {
		if err := m.Do(t.Context(), "set -e\nmkdir -p /srv/kopi/orders/releases/1\ncat >/srv/kopi/orders/releases/1/start <<'END'\n"+answering+"END\nchmod 755 /srv/kopi/orders/releases/1/start\nln -sfn releases/1 /srv/kopi/orders/current\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// ask asks the service through the load balancer.
func ask(ctx context.Context, b *testbed.Bed) (string, error) {
	out, err := b.Run(ctx, "curl", "-fsS", "--max-time", "60", "http://"+b.Machines[0].Address+":8210/")
	return strings.TrimSpace(out), err
}

// want fails unless an error is of a kind and says some words.
func want(t testing.TB, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("%v, want %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// everything is what an undo must leave as it was: files with their digests, modes and owners, units and accounts. What programs of
// the machine itself write all the time is left out.
func everything(t testing.TB, m *testbed.Machine) string {
	t.Helper()
	out, err := m.Run(t.Context(), `cd / && stat -c "%a %U:%G %n" / /usr /var /var/lib /srv; find etc usr/local var/lib srv -xdev \( -path var/lib/systemd -o -path var/lib/chrony -o -path var/lib/private -o -path var/lib/haproxy \) -prune -o -printf '%y %m %u:%g %p %l\n' | sort;`+
		` find etc usr/local var/lib srv -xdev \( -path var/lib/systemd -o -name '*.swp' -o -name '*-' -o -path etc/.pwd.lock \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum;`+
		` systemctl list-unit-files --no-pager --no-legend | awk '{print $1, $2}' | sort; systemctl list-units --no-pager --no-legend --plain --state=active --type=service | awk '{print $1}' | grep -v -e '^user' -e '^session' | sort; cut -d: -f1 /etc/passwd | sort`)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// differences are lines that only one of two texts has.
func differences(before, after string) []string {
	var out []string
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, l := range was {
		if !slices.Contains(is, l) {
			out = append(out, "-"+l)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			out = append(out, "+"+l)
		}
	}
	return out
}

// raise is a bed of three machines, beside those of the other tests of this package; or the one
// that stands already and is named by whoever works on a test.
func raise(t *testing.T, bed string) *testbed.Bed {
	t.Helper()
	if name := os.Getenv("CARAVAN_TESTBED_NAME"); name != "" {
		b, err := testbed.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Parallel()
	return testbed.Start(t, testbed.Options{Name: bed, Machines: testbed.Machines(3)})
}

func TestMachinesKeepWhatTargetsPromise(t *testing.T) {
	conforms(t, raise(t, "promises"))
}

func TestMachines(t *testing.T) {
	b := raise(t, "hosts")
	for _, part := range []struct {
		name string
		test func(*testing.T, *testbed.Bed)
	}{
		{"what is rendered runs, and the second time nothing changes", runsAndStays},
		{"a service is renewed under load, and no request fails", updatedUnderLoad},
		{"a release that is not well goes back by itself", badReleaseGoesBack},
		{"releases come, go back by themselves and on demand", releasesComeAndGo},
		{"a machine that is cut off is named, and gone on with", cutOff},
		{"a full disk stops it before anything is written", diskFull},
		{"values arrive as they are, files with their modes", nastyValues},
		{"what is in the way is shown, kept and brought back", inTheWay},
		{"secrets that are missing are asked for", secretsAreAskedFor},
		{"what waits for its first release is said not to run", waitsForItsRelease},
		{"secrets are written beside those of others", keepsSecrets},
		{"packages come and go", packagesComeAndGo},
		{"datastores start, answer and are taken back", datastoresRun},
		{"another account does it through sudo", throughSudo},
		{"an undo leaves machines as they were", leavesAsItWas},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, b) })
	}
}

func runsAndStays(t *testing.T, b *testbed.Bed) {
	bring(t, b)
	files := rendered(t, site(b, map[string]string{"VERSION": "one"}))
	if err := move(t, b, files); err != nil {
		t.Fatal(err)
	}
	if err := b.Await(t.Context(), "an answer", func() error {
		said, err := ask(t.Context(), b)
		if err == nil && said != "one" {
			err = errors.New(said)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	target := open(t, b, files, false)
	changes, err := target.Preview(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.What != journey.Unchanged {
			t.Errorf("%s: %s\n%s", c.Path, c.What, c.Diff)
		}
	}
	found, err := target.Observe(t.Context())
	if err != nil || len(found) != len(files) {
		t.Errorf("%d of %d files are in place, %v", len(found), len(files), err)
	}
	for i, f := range found {
		if f.Edited || f.Digest != journey.DigestOf(files[i]) || f.Path != files[i].Path {
			t.Errorf("%+v", f)
		}
	}
	before := everything(t, b.Machines[1])
	if err := move(t, b, files); err != nil {
		t.Fatal(err)
	}
	if diff := differences(before, everything(t, b.Machines[1])); len(diff) > 0 {
		t.Errorf("the second time changed\n%s", strings.Join(diff, "\n"))
	}
}

func leavesAsItWas(t *testing.T, b *testbed.Bed) {
	files := rendered(t, site(b, map[string]string{"VERSION": "one"}))
	undo(t, b, files, nil)
	undo(t, b, files, nil)
	var before []string
	for _, m := range b.Machines {
		before = append(before, everything(t, m))
	}
	bring(t, b)
	for i, m := range b.Machines {
		before[i] = everything(t, m)
	}
	if err := move(t, b, files); err != nil {
		t.Fatal(err)
	}
	var said []string
	undo(t, b, files, &said)
	if !slices.ContainsFunc(said, func(l string) bool { return strings.Contains(l, "/srv/kopi/orders STAYS") }) {
		t.Errorf("nobody is told that the releases stay: %v", said)
	}
	for i, m := range b.Machines {
		if diff := differences(before[i], everything(t, m)); len(diff) > 0 {
			t.Errorf("%s differs:\n%s", m.Name, strings.Join(diff, "\n"))
		}
	}
	if found, err := open(t, b, files, false).Observe(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}
