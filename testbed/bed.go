package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bed is a test bed. Several may stand beside each other under different names; nothing of one is seen in another.
type Bed struct {
	Name     string
	Dir      string // all its files
	Clusters []*Cluster
	Machines []*Machine
	groups   groups
	ca       *authority
}

// home is where the files of beds are, a folder for each. It is the computer's, as the beds are.
const home = "/var/lib/caravan-testbed"

func newBed(o Options) *Bed {
	b := &Bed{Name: o.name(), Dir: filepath.Join(home, o.name()), groups: groups("caravan-bed." + o.name())}
	for _, at := range o.Clusters {
		b.Clusters = append(b.Clusters, &Cluster{Name: at.Name, Address: at.Node.Addr().String(), at: at, bed: b, dir: filepath.Join(b.Dir, at.Name)})
	}
	for _, at := range o.Machines {
		b.Machines = append(b.Machines, &Machine{Name: at.Name, Address: at.Address.Addr().String(), at: at, bed: b, dir: filepath.Join(b.Dir, at.Name)})
	}
	return b
}

// prefix begins the names of the bed's network namespaces. No bed's name has a dot, so none begins like another's.
func (b *Bed) prefix() string { return string(b.groups) + "." }

func (b *Bed) file(name string) string { return filepath.Join(b.Dir, name) }

// Logs is the folder of what every program of the bed says, a file for each.
func (b *Bed) Logs() string { return b.file("logs") }

// Authority is the certificate, a file, of who signs for the world outside and for machines: all machines trust it, and images must hold it
// to do so.
func (b *Bed) Authority() string { return b.file("pki/ca.crt") }

// Cluster is the cluster of that name, nil when there is none.
func (b *Bed) Cluster(name string) *Cluster {
	if i := slices.IndexFunc(b.Clusters, func(c *Cluster) bool { return c.Name == name }); i >= 0 {
		return b.Clusters[i]
	}
	return nil
}

// Machine is the machine of that name, nil when there is none.
func (b *Bed) Machine(name string) *Machine {
	if i := slices.IndexFunc(b.Machines, func(m *Machine) bool { return m.Name == name }); i >= 0 {
		return b.Machines[i]
	}
	return nil
}

// Possible says in one line what is missing here; nil when a bed can be raised.
func Possible() error {
	if err := asRoot(); err != nil {
		return err
	}
	for _, need := range []struct{ program, from string }{
		{"go", "the Go toolchain"}, {"ip", "iproute2"}, {"nsenter", "util-linux"}, {"sysctl", "procps"}, {"containerd", "containerd"}, {"ctr", "containerd"}, {"runc", "runc"}, {"nft", "nftables"},
		{"debootstrap", "debootstrap"}, {"systemd-nspawn", "systemd-container"}, {"ssh", "openssh-client"}, {"ssh-keygen", "openssh-client"}, {"mount", "mount"},
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

func asRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("the test bed makes namespaces and control groups: run it as root")
	}
	return nil
}

// Up raises a bed, in the place of whatever is left of one of its name.
func Up(ctx context.Context, o Options, tell func(string)) (*Bed, error) {
	_, missing := programs()
	if err := errors.Join(Possible(), missing, o.validate()); err != nil {
		return nil, err
	}
	b, tell := newBed(o), teller(tell)
	free, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	if err := b.build(ctx, tell); err != nil { // before what stands is taken away
		return nil, err
	}
	if err := b.remove(ctx); err != nil {
		return nil, err
	}
	if err := b.prepare(ctx, o); err != nil {
		return nil, err
	}
	if err := errors.Join(allowWatchers(), b.makeLAN(ctx)); err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context) error{b.startNames, b.startOutside, b.startRegistry} {
		if err := start(ctx); err != nil {
			return b, err
		}
	}
	return b, b.raise(ctx, tell)
}

// raise raises clusters and machines beside each other, as many at once as there is something to compute with.
func (b *Bed) raise(ctx context.Context, tell func(string)) error {
	const atOnce = 4
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(atOnce)
	for _, c := range b.Clusters {
		all.Go(func() error {
			tell("raise cluster " + c.Name)
			return c.up(ctx)
		})
	}
	for _, m := range b.Machines {
		all.Go(func() error {
			tell("boot machine " + m.Name)
			if err := m.up(ctx); err != nil {
				return fmt.Errorf("machine %s: %w; see %s", m.Name, err, b.Logs())
			}
			return nil
		})
	}
	return all.Wait()
}

