package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// The networks of the bed. All are private, and none has a way out.
const (
	nsPrefix  = "caravan-bed-"
	lan       = "lan" // the namespace of the bridge that joins machines and clusters
	lanRange  = "10.90.0.0/16"
	lanBridge = "10.90.0.1"
	bridge    = "br0"
)

// run runs a program and tells what it said when it fails.
func run(ctx context.Context, argv ...string) error {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// feed runs a program with a text on its standard input.
func feed(ctx context.Context, text string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// inside is a command line that runs in a namespace. Only the network changes: what `ip netns exec` mounts anew hides the
// control groups.
func inside(space string, argv ...string) []string {
	return append([]string{"nsenter", "--net=" + nsPath(space), "--"}, argv...)
}

func nsPath(space string) string { return "/run/netns/" + nsPrefix + space }

// makeLAN makes the bridge that joins everything.
func makeLAN(ctx context.Context) error {
	if err := run(ctx, "ip", "netns", "add", nsPrefix+lan); err != nil {
		return err
	}
	for _, argv := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", bridge, "type", "bridge"},
		{"ip", "address", "add", lanBridge + "/16", "dev", bridge},
		{"ip", "link", "set", bridge, "up"},
		{"sysctl", "-qw", "net.ipv4.ip_forward=1"},
	} {
		if err := run(ctx, inside(lan, argv...)...); err != nil {
			return err
		}
	}
	return nil
}

// join makes a namespace with an address on the bridge. Its default route ends there.
func join(ctx context.Context, space, address string) error {
	if err := run(ctx, "ip", "netns", "add", nsPrefix+space); err != nil {
		return err
	}
	port := "to-" + space
	for _, argv := range [][]string{
		inside(lan, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", nsPrefix+space),
		inside(lan, "ip", "link", "set", port, "master", bridge, "up"),
		inside(space, "ip", "link", "set", "lo", "up"),
		inside(space, "ip", "address", "add", address+"/16", "dev", "eth0"),
		inside(space, "ip", "link", "set", "eth0", "up"),
		inside(space, "ip", "route", "add", "default", "via", lanBridge),
		inside(space, "sysctl", "-qw", "net.ipv4.ip_forward=1"),
	} {
		if err := run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}

// spaces lists the bed's namespaces.
func spaces() []string {
	found, _ := filepath.Glob("/run/netns/" + nsPrefix + "*")
	return found
}

// removeSpaces takes the bed's namespaces away and those of its pods, and with them all links in them.
func removeSpaces(ctx context.Context, pods []string) error {
	for _, path := range spaces() {
		if err := run(ctx, "ip", "netns", "delete", filepath.Base(path)); err != nil {
			return err
		}
	}
	for _, name := range pods {
		if _, err := os.Stat("/run/netns/" + name); err != nil {
			continue
		}
		if err := run(ctx, "ip", "netns", "delete", name); err != nil {
			return err
		}
	}
	return nil
}

// dial connects from within a namespace. The connection stays there, whoever uses it.
func dial(ctx context.Context, space, network, address string) (net.Conn, error) {
	type dialled struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and with it the namespace it entered
		f, err := os.Open(nsPath(space))
		if err != nil {
			done <- dialled{nil, fmt.Errorf("the bed has no network %s: %w; raise it with make testbed-up", space, err)}
			return
		}
		defer func() { _ = f.Close() }()
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- dialled{nil, fmt.Errorf("enter the network %s: %w", space, err)}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		done <- dialled{conn, err}
	}()
	got := <-done
	return got.conn, got.err
}
