// Package why plants faults in a real cluster and on real machines and asks the program why it does not work: the first line has to
// name the true cause.
package why

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/testbed"
)

// ward is the bed with a workspace that knows what is planted in it.
type ward struct {
	*testbed.Bed
	dir     string // of the workspace
	program string
}

// asking is how long a fault may take to show, and how long until it is asked again.
const (
	asking = 3 * time.Minute
	often  = 2 * time.Second
)

func TestTheFirstLineNamesTheTrueCause(t *testing.T) {
	b := testbed.Start(t, testbed.Options{Name: "why", Clusters: testbed.Clusters(1), Machines: testbed.Machines(3)})
	w := open(t, b)
	w.plant(t)
	for _, f := range append(append([]fault{}, inCluster...), onMachines...) {
		t.Run(f.name, func(t *testing.T) { w.ask(t, f) })
	}
	t.Run("the nodes are cordoned", func(t *testing.T) { w.cordon(t) })
	t.Run("the cluster's DNS is down", func(t *testing.T) { w.silence(t) })
	t.Run("the API server does not answer", func(t *testing.T) { w.stop(t) })
}

// open makes a workspace of all that is planted, and builds the program.
func open(t *testing.T, b *testbed.Bed) ward {
	t.Helper()
	w := ward{Bed: b, dir: t.TempDir()}
	var err error
	if w.program, err = testbed.Caravan(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"caravan.yaml":               fmt.Sprintf(workspace, b.Clusters[0].Kubeconfig(), filepath.Join(b.Dir, "ssh", "id_ed25519"), filepath.Join(b.Dir, "ssh", "known_hosts")),
		"chef/environments/old.json": `{"name": "old", "json_class": "Chef::Environment", "chef_type": "environment"}`,
	}
	for _, f := range append(append([]fault{}, inCluster...), late...) {
		files["cluster/"+f.service+".yaml"] = f.manifest()
	}
	roles := map[string][]string{}
	for _, f := range onMachines {
		files["services/"+f.service+"/"+f.service+".service"] = f.unit
		files["chef/roles/"+f.service+".json"] = fmt.Sprintf(`{"name": %q, "json_class": "Chef::Role", "run_list": []}`, f.service)
		roles[f.machine()] = append(roles[f.machine()], fmt.Sprintf("%q", "role["+f.service+"]"))
	}
	for _, m := range b.Machines {
		files["chef/nodes/"+m.Name+".json"] = fmt.Sprintf(`{"name": %[1]q, "chef_environment": "old", "automatic": {"hostname": %[1]q, "ipaddress": %[2]q}, "run_list": [%[3]s]}`, m.Name, m.Address, strings.Join(roles[m.Name], ", "))
	}
	for name, text := range files {
		w.write(t, name, text)
	}
	if out, err := exec.CommandContext(t.Context(), w.program, "-w", w.dir, "scan").CombinedOutput(); err != nil {
		t.Fatalf("scan: %v\n%s", err, out)
	}
	return w
}

const workspace = `organisation: bed
sources:
  - {name: chef, dir: chef, environment: old}
  - {name: services, dir: services, environment: old}
  - {name: cluster, dir: cluster, environment: new}
environments:
  - {name: old, kind: vm}
  - {name: new, kind: kubernetes}
targets:
  - environment: new
    cluster: {context: bed, kubeconfig: %s}
  - environment: old
    machines: {key: %s, knownHosts: %s}
`

func (w ward) write(t *testing.T, name, text string) {
	t.Helper()
	full := filepath.Join(w.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// why asks the program where the bed's networks are; what it exits with is among what it says.
func (w ward) why(ctx context.Context, service, env string, more ...string) (string, int) {
	argv := w.Inside(append([]string{w.program, "-w", w.dir, "why", service, "-e", env}, more...)...)
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out) + string(exit.Stderr), exit.ExitCode()
	case err != nil:
		return err.Error(), -1
	}
	return string(out), 0
}

