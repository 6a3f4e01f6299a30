package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/render"
)

// installed is a real program's path. Without it the test is skipped by name, or fails when CARAVAN_TEST_ALL is 1.
func installed(t testing.TB, name, pkg string) string {
	t.Helper()
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if p, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return p
		}
	}
	why := fmt.Sprintf("no %s on this machine; install the package %s", name, pkg)
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
	return ""
}

// run is what a program says, and whether it ended well.
func run(t testing.TB, name string, args ...string) (string, bool) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err == nil
}

// machine is a folder with the files of one machine where they are on it.
func machine(t testing.TB, s render.Site, host string) string {
	t.Helper()
	e, err := environmentOf(s)
	if err != nil {
		t.Fatal(err)
	}
	things, err := e.things()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, thing := range things {
		for _, f := range thing.content {
			if thing.hasHost(host) && f.on(host) {
				put(t, filepath.Join(root, f.at), f.Text, os.FileMode(f.Mode))
			}
		}
	}
	return root
}

func put(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

var execLine = regexp.MustCompile(`(?m)^Exec\w+=[-+!@:]*"?([^ "\n]+)`)

// furnish gives a machine's folder what systemd-analyze looks for: the targets of Debian and every program a unit starts.
func furnish(t testing.TB, root string) []string {
	t.Helper()
	for _, target := range []string{"sysinit", "basic", "network-online", "multi-user", "shutdown", "etcd", "network"} {
		put(t, filepath.Join(root, "usr/lib/systemd/system", target+".target"), "[Unit]\nDescription="+target+"\n", 0o644)
	}
	units, err := filepath.Glob(filepath.Join(root, "etc/systemd/system/*.service"))
	if err != nil {
		t.Fatal(err)
	}
	for i, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range execLine.FindAllSubmatch(text, -1) {
			program := string(m[1])
			if !strings.HasPrefix(program, "/") {
				program = "/usr/bin/" + program
			}
			if at := filepath.Join(root, program); !exists(at) {
				put(t, at, "#!/bin/sh\n", 0o755)
			}
		}
		units[i] = filepath.Base(unit)
	}
	return units
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func TestSystemdTakesEveryUnit(t *testing.T) {
	analyze := installed(t, "systemd-analyze", "systemd")
	seen := 0
	for _, a := range archives(t) {
		for _, h := range a.site.Hosts {
			root := machine(t, a.site, h.Name)
			units := furnish(t, root)
			if len(units) == 0 {
				continue
			}
			seen += len(units)
			out, ok := run(t, analyze, append([]string{"verify", "--man=no", "--root=" + root}, units...)...)
			if !ok || out != "" {
				t.Errorf("%s, %s: %s", a.name, h.Name, out)
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d units were looked at", seen)
	}
}

func TestSystemdRefusesABrokenUnit(t *testing.T) {
	analyze := installed(t, "systemd-analyze", "systemd")
	s := siteOf(t, "service")
	for _, tt := range []struct{ name, from, to string }{
		{"a setting that is none", "KillMode=", "KilMode="},
		{"a quantity that is none", "CPUQuota=150%", "CPUQuota=lots"},
		{"a program that is not there", "ExecStart=java", "ExecStart=/usr/bin/jawa --"},
		{"an unbalanced quote", "-jar orders.jar", `-jar "orders.jar`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := machine(t, s, "app-1")
			units := furnish(t, root)
			unit := filepath.Join(root, "etc/systemd/system/orders.service")
			text, err := os.ReadFile(unit)
			if err != nil {
				t.Fatal(err)
			}
			broken := strings.Replace(string(text), tt.from, tt.to, 1)
			if broken == string(text) {
				t.Fatalf("the unit has no %q", tt.from)
			}
			put(t, unit, broken, 0o644)
			if out, ok := run(t, analyze, append([]string{"verify", "--man=no", "--root=" + root}, units...)...); ok && out == "" {
				t.Error("it is taken")
			}
		})
	}
}

func siteOf(t testing.TB, name string) render.Site {
	t.Helper()
	all := archives(t)
	i := slices.IndexFunc(all, func(a archive) bool { return a.name == "testdata/"+name+".txtar" })
	if i < 0 {
		t.Fatalf("no archive %s", name)
	}
	return all[i].site
}

func TestScriptsAreShell(t *testing.T) {
	check := installed(t, "shellcheck", "shellcheck")
	dir := t.TempDir()
	seen := 0
	for _, a := range archives(t) {
		for _, f := range bundle(t, a.site).Files {
			if !strings.HasPrefix(f.Text, "#!") {
				continue
			}
			seen++
			name := filepath.Join(dir, "script")
			put(t, name, f.Text, 0o755)
			if out, ok := run(t, "sh", "-n", name); !ok {
				t.Errorf("%s: %s: %s", a.name, f.Path, out)
			}
			if out, ok := run(t, check, "--shell=dash", "--enable=all", "--exclude=SC2250,SC2249,SC2312,SC2310", name); !ok {
				t.Errorf("%s: %s: %s", a.name, f.Path, out)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d scripts were looked at", seen)
	}
}

// proxied is the configuration of a site's load balancers, with a certificate where it looks for one.
func proxied(t testing.TB, s render.Site) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range bundle(t, s).Files {
		if !strings.HasSuffix(f.Path, "haproxy.cfg") {
			continue
		}
		text := f.Text
		if strings.Contains(text, "/etc/kopi/secrets/certificates") {
			openssl := installed(t, "openssl", "openssl")
			certificates := filepath.Join(dir, "certificates")
			put(t, filepath.Join(certificates, "readme"), "", 0o644)
			if err := os.Remove(filepath.Join(certificates, "readme")); err != nil {
				t.Fatal(err)
			}
			key, cert := filepath.Join(dir, "key"), filepath.Join(dir, "cert")
			if out, ok := run(t, openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kopi.example.org", "-keyout", key, "-out", cert); !ok {
				t.Fatal(out)
			}
			put(t, filepath.Join(certificates, "kopi.pem"), read(t, cert)+read(t, key), 0o600)
			text = strings.ReplaceAll(text, "/etc/kopi/secrets/certificates", certificates)
		}
		name := filepath.Join(dir, "haproxy.cfg")
		put(t, name, text, 0o644)
		return name
	}
	return ""
}

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHAProxyTakesEveryConfiguration(t *testing.T) {
	haproxy := installed(t, "haproxy", "haproxy")
	seen := 0
	for _, a := range archives(t) {
		name := proxied(t, a.site)
		if name == "" {
			continue
		}
		seen++
		if out, ok := run(t, haproxy, "-c", "-f", name); !ok || strings.Contains(out, "WARNING") {
			t.Errorf("%s: %s", a.name, out)
		}
	}
	if seen < 8 {
		t.Errorf("only %d configurations were looked at", seen)
	}
}

func TestHAProxyRefusesABrokenConfiguration(t *testing.T) {
	haproxy := installed(t, "haproxy", "haproxy")
	name := proxied(t, siteOf(t, "service"))
	put(t, name, strings.Replace(read(t, name), "balance roundrobin", "balance roundabout", 1), 0o644)
	if out, ok := run(t, haproxy, "-c", "-f", name); ok {
		t.Errorf("it is taken: %s", out)
	}
}

// nginxTest lets nginx read a stub's configuration as a site.
func nginxTest(t testing.TB, text string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "site.conf"), text, 0o644)
	put(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf("pid %[1]s/pid;\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n  include %[1]s/site.conf;\n}\n", dir), 0o644)
	return run(t, installed(t, "nginx", "nginx-light"), "-t", "-q", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
}

func TestNginxTakesEveryStub(t *testing.T) {
	seen := 0
	for _, a := range archives(t) {
		var all strings.Builder
		for _, f := range bundle(t, a.site).Files {
			if strings.Contains(f.Path, "/stubs/") && strings.HasSuffix(f.Path, ".conf") {
				seen++
				all.WriteString(f.Text)
			}
		}
		if out, ok := nginxTest(t, all.String()); !ok || out != "" {
			t.Errorf("%s: %s", a.name, out)
		}
	}
	if seen < 3 {
		t.Errorf("only %d stubs were looked at", seen)
	}
}

func TestNginxRefusesABrokenStub(t *testing.T) {
	if out, ok := nginxTest(t, "server { listen 8095; location / { return 200 \"$nobody\"; } }"); ok {
		t.Errorf("it is taken: %s", out)
	}
}

func TestCloudInitTakesEveryMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("cloud-init takes its time: make test runs this")
	}
	cloudInit := installed(t, "cloud-init", "cloud-init")
	args := []string{"schema"}
	dir := t.TempDir()
	for _, a := range archives(t) {
		for i, f := range bundle(t, a.site).Files {
			if strings.HasSuffix(f.Path, "cloud-init.yaml") {
				name := filepath.Join(dir, fmt.Sprintf("%s-%d.yaml", filepath.Base(a.name), i))
				put(t, name, f.Text, 0o644)
				if out, ok := run(t, cloudInit, append(slices.Clone(args), "--config-file", name)...); !ok {
					t.Errorf("%s: %s: %s", a.name, f.Path, out)
				}
			}
		}
	}
	broken := filepath.Join(dir, "broken.yaml")
	put(t, broken, "#cloud-config\nwrite_files:\n  - file: /etc/x\n", 0o644)
	if out, ok := run(t, cloudInit, "schema", "--config-file", broken); ok {
		t.Errorf("a broken one is taken: %s", out)
	}
}
