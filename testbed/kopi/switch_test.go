package kopi_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.org/caravan/testbed"
)

// inSingapore is somebody with a workspace of the company as it runs in Singapore, whose machines may be changed.
func inSingapore(t *testing.T, b *testbed.Bed) mover {
	t.Helper()
	m := newcomer(t)
	m.bed = b
	m.rewrite(t, "caravan.yaml", func(text string) string {
		return text + fmt.Sprintf("\ntargets:\n  - environment: production-sg\n    machines: {key: %s, knownHosts: %s}\nconsent:\n  unowned: platform\n", b.SSHKey(), b.KnownHosts())
	})
	m.must(t, "scan")
	return m
}

// shadow is as much of what `caravan config shadow` says as matters here.
type shadow struct {
	Journey, Team               string
	Instances                   []string
	Equal, Pending, Unexplained int
	Keys                        []struct {
		Key, Verdict string
		Now, Then    *struct{ Text string }
	}
	Switched *struct {
		Changed []struct{ Key string }
	}
}

func (m mover) shadow(t *testing.T, service string, args ...string) (s shadow, code int) {
	t.Helper()
	out, complaints, code := m.run(t, append([]string{"config", "shadow", service, "-e", "production-sg", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%s: %v\n%s", service, err, complaints)
	}
	return s, code
}

// environ is the environment of a service's process on a machine, whatever gave it, but for what systemd makes anew with each start.
func environ(t *testing.T, b *testbed.Bed, machine, service string) string {
	t.Helper()
	out, err := b.Machine(machine).Run(t.Context(), `unit=kopi-`+service+`; systemctl cat $unit >/dev/null 2>&1 || unit=`+service+`
tr '\0' '\n' </proc/$(systemctl show $unit --property=MainPID --value)/environ | grep -v -e ^INVOCATION_ID= -e ^JOURNAL_STREAM= -e ^SYSTEMD_EXEC_PID= | sort`)
	if err != nil || !strings.Contains(out, "=") {
		t.Fatalf("%s on %s: %v: %q", service, machine, err, out)
	}
	return out
}

// sixteen are the company's services that are told something by a unit of Chef's.
var sixteen = []string{
	"accounts", "config", "delivery", "inventory", "invoicing", "loyalty", "mobile-gateway", "notifications", "orders", "partner-gateway", "payments", "pricing", "reports", "search", "shop", "sms-relay",
}

// areSwitched switches sixteen services to configuration: each is told the same before and after. A wrong key stops the switch.
func areSwitched(t *testing.T, b *testbed.Bed) {
	m := inSingapore(t, b)
	before, owners := map[string]string{}, map[string]shadow{}
	if s, code := m.shadow(t, sixteen[0]); code != 8 || s.Unexplained < 4 || s.Equal != 0 {
		t.Fatalf("%s before anything is configured: exit %d, %+v", sixteen[0], code, s)
	}
	var mu sync.Mutex
	beside(t, "adopt", func(t *testing.T, service string) {
		s, code := m.shadow(t, service, "--adopt")
		if code != 0 || s.Unexplained != 0 || s.Equal < 4 {
			t.Fatalf("%s once it is adopted: exit %d, %+v", service, code, s)
		}
		for _, machine := range s.Instances {
			told := environ(t, b, machine, service)
			mu.Lock()
			before[service+" on "+machine] = told
			mu.Unlock()
		}
		mu.Lock()
		owners[service] = s
		mu.Unlock()
	})
	if t.Failed() {
		return
	}
	stopped(t, b, m, owners["pricing"])
	if _, complaints, code := m.run(t, "config", "switch", "accounts", "-e", "production-sg"); code != 6 {
		t.Fatalf("accounts is switched without its team: exit %d, %s", code, complaints)
	}
	beside(t, "switch", func(t *testing.T, service string) {
		m.must(t, "approve", owners[service].Journey, "--team", cmp.Or(owners[service].Team, "platform"))
		m.must(t, "config", "switch", service, "-e", "production-sg")
	})
	for _, at := range slices.Sorted(maps.Keys(before)) {
		service, machine, _ := strings.Cut(at, " on ")
		if now := environ(t, b, machine, service); now != before[at] {
			t.Errorf("%s is told\n%s\nand was told\n%s", at, now, before[at])
		}
		if out, err := b.Machine(machine).Run(t.Context(), "ls /etc/systemd/system/*"+service+".service.d/90-caravan.conf"); err != nil {
			t.Errorf("%s is not told by configuration: %v %s", at, err, out)
		}
	}
	bringsNewValues(t, b, &m, before)
	keepsSecrets(t, m)
	goesBack(t, b, m, before)
	isUndoneWhenUnwell(t, b, m, before)
	beside(t, "back", func(t *testing.T, service string) {
		if service != "orders" && service != "search" { // which went back already
			m.must(t, "config", "back", service, "-e", "production-sg")
		}
	})
	for machine := range b.Machines {
		if out, err := b.Machines[machine].Run(t.Context(), "ls -d /etc/caravan /var/lib/caravan /var/lib/caravan-private /etc/systemd/system/*.d/90-caravan.conf 2>/dev/null || true"); err != nil || out != "" {
			t.Errorf("%s is left with %s %v", b.Machines[machine].Name, out, err)
		}
	}
}

// beside does something with every service, several at once.
func beside(t *testing.T, name string, do func(t *testing.T, service string)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for _, service := range sixteen {
			t.Run(service, func(t *testing.T) {
				t.Parallel()
				do(t, service)
			})
		}
	})
}

