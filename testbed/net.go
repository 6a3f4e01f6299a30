package testbed

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The network that joins all others. All are private, and none has a way out.
const (
	lan    = "lan" // its namespace
	bridge = "br0"
)

var (
	lanRange   = netip.MustParsePrefix("10.90.0.0/16")
	lanAddress = lanRange.Addr().Next() // where everybody finds the registry, the names and the way to other networks
	outsideAt  = lanAddress.Next()      // who stands for the world outside
)

// space is a network namespace, by its name below /run/netns.
type space string

// space is the namespace of a machine, a cluster, or the bridge.
func (b *Bed) space(of string) space { return space(b.prefix() + of) }

func (b *Bed) lan() space { return b.space(lan) }

func (s space) path() string { return filepath.Join("/run/netns", string(s)) }

// inside is a command line that runs in a namespace. Only the network changes: what `ip netns exec` mounts anew hides the
// control groups.
func (s space) inside(argv ...string) []string {
	return append([]string{"nsenter", "--net=" + s.path(), "--"}, argv...)
}

// all runs commands in a namespace, in order.
func (s space) all(ctx context.Context, commands ...[]string) error {
	for _, argv := range commands {
		if err := run(ctx, s.inside(argv...)...); err != nil {
			return err
		}
	}
	return nil
}

// makeLAN makes the bridge that joins everything: it has the first address of every network, and passes on from one to the other.
func (b *Bed) makeLAN(ctx context.Context) error {
	if err := run(ctx, "ip", "netns", "add", string(b.lan())); err != nil {
		return err
	}
	commands := [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", bridge, "type", "bridge"},
		{"ip", "address", "add", outsideAt.String() + "/32", "dev", bridge},
		{"ip", "link", "set", bridge, "up"},
		{"sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf." + bridge + ".send_redirects=0"},
	}
	for _, network := range b.networks() {
		commands = append(commands, []string{"ip", "address", "add", fmt.Sprintf("%s/%d", first(network), network.Bits()), "dev", bridge})
	}
	return b.lan().all(ctx, commands...)
}

// networks are those that machines and nodes are in, and the bed's own.
func (b *Bed) networks() []netip.Prefix {
	out := []netip.Prefix{lanRange}
	add := func(p netip.Prefix) {
		if n := p.Masked(); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for _, c := range b.Clusters {
		add(c.at.Node)
	}
	for _, m := range b.Machines {
		add(m.at.Address)
	}
	return out
}

// port is the end of a member's link that is on the bridge. The kernel has no room for the member's name in that of a device.
func (b *Bed) port(member string) string {
	return fmt.Sprintf("to%d", slices.Index(b.members(), member))
}

// members are all that have a link to the bridge.
func (b *Bed) members() []string {
	var out []string
	for _, c := range b.Clusters {
		for _, n := range c.Nodes {
			out = append(out, n.Name)
		}
	}
	for _, m := range b.Machines {
		out = append(out, m.Name)
	}
	return out
}

// join makes the namespace of a member, with an address on the bridge. Its default route ends there.
func (b *Bed) join(ctx context.Context, member, device string, address netip.Prefix) error {
	s := b.space(member)
	if err := run(ctx, "ip", "netns", "add", string(s)); err != nil {
		return err
	}
	if err := b.lan().all(ctx,
		[]string{"ip", "link", "add", b.port(member), "type", "veth", "peer", "name", device, "netns", string(s)},
		[]string{"ip", "link", "set", b.port(member), "master", bridge, "up"},
	); err != nil {
		return err
	}
	return s.all(ctx,
		[]string{"ip", "link", "set", "lo", "up"},
		[]string{"ip", "address", "add", address.String(), "dev", device},
		[]string{"ip", "link", "set", device, "up"},
		[]string{"ip", "route", "add", "default", "via", first(address).String()},
		[]string{"sysctl", "-qw", "net.ipv4.ip_forward=1"},
	)
}

// spaces lists the bed's namespaces.
func (b *Bed) spaces() []string {
	found, _ := filepath.Glob("/run/netns/" + b.prefix() + "*")
	return found
}

// removeSpaces takes the bed's namespaces away, and with them all links in them. Those of its pods are mounts in its folder.
func (b *Bed) removeSpaces(ctx context.Context) error {
	for _, path := range b.spaces() {
		if err := run(ctx, "ip", "netns", "delete", filepath.Base(path)); err != nil {
			return err
		}
	}
	return nil
}

// dial connects from within a namespace. The connection stays there, whoever uses it.
func (s space) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = s.enter(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// enter does something within a network.
func (s space) enter(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and with it the namespace it entered
		f, err := os.Open(s.path())
		if err != nil {
			done <- fmt.Errorf("the bed has no network %s: %w; raise it with make testbed-up", s, err)
			return
		}
		defer func() { _ = f.Close() }()
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the network %s: %w", s, err)
			return
		}
		done <- do()
	}()
	return <-done
}

// listens reports whether somebody accepts connections in a namespace.
func (s space) listens(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := s.dial(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// Dial connects to an address of the bed, where machines and clusters are.
func (b *Bed) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return b.lan().dial(ctx, network, address)
}

// Listen listens at an address within the bed, loopback addresses too, as net.Listen does outside of it.
func (b *Bed) Listen(ctx context.Context, network, address string) (l net.Listener, err error) {
	err = b.lan().enter(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		return err
	})
	return l, err
}

// Inside is a command line that runs where the bed's machines and clusters are reached from.
func (b *Bed) Inside(argv ...string) []string { return b.lan().inside(argv...) }

// Run runs a program of this computer where the bed's machines and clusters are reached from, and gives what it says.
func (b *Bed) Run(ctx context.Context, argv ...string) (string, error) {
	return output(ctx, b.Inside(argv...)...)
}

func joinPort(a netip.Addr, port string) string { return net.JoinHostPort(a.String(), port) }

// hostLines are the names of machines and nodes, as /etc/hosts has them.
func (b *Bed) hostLines() string {
	var out strings.Builder
	fmt.Fprintln(&out, lanAddress, registryName)
	for _, c := range b.Clusters {
		for _, n := range c.Nodes {
			fmt.Fprintln(&out, n.Address, n.Name)
		}
	}
	for _, m := range b.Machines {
		fmt.Fprintln(&out, m.at.Address.Addr(), m.Name)
	}
	return out.String()
}