// ask asks until the fault shows twice in a row: what is true stays the first line.
func (w ward) ask(t *testing.T, f fault) {
	t.Helper()
	env := "new"
	if f.unit != "" {
		env = "old"
	}
	want := 8
	if f.fine {
		want = 0
	}
	ctx, cancel := context.WithTimeout(t.Context(), asking)
	defer cancel()
	tick := time.NewTicker(often)
	defer tick.Stop()
	for row := 0; ; {
		said, code := w.why(t.Context(), f.service, env, f.flags...)
		first, _, _ := strings.Cut(said, "\n")
		row++
		if !strings.Contains(first, f.want) || code != want {
			row = 0
		}
		if row == 2 {
			t.Log(said)
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the first line does not say %q (exit code %d):\n%s", f.want, code, said)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// plant puts all faults in place at once; they show while others are asked about.
func (w ward) plant(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	vm1, vm2 := w.Machines[0], w.Machines[1]
	for name, m := range map[string]*testbed.Machine{"db.bed.internal": vm1, "partner.bed.internal": vm1, "far.bed.internal": vm2} {
		if err := w.AddName(name, netip.MustParseAddr(m.Address)); err != nil {
			t.Fatal(err)
		}
	}
	kopi, err := testbed.Program(ctx, "kopi")
	if err != nil {
		t.Fatal(err)
	}
	cert, key := expired(t, "partner.bed.internal")
	push(t, w.Bed, cert)
	for path, text := range map[string]string{"/etc/nginx/partner.crt": cert, "/etc/nginx/partner.key": key, "/etc/nginx/nginx.conf": nginxConf, "/etc/haproxy/haproxy.cfg": haproxyConf} {
		if err := vm1.Write(path, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(vm1.Copy(ctx, kopi, "/usr/local/bin/kopi"), vm2.Copy(ctx, kopi, "/usr/local/bin/kopi")); err != nil {
		t.Fatal(err)
	}
	script := setUp
	for _, f := range onMachines {
		m := w.Machine(f.machine())
		if f.unit != absent {
			if err := m.Write("/etc/systemd/system/"+f.service+".service", f.unit); err != nil {
				t.Fatal(err)
			}
		}
		if f.machine() == vm1.Name {
			script += f.script
		}
	}
	if err := vm1.Do(ctx, script); err != nil {
		t.Fatal(err)
	}
	around, all := "", ""
	for _, f := range inCluster {
		around += f.around()
		all += f.manifest()
	}
	w.apply(t, around)
	if err := w.Clusters[0].AwaitQuota(ctx, "f-c-quota"); err != nil {
		t.Fatal(err)
	}
	w.apply(t, all)
	lost, cut := w.Disturb(ctx, vm2.Name, testbed.Link{Loss: 0.9999}), w.Disturb(ctx, w.Machines[2].Name, testbed.Link{Cut: true})
	if err := errors.Join(lost, cut); err != nil {
		t.Fatal(err)
	}
}

// apply applies manifests.
func (w ward) apply(t *testing.T, text string) {
	t.Helper()
	w.write(t, "applied.yaml.txt", text)
	if out, err := w.Clusters[0].Kubectl(t.Context(), "apply", "-f", filepath.Join(w.dir, "applied.yaml.txt")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// kubectl runs kubectl, and after the test what undoes it.
func (w ward) kubectl(t *testing.T, args ...string) {
	t.Helper()
	if out, err := w.Clusters[0].Kubectl(t.Context(), args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func (w ward) cordon(t *testing.T) {
	w.kubectl(t, "cordon", w.Clusters[0].Name)
	w.apply(t, late[0].manifest())
	w.ask(t, late[0])
	w.kubectl(t, "uncordon", w.Clusters[0].Name)
}

func (w ward) silence(t *testing.T) {
	w.kubectl(t, "-n", "kube-system", "scale", "deployment/coredns", "--replicas=0")
	f := inCluster[0]
	for _, v := range inCluster {
		if v.service == "c-noname" {
			f = v
		}
	}
	f.want = "the cluster's DNS is down"
	w.ask(t, f)
}

func (w ward) stop(t *testing.T) {
	if err := w.Clusters[0].StopServer(); err != nil {
		t.Fatal(err)
	}
	w.ask(t, fault{service: "c-noname", want: "the cluster of new does not answer"})
}