// stopped plants a wrong key: in configuration, then on a machine once its team has agreed.
func stopped(t *testing.T, b *testbed.Bed, m mover, s shadow) {
	t.Helper()
	m.must(t, "config", "set", "pricing", "ASPNETCORE_URLS", "http://0.0.0.0:9999", "-e", "production-sg")
	m.must(t, "approve", s.Journey, "--team", s.Team)
	if _, complaints, code := m.run(t, "config", "switch", "pricing", "-e", "production-sg"); code != 5 || !strings.Contains(complaints, "ASPNETCORE_URLS would be http://0.0.0.0:9999, and is http://0.0.0.0:8220") {
		t.Errorf("a wrong key does not stop the switch: exit %d, %s", code, complaints)
	}
	m.must(t, "config", "set", "pricing", "ASPNETCORE_URLS", "http://0.0.0.0:8220", "-e", "production-sg")
	machine := b.Machine(s.Instances[0])
	const planted = "sed -i 's/^KOPI_COUNTRY=.*/KOPI_COUNTRY=%s/' /etc/kopi/pricing.env && systemctl restart kopi-pricing"
	if err := machine.Do(t.Context(), fmt.Sprintf(planted, "XX")); err != nil {
		t.Fatal(err)
	}
	if _, complaints, code := m.run(t, "config", "switch", "pricing", "-e", "production-sg"); code != 5 || !strings.Contains(complaints, "KOPI_COUNTRY would be SG, and is XX") {
		t.Errorf("what Chef changed meanwhile does not stop the switch: exit %d, %s", code, complaints)
	}
	if err := machine.Do(t.Context(), fmt.Sprintf(planted, "SG")); err != nil {
		t.Fatal(err)
	}
}

// bringsNewValues sets a value of a service that is switched already, and one of a secret that is kept in a variable.
func bringsNewValues(t *testing.T, b *testbed.Bed, m *mover, before map[string]string) {
	t.Helper()
	m.env = []string{"CARD_KEY=canary-card-4t9"}
	m.must(t, "config", "set", "payments", "LOG_LEVEL", "debug", "-e", "production-sg")
	m.must(t, "config", "set", "payments", "CARD_API_KEY", "--secret", "env:CARD_KEY", "-e", "production-sg")
	s, code := m.shadow(t, "payments")
	if code != 8 || s.Unexplained != 0 || s.Pending != 2 {
		t.Errorf("new values of a switched service: exit %d, %+v", code, s)
	}
	m.must(t, "approve", s.Journey, "--team", s.Team)
	m.must(t, "config", "switch", "payments", "-e", "production-sg")
	now := environ(t, b, "sg-pay1", "payments")
	if !strings.Contains(now, "LOG_LEVEL=debug\n") || !strings.Contains(now, "CARD_API_KEY=canary-card-4t9\n") || strings.Count(now, "\n") != strings.Count(before["payments on sg-pay1"], "\n") {
		t.Errorf("payments is told\n%s", now)
	}
	m.env = []string{"CARD_KEY=canary-card-5u8"}
	m.must(t, "config", "switch", "payments", "-e", "production-sg")
	if now := environ(t, b, "sg-pay1", "payments"); !strings.Contains(now, "CARD_API_KEY=canary-card-5u8\n") {
		t.Errorf("a secret that is another now does not reach the process:\n%s", now)
	}
}

// keepsSecrets looks for what the secrets of the company's machines hold in everything that was kept here.
func keepsSecrets(t *testing.T, m mover) {
	t.Helper()
	secrets, err := m.bed.Machine("sg-pay1").Run(t.Context(), "sed -n 's/^[A-Z_]*=//p' /etc/kopi/secrets/payments")
	if err != nil || len(strings.Fields(secrets)) == 0 {
		t.Fatal(err, secrets)
	}
	secrets += "\ncanary-card-4t9"
	err = filepath.WalkDir(m.workspace, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/.caravan/") && !strings.Contains(path, "/config/") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, secret := range strings.Fields(secrets) {
			if len(secret) > 4 && strings.Contains(string(data), secret) {
				t.Errorf("%s holds a secret of payments", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// goesBack takes a switch back with one command.
func goesBack(t *testing.T, b *testbed.Bed, m mover, before map[string]string) {
	t.Helper()
	m.must(t, "config", "back", "orders", "-e", "production-sg", "--why", "to see that it can")
	for _, machine := range []string{"sg-app2", "sg-app3"} {
		if now := environ(t, b, machine, "orders"); now != before["orders on "+machine] {
			t.Errorf("orders on %s went back to\n%s", machine, now)
		}
	}
}

// isUndoneWhenUnwell signs a difference that the service does not survive.
func isUndoneWhenUnwell(t *testing.T, b *testbed.Bed, m mover, before map[string]string) {
	t.Helper()
	m.must(t, "config", "back", "search", "-e", "production-sg")
	m.must(t, "config", "set", "search", "KOPI_PORT", "8999", "-e", "production-sg")
	m.must(t, "config", "shadow", "search", "-e", "production-sg", "--sign", "KOPI_PORT", "--why", "somebody thinks so")
	s, _ := m.shadow(t, "search")
	m.must(t, "approve", s.Journey, "--team", s.Team)
	if _, complaints, code := m.run(t, "config", "switch", "search", "-e", "production-sg"); code != 7 || !strings.Contains(complaints, "it is as it was") {
		t.Errorf("a service that is not well with what it is told: exit %d, %s", code, complaints)
	}
	if now := environ(t, b, s.Instances[0], "search"); now != before["search on "+s.Instances[0]] {
		t.Errorf("search is left with\n%s", now)
	}
}
