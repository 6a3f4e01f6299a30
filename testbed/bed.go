package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Options say what a bed is made of.
type Options struct {
	Clusters int // none to two
	Machines int // none to twenty
}

// Bed is a test bed. There is one on a machine at a time.
type Bed struct {
	Dir      string // all its files
	Clusters []*Cluster
	Machines []*Machine
}

// home is where the bed's files are. It is the machine's, as the bed is.
const home = "/var/lib/caravan-testbed"

const (
	mostClusters = 2
	mostMachines = 20
)

func newBed(o Options) *Bed {
	b := &Bed{Dir: home}
	for n := 1; n <= o.Clusters; n++ {
		name := fmt.Sprintf("c%d", n)
		b.Clusters = append(b.Clusters, &Cluster{Name: name, Address: fmt.Sprintf("10.90.%d.1", n), bed: b, dir: filepath.Join(home, name), number: n})
	}
	for n := 1; n <= o.Machines; n++ {
		name := fmt.Sprintf("vm%d", n)
		b.Machines = append(b.Machines, &Machine{Name: name, Address: fmt.Sprintf("10.90.0.%d", 10+n), bed: b, dir: filepath.Join(home, name)})
	}
	return b
}

func (b *Bed) logs() string { return filepath.Join(b.Dir, "logs") }

// Logs is the folder of what every program of the bed says, a file for each.
func (b *Bed) Logs() string { return b.logs() }

// Possible says in one line what is missing here; nil when a bed can be raised.
func Possible() error {
	if os.Geteuid() != 0 {
		return errors.New("the test bed makes namespaces and control groups: run it as root")
	}
	for _, need := range []struct{ program, from string }{
		{"go", "the Go toolchain"}, {"ip", "iproute2"}, {"nsenter", "util-linux"}, {"sysctl", "procps"}, {"containerd", "containerd"}, {"ctr", "containerd"}, {"runc", "runc"}, {"nft", "nftables"},
		{"debootstrap", "debootstrap"}, {"systemd-nspawn", "systemd-container"}, {"ssh", "openssh-client"},
	} {
		if _, err := exec.LookPath(need.program); err != nil {
			return fmt.Errorf("the test bed needs %s: install %s (scripts/machine does)", need.program, need.from)
		}
	}
	if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
		return errors.New("the test bed needs the plugins of CNI: install containernetworking-plugins (scripts/machine does)")
	}
	if len(hierarchies()) == 0 {
		return errors.New("the test bed needs control groups at /sys/fs/cgroup")
	}
	return nil
}

// Up raises a bed, in the place of whatever is left of one before.
func Up(ctx context.Context, o Options, tell func(string)) (*Bed, error) {
	if err := Possible(); err != nil {
		return nil, err
	}
	if o.Clusters < 0 || o.Clusters > mostClusters || o.Machines < 0 || o.Machines > mostMachines {
		return nil, fmt.Errorf("%d clusters and %d machines: a bed has at most %d and %d", o.Clusters, o.Machines, mostClusters, mostMachines)
	}
	if err := Down(ctx); err != nil {
		return nil, err
	}
	b := newBed(o)
	if err := os.MkdirAll(b.logs(), 0o755); err != nil {
		return nil, err
	}
	if err := b.prepare(ctx, tell); err != nil {
		return nil, err
	}
	if err := makeLAN(ctx); err != nil {
		return nil, err
	}
	for _, m := range b.Machines {
		tell("boot machine " + m.Name)
		if err := m.up(ctx); err != nil {
			return b, fmt.Errorf("machine %s: %w; see %s", m.Name, err, b.logs())
		}
	}
	if len(b.Clusters) > 0 {
		if err := b.startRegistry(ctx); err != nil {
			return b, err
		}
	}
	for _, c := range b.Clusters {
		tell("raise cluster " + c.Name)
		if err := c.up(ctx); err != nil {
			return b, err
		}
	}
	return b, nil
}

// prepare builds what the cache does not have.
func (b *Bed) prepare(ctx context.Context, tell func(string)) error {
	if len(b.Clusters) > 0 {
		for _, program := range []string{"pause", "registry", "etcd", "coredns", "kube"} {
			tell("build " + program)
			if _, err := build(ctx, program); err != nil {
				return err
			}
		}
	}
	if len(b.Machines) > 0 {
		tell("build the machines' Debian")
		if _, err := base(ctx); err != nil {
			return err
		}
		return b.makeKey(ctx)
	}
	return nil
}

// patience is how long programs are given to end by themselves.
const patience = 3 * time.Second

// Down takes away everything of a bed, whatever state it is in, and nothing else. Taking away what is not there is no error.
func Down(ctx context.Context) error {
	pods := podSpaces()
	for _, c := range newBed(Options{Clusters: mostClusters}).Clusters { // what starts pods goes first, then the pods
		for _, group := range []string{"/kubelet", "/pods"} {
			if err := end(c.Name+group, patience); err != nil {
				return err
			}
		}
	}
	if err := end("", patience); err != nil {
		return err
	}
	if err := unmountBelow(home); err != nil {
		return err
	}
	return errors.Join(removeSpaces(ctx, pods), removeGroup(""), os.RemoveAll(home))
}

// podSpaces are the network namespaces that containerd made for pods of the bed, as its own files tell.
func podSpaces() []string {
	var out []string
	files, _ := filepath.Glob(filepath.Join(home, "*", "containerd-state", "io.containerd.runtime.v2.task", "k8s.io", "*", "config.json"))
	for _, file := range files {
		var spec struct {
			Linux struct {
				Namespaces []struct{ Type, Path string }
			}
		}
		data, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(data, &spec) != nil {
			continue
		}
		for _, n := range spec.Linux.Namespaces {
			if n.Type == "network" && strings.HasPrefix(filepath.Base(n.Path), "cni-") && !slices.Contains(out, filepath.Base(n.Path)) {
				out = append(out, filepath.Base(n.Path))
			}
		}
	}
	return out
}

// unmountBelow takes away every mount in a folder, the last made first.
func unmountBelow(dir string) error {
	for range 3 { // one may be held until another is gone
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return err
		}
		var found []string
		for line := range strings.Lines(string(mounts)) {
			if f := strings.Fields(line); len(f) > 4 && (f[4] == dir || strings.HasPrefix(f[4], dir+"/")) {
				found = append(found, strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(f[4]))
			}
		}
		if len(found) == 0 {
			return nil
		}
		for _, at := range slices.Backward(found) {
			_ = syscall.Unmount(at, syscall.MNT_DETACH)
		}
	}
	return fmt.Errorf("something stays mounted below %s; look at /proc/self/mountinfo", dir)
}

// Status lists what runs, a line each; nothing when there is no bed.
func Status() []string {
	var out []string
	for _, space := range spaces() {
		out = append(out, "network "+strings.TrimPrefix(filepath.Base(space), nsPrefix))
	}
	groups, _ := filepath.Glob(filepath.Join(counting(), rootGroup, "*", "*"))
	for _, g := range groups {
		name := strings.TrimPrefix(g, filepath.Join(counting(), rootGroup)+"/")
		if info, err := os.Stat(g); err == nil && info.IsDir() {
			out = append(out, fmt.Sprintf("%s: %d processes", name, len(processes(name))))
		}
	}
	return out
}

// output runs a program and gives what it says on its standard output.
func output(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(complaint.String()))
	}
	return string(out), nil
}
