package hosts_test

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
)

// version is a site whose service answers so.
func version(t testing.TB, b *testbed.Bed, v string) []render.File {
	return rendered(t, site(b, map[string]string{"VERSION": v}))
}

// running is the service in version one, answering through the load balancer.
func running(t *testing.T, b *testbed.Bed) {
	t.Helper()
	bring(t, b)
	if err := move(t, b, version(t, b, "one")); err != nil {
		t.Fatal(err)
	}
	answers(t, b, "one")
}

func answers(t *testing.T, b *testbed.Bed, want string) {
	t.Helper()
	if err := b.Await(t.Context(), "the answer "+want, func() error {
		if said, err := ask(t.Context(), b); err != nil || said != want {
			return fmt.Errorf("it says %q, %w", said, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// callers ask the service without a pause until they are told to stop, and say what answers they got and which of them were none.
func callers(t *testing.T, b *testbed.Bed) (stop func() (answers map[string]int, failed []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	got := map[string]int{}
	var failed []string
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				said, err := ask(context.WithoutCancel(ctx), b)
				mu.Lock()
				if err != nil {
					failed = append(failed, err.Error())
				} else {
					got[said]++
				}
				mu.Unlock()
			}
		})
	}
	return func() (map[string]int, []string) {
		cancel()
		all.Wait()
		return got, failed
	}
}

func updatedUnderLoad(t *testing.T, b *testbed.Bed) {
	running(t, b)
	stop := callers(t, b)
	var said []string
	err := moveTold(t, b, version(t, b, "two"), &said)
	got, failed := stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", got)
	if len(failed) > 0 {
		t.Errorf("%d requests failed, the first: %s", len(failed), failed[0])
	}
	if got["one"] == 0 {
		t.Errorf("nothing was asked before it changed: %v", got)
	}
	answers(t, b, "two")
	out := slices.DeleteFunc(said, func(l string) bool {
		return !strings.HasSuffix(l, "out of balance") && !strings.Contains(l, "start orders")
	})
	if want := []string{"vm2: out of balance", "vm2: start orders.service", "vm3: out of balance", "vm3: start orders.service"}; !slices.Equal(out, want) {
		t.Errorf("%v", out)
	}
}

func badReleaseGoesBack(t *testing.T, b *testbed.Bed) {
	running(t, b)
	stop := callers(t, b)
	err := move(t, b, version(t, b, "bad"))
	got, failed := stop()
	want(t, err, fault.Unavailable, "vm2", "orders is not well", "back at the last release")
	if len(failed) > 0 || got["bad"] > 0 {
		t.Errorf("%v, %d requests failed: %v", got, len(failed), failed)
	}
	answers(t, b, "one")
	for _, m := range b.Machines[1:] {
		if text, err := m.Run(t.Context(), "cat /etc/kopi/orders.env"); err != nil || !strings.Contains(text, "VERSION=one") && !strings.Contains(text, `VERSION="one"`) {
			t.Errorf("%s has other variables: %s, %v", m.Name, text, err)
		}
	}
	if err := move(t, b, version(t, b, "three")); err != nil {
		t.Fatal(err)
	}
	answers(t, b, "three")
}

func cutOff(t *testing.T, b *testbed.Bed) {
	running(t, b)
	if err := b.Disturb(t.Context(), "vm3", testbed.Link{Cut: true}); err != nil {
		t.Fatal(err)
	}
	err := move(t, b, version(t, b, "two"))
	mended := b.Disturb(t.Context(), "vm3", testbed.Link{})
	want(t, err, fault.Unavailable, "vm3 (10.90.0.13")
	if strings.Contains(err.Error(), "vm2") || mended != nil {
		t.Errorf("%v, %v", err, mended)
	}
	if err := move(t, b, version(t, b, "two")); err != nil {
		t.Fatal(err)
	}
	answers(t, b, "two")
}

func diskFull(t *testing.T, b *testbed.Bed) {
	running(t, b)
	vm2 := b.Machine("vm2")
	// /etc/kopi is a disk of its own, with what is in it, and then nothing else fits.
	do := func(script string) {
		t.Helper()
		if err := vm2.Do(t.Context(), "set -e\n"+script); err != nil {
			t.Fatal(err)
		}
	}
	do("cp -a /etc/kopi /mnt/kept; mount -t tmpfs -o size=2m tmpfs /etc/kopi; cp -a /mnt/kept/. /etc/kopi; head -c 1500k /dev/zero >/etc/kopi/ballast")
	before, err := vm2.Run(t.Context(), "find /etc/kopi /etc/systemd/system/orders.service /var/lib/caravan/indonesia/things/orders -type f -exec sha256sum {} + | sort")
	if err != nil {
		t.Fatal(err)
	}
	want(t, move(t, b, version(t, b, "two")), fault.Unavailable, "vm2", "no room left", "/etc/kopi")
	if after, err := vm2.Run(t.Context(), "find /etc/kopi /etc/systemd/system/orders.service /var/lib/caravan/indonesia/things/orders -type f -exec sha256sum {} + | sort"); err != nil || after != before {
		t.Errorf("something was written: %v\n%s", err, strings.Join(differences(before, after), "\n"))
	}
	if said, err := vm2.Run(t.Context(), "curl -fsS http://127.0.0.1:8210/"); err != nil || strings.TrimSpace(said) != "one" {
		t.Errorf("what ran does not run on: %s, %v", said, err)
	}
	do("umount -l /etc/kopi; rm -r /mnt/kept") // nothing was changed there
	if err := move(t, b, version(t, b, "two")); err != nil {
		t.Fatal(err)
	}
	answers(t, b, "two")
}

// nasty are values that a shell, a unit or a file of variables would read something else in.
var nasty = map[string]string{
	"VERSION": "one", "BLANKS": "  a  b\t", "QUOTES": `it's "so" ` + "`id`", "DOLLAR": "$HOME $(id) $$ $1", "BACK": `a\nb\\`, "PERCENT": "%n %% %h",
	"HASH": "# no comment", "STAR": "* ? [a] ~ ! & | ; < > ( ) { }", "UNICODE": "kopi ☕ é", "LINES": "one\ntwo\n three",
}

func nastyValues(t *testing.T, b *testbed.Bed) {
	bring(t, b)
	if err := move(t, b, rendered(t, site(b, nasty))); err != nil {
		t.Fatal(err)
	}
	out, err := b.Machine("vm2").Run(t.Context(), "tr '\\0' '\\1' </proc/$(systemctl show -p MainPID --value orders.service)/environ")
	if err != nil {
		t.Fatal(err)
	}
	has := strings.Split(out, "\x01")
	for name, value := range nasty {
		if !slices.Contains(has, name+"="+value) {
			t.Errorf("%s=%q did not arrive", name, value)
		}
	}
	modes, err := b.Machine("vm2").Run(t.Context(), "stat -c '%a %U:%G %n' /etc/kopi/orders.env /etc/kopi/secrets /usr/local/lib/kopi/orders/health /etc/systemd/system/orders.service")
	if err != nil || modes != "644 root:root /etc/kopi/orders.env\n700 root:root /etc/kopi/secrets\n755 root:root /usr/local/lib/kopi/orders/health\n644 root:root /etc/systemd/system/orders.service\n" {
		t.Errorf("%s, %v", modes, err)
	}
}

func inTheWay(t *testing.T, b *testbed.Bed) {
	undo(t, b, version(t, b, "one"), nil)
	bring(t, b)
	vm2, unit := b.Machine("vm2"), "/etc/systemd/system/orders.service"
	theirs := "[Service]\nExecStart=/bin/true\nEnvironment=DB_PASSWORD=Zk4hunter2xq9\n"
	if err := vm2.Write(unit, theirs); err != nil {
		t.Fatal(err)
	}
	files := version(t, b, "one")
	changes, err := open(t, b, files, false).Preview(t.Context(), files)
	want(t, err, fault.Conflict, "vm2:"+unit, "not made by caravan", "--force")
	var shown string
	for _, c := range changes {
		shown += c.Diff
	}
	if !strings.Contains(shown, "-ExecStart=/bin/true") || strings.Contains(shown, "Zk4hunter2xq9") {
		t.Errorf("the difference is not shown, or a secret is:\n%s", shown)
	}
	if !strings.Contains(shown, "haproxy.cfg replaces the file that its package brought") {
		t.Errorf("nobody is shown that the package's file is replaced:\n%s", shown)
	}
	own := of(files, "orders", false)
	target := open(t, b, files, true)
	if _, err := target.Apply(t.Context(), step("id-vm/service/orders", own), own, teller(t, nil)); err != nil {
		t.Fatal(err)
	}
	undo(t, b, files, nil)
	if text, err := vm2.Run(t.Context(), "cat "+unit); err != nil || text != theirs {
		t.Errorf("what was there did not come back: %q, %v", text, err)
	}
	if err := vm2.Do(t.Context(), "rm "+unit+"; systemctl daemon-reload"); err != nil {
		t.Fatal(err)
	}
}

func throughSudo(t *testing.T, b *testbed.Bed) {
	for _, m := range b.Machines {
		if err := m.Do(t.Context(), "set -e\nid deploy >/dev/null 2>&1 || useradd --create-home --shell /bin/bash deploy\nusermod -p '*' deploy\nmkdir -p /home/deploy/.ssh\ncp /root/.ssh/authorized_keys /home/deploy/.ssh/\nchown -R deploy /home/deploy/.ssh\nchmod 700 /home/deploy/.ssh\nrm -f /etc/sudoers.d/deploy\n"); err != nil {
			t.Fatal(err)
		}
	}
	undo(t, b, version(t, b, "one"), nil)
	bring(t, b)
	o := options(b)
	o.User = "deploy"
	files := version(t, b, "one")
	target, err := host.Open(t.Context(), host.TargetOptions{Options: o, Expansion: "indonesia", Environment: "id-vm", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	_, err = target.Preview(t.Context(), files)
	want(t, err, fault.Denied, "deploy ALL=(root) NOPASSWD: ALL", "vm1", "vm2", "vm3")
	for _, m := range b.Machines {
		if err := m.Do(t.Context(), "echo 'deploy ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/deploy\nusermod -aG haproxy deploy\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []string{"one", "two"} { // the second is drained through the socket that the account may use now
		files := version(t, b, v)
		target, err := host.Open(t.Context(), host.TargetOptions{Options: o, Expansion: "indonesia", Environment: "id-vm", Files: files})
		if err != nil {
			t.Fatal(err)
		}
		for _, own := range [][]render.File{of(files, "", false), of(files, "orders", true), of(files, "orders", false)} {
			if _, err := target.Apply(t.Context(), step("id-vm/any", own), own, teller(t, nil)); err != nil {
				t.Fatal(err)
			}
		}
		_ = target.Close()
		answers(t, b, v)
	}
}

// packagesComeAndGo installs a package from a source of the machine's own, and removes it with the last that needs it.
func packagesComeAndGo(t *testing.T, b *testbed.Bed) {
	dir := t.TempDir()
	build := `set -e
cd "$1"
mkdir -p tool/DEBIAN tool/usr/bin
printf 'Package: kopi-tool\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: a tool\n' >tool/DEBIAN/control
printf '#!/bin/sh\necho tool\n' >tool/usr/bin/kopi-tool
chmod 755 tool/usr/bin/kopi-tool
dpkg-deb --root-owner-group --build tool kopi-tool.deb >/dev/null
{ cat tool/DEBIAN/control; echo "Filename: ./kopi-tool.deb"; echo "Size: $(stat -c %s kopi-tool.deb)"; echo "SHA256: $(sha256sum kopi-tool.deb | cut -d ' ' -f 1)"; } >Packages
rm -r tool
`
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", build, "build", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	vm2 := b.Machine("vm2")
	if err := vm2.Copy(t.Context(), dir, "/srv/packages"); err != nil {
		t.Fatal(err)
	}
	if err := vm2.Do(t.Context(), "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*\necho 'deb [trusted=yes] file:/srv/packages ./' >/etc/apt/sources.list.d/kopi.list\n"); err != nil {
		t.Fatal(err)
	}
	hosts := []render.Host{{Name: "vm2", Address: vm2.Address}}
	files := func(packages ...string) []render.File {
		install, err := render.Install{Name: "tool", Hosts: hosts, Packages: packages, Patience: 10}.File("vm/test/tool/install.json")
		if err != nil {
			t.Fatal(err)
		}
		install.Placed = &render.Placement{Hosts: hosts}
		return []render.File{install}
	}
	apply := func(files []render.File) error {
		target := open(t, b, files, false)
		_, err := target.Apply(t.Context(), step("test/service/tool", files), files, teller(t, nil))
		return err
	}
	want(t, apply(files("no-such-package")), fault.Unavailable, "vm2", "install no-such-package", "package sources")
	if err := apply(files("kopi-tool")); err != nil {
		t.Fatal(err)
	}
	if out, err := vm2.Run(t.Context(), "kopi-tool"); err != nil || out != "tool\n" {
		t.Errorf("%s, %v", out, err)
	}
	target := open(t, b, files("kopi-tool"), false)
	if _, err := target.Remove(t.Context(), func(p string) bool { return !strings.HasPrefix(p, "vm/test/") }, teller(t, nil)); err != nil {
		t.Fatal(err)
	}
	if out, err := vm2.Run(t.Context(), "test ! -e /usr/bin/kopi-tool && echo gone"); err != nil || out != "gone\n" {
		t.Errorf("%s, %v", out, err)
	}
}

func secretsAreAskedFor(t *testing.T, b *testbed.Bed) {
	hosts := []render.Host{{Name: "vm2", Address: b.Machine("vm2").Address}}
	unit := render.File{Path: "vm/test/keeper/keeper.service", Text: "[Service]\nType=exec\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n", Mode: 0o644, Subject: "keeper",
		Placed: &render.Placement{Hosts: hosts, Path: "/etc/systemd/system/keeper.service", Units: []string{"keeper.service"}}}
	install, err := render.Install{Name: "keeper", Hosts: hosts, Units: []render.Unit{{Name: "keeper.service"}}, Secrets: []string{"/etc/keeper/secret"}, Document: "vm/test/keeper/secrets.md", Patience: 10}.File("vm/test/keeper/" + render.InstallName)
	if err != nil {
		t.Fatal(err)
	}
	install.Placed = &render.Placement{Hosts: hosts}
	files := []render.File{install, unit}
	apply := func() error {
		_, err := open(t, b, files, false).Apply(t.Context(), step("test/datastore/keeper", files), files, teller(t, nil))
		return err
	}
	want(t, apply(), fault.Unavailable, "vm2", "/etc/keeper/secret", "vm/test/keeper/secrets.md")
	if out, err := b.Machine("vm2").Run(t.Context(), "systemctl is-active keeper.service || true"); err != nil || strings.TrimSpace(out) != "inactive" {
		t.Errorf("%s, %v", out, err)
	}
	if err := b.Machine("vm2").Write("/etc/keeper/secret", "x"); err != nil {
		t.Fatal(err)
	}
	if err := apply(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, b, files, false).Verify(t.Context(), step("test/datastore/keeper", files), teller(t, nil)); err != nil {
		t.Fatal(err)
	}
	if changes, err := open(t, b, files, false).Remove(t.Context(), func(p string) bool { return !strings.HasPrefix(p, "vm/test/") }, teller(t, nil)); err != nil || len(changes) != 2 {
		t.Errorf("%v, %v", changes, err)
	}
	if out, err := b.Machine("vm2").Run(t.Context(), "systemctl is-active keeper.service; ls /etc/systemd/system/keeper.service 2>&1; rm -r /etc/keeper"); err != nil || !strings.HasPrefix(out, "inactive") || strings.Contains(out, "\n/etc") {
		t.Errorf("%s, %v", out, err)
	}
}

// waitsForItsRelease puts a service where nobody has brought its program yet.
func waitsForItsRelease(t *testing.T, b *testbed.Bed) {
	files := version(t, b, "one")
	undo(t, b, files, nil)
	for _, m := range b.Machines[1:] {
		if err := m.Do(t.Context(), "rm -rf /srv/kopi/orders"); err != nil {
			t.Fatal(err)
		}
	}
	idle := func() (out []string) {
		t.Helper()
		found, err := open(t, b, files, false).Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Idle != "" {
				out = append(out, f.Path+": "+f.Idle)
			}
		}
		return out
	}
	if err := move(t, b, files); err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(idle(), "\n"); !strings.Contains(said, "orders/orders.service: ") || !strings.Contains(said, "orders.service waits for what its unit asks to be there") {
		t.Errorf("it is not said that nothing runs: %s", said)
	}
	bring(t, b)
	for _, m := range b.Machines[1:] {
		if err := m.Do(t.Context(), "systemctl start orders.service"); err != nil {
			t.Fatal(err)
		}
	}
	answers(t, b, "one")
	if said := idle(); len(said) > 0 {
		t.Errorf("it runs and is said not to: %q", said)
	}
}