// build makes what the cache does not have.
func (b *Bed) build(ctx context.Context, tell func(string)) error {
	programs := []string{"coredns", "kopi", "registry"}
	if len(b.Clusters) > 0 {
		programs = append(programs, "pause", "etcd", "kube")
	}
	for _, program := range programs {
		tell("build " + program)
		if _, err := Program(ctx, program); err != nil {
			return err
		}
	}
	if len(b.Machines) > 0 {
		tell("build the machines' Debian")
		if _, err := base(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare writes down what the bed is made of, and makes keys for those in it.
func (b *Bed) prepare(ctx context.Context, o Options) error {
	shape, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(b.Logs(), 0o755), os.WriteFile(b.file("bed.json"), shape, 0o644)); err != nil {
		return err
	}
	b.ca, err = newAuthority(b.file("pki"))
	return errors.Join(err, b.makeKey(ctx), b.groups.weigh(o.size()))
}

// Open is the bed of that name that was raised before.
func Open(name string) (*Bed, error) {
	o := Options{Name: name}
	if err := o.validate(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(newBed(o).file("bed.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no bed called %[1]s; raise it with bed up --name %[1]s", o.name())
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.Unmarshal(data, &o), o.validate()); err != nil {
		return nil, fmt.Errorf("what the bed %s is made of cannot be read: %w; take it down and raise it again", o.name(), err)
	}
	return newBed(o), nil
}

// lock keeps others from raising or taking away the bed at the same time: a name that the kernel gives to one program, and takes
// back when that ends, however. A program that was killed may hold it for a moment more, by what it was just starting.
func (b *Bed) lock(ctx context.Context) (free func(), err error) {
	const patience = 5 * time.Second
	err = await(ctx, "the bed "+b.Name, patience, func(ctx context.Context) error {
		l, err := (&net.ListenConfig{}).Listen(ctx, "unix", "@"+string(b.groups))
		free = func() { _ = l.Close() }
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the bed %s is being raised or taken away by another program; wait for it, or give yours another name", b.Name)
	}
	return free, nil
}

// Down takes away everything of the bed of that name, whatever state it is in, and nothing else. Taking away what is not there is
// no error.
func Down(ctx context.Context, name string) error {
	o := Options{Name: name}
	if err := errors.Join(asRoot(), o.validate()); err != nil {
		return err
	}
	b := newBed(o)
	free, err := b.lock(ctx)
	if err != nil {
		return err
	}
	defer free()
	return b.remove(ctx)
}

func (b *Bed) remove(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // half a bed helps nobody
	sockets := b.shimSockets()
	for _, kind := range []string{"kubelet", "pods"} { // what starts pods goes first, then the pods
		for _, group := range b.groups.below("*/" + kind) {
			if err := b.groups.end(group); err != nil {
				return err
			}
		}
	}
	if err := b.groups.end(""); err != nil {
		return err
	}
	if err := unmountBelow(b.Dir); err != nil {
		return err
	}
	for _, socket := range sockets {
		_ = os.Remove(socket) // those of pods that ended by themselves are gone
	}
	if err := b.removeSpaces(ctx); err != nil {
		return err
	}
	return errors.Join(b.groups.remove(""), os.RemoveAll(b.Dir), restoreWatchers())
}

// shimSockets are the sockets, outside of the bed's folder, by which containerd talks to those who look after pods of the bed.
func (b *Bed) shimSockets() []string {
	var out []string
	files, _ := filepath.Glob(b.file("*/containerd-state/io.containerd.runtime.v2.task/k8s.io/*/address"))
	for _, file := range files {
		address, err := os.ReadFile(file)
		if path, ok := strings.CutPrefix(strings.TrimSpace(string(address)), "unix://"); ok && err == nil && filepath.Dir(path) == "/run/containerd/s" {
			out = append(out, path)
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
			if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
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

// Part is something of a bed that runs.
type Part struct {
	Name      string // "c1/kubelet"
	Processes int
}

// Status lists what runs of a bed; nothing when it is not there.
func (b *Bed) Status() []Part {
	var out []Part
	for _, group := range b.groups.below("*/*") {
		if n := len(b.groups.processes(group)); n > 0 {
			out = append(out, Part{Name: group, Processes: n})
		}
	}
	return out
}

// Names are the beds that are there, or of which something is left.
func Names() []string {
	var out []string
	add := func(pattern, before string) {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), before), ".")
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	add(home+"/*/", "")
	add("/run/netns/caravan-bed.*", "caravan-bed.")
	for _, h := range hierarchies() {
		add(h+"/caravan-bed.*", "caravan-bed.")
	}
	slices.Sort(out)
	return out
}

// teller lets many tell at once.
func teller(tell func(string)) func(string) {
	var one sync.Mutex
	return func(line string) {
		one.Lock()
		defer one.Unlock()
		tell(line)
	}
}
