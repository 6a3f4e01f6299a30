package testbed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Link is how the link of a cluster or machine to the bridge behaves. The zero Link is a sound one.
type Link struct {
	Delay time.Duration // each way: a round trip takes twice as long
	Loss  float64       // of packets, either way, from 0 to 1
	Cut   bool          // nothing passes, and both ends see that the line is dead
}

// longest is how slow a link can be made.
const longest = 10 * time.Second

// Disturb makes the link of a cluster or machine, by its name, behave in another way. It stays so until it is disturbed again.
func (b *Bed) Disturb(ctx context.Context, who string, l Link) error {
	switch {
	case !slices.Contains(b.members(), who):
		return fmt.Errorf("nobody of the bed is called %q", who)
	case l.Loss < 0 || l.Loss > 1 || math.IsNaN(l.Loss):
		return fmt.Errorf("a loss of %v is no share; write one from 0 to 1", l.Loss)
	case l.Delay < 0 || l.Delay > longest:
		return fmt.Errorf("a delay of %v cannot be; write one from 0 to %v", l.Delay, longest)
	}
	port, far := b.port(who), b.far(who)
	if err := b.unwire(ctx, who); err != nil {
		return err
	}
	onBridge := port
	if l.Delay > 0 {
		onBridge = far
		if err := b.wire(ctx, who, l.Delay); err != nil {
			return err
		}
	}
	state := "up"
	if l.Cut {
		state = "down"
	}
	return errors.Join(b.lan().all(ctx, []string{"ip", "link", "set", port, state}), b.lose(ctx, who, onBridge, l.Loss))
}

// far is the end of a slow wire that is on the bridge; its other end is near the member's port.
func (b *Bed) far(who string) string  { return "far" + strings.TrimPrefix(b.port(who), "to") }
func (b *Bed) near(who string) string { return "near" + strings.TrimPrefix(b.port(who), "to") }

// wire puts a slow wire between a member's port and the bridge.
func (b *Bed) wire(ctx context.Context, who string, delay time.Duration) error {
	program, err := Program(ctx, "wire")
	if err != nil {
		return err
	}
	port, far, near := b.port(who), b.far(who), b.near(who)
	if err := b.lan().all(ctx,
		[]string{"ip", "link", "add", far, "type", "veth", "peer", "name", near},
		// Nobody answers at these ends but the wire.
		[]string{"sysctl", "-qw", "net.ipv4.conf." + port + ".arp_ignore=1", "net.ipv4.conf." + near + ".arp_ignore=1", "net.ipv6.conf." + port + ".disable_ipv6=1", "net.ipv6.conf." + near + ".disable_ipv6=1"},
		[]string{"ip", "link", "set", near, "up"},
		[]string{"ip", "link", "set", far, "master", bridge, "up"},
		[]string{"ip", "link", "set", port, "nomaster"},
	); err != nil {
		return err
	}
	return b.start(process{name: who + "-wire", group: who + "/wire", space: b.lan(), argv: []string{program, port, near, delay.String()}})
}

// unwire takes a slow wire away, if there is one.
func (b *Bed) unwire(ctx context.Context, who string) error {
	if err := b.groups.end(who + "/wire"); err != nil {
		return err
	}
	if b.lan().all(ctx, []string{"ip", "link", "show", b.far(who)}) != nil {
		return nil //nolint:nilerr // there is none
	}
	return b.lan().all(ctx, []string{"ip", "link", "delete", b.far(who)}, []string{"ip", "link", "set", b.port(who), "master", bridge})
}

// lose drops a share of the frames of a member that pass a port of the bridge.
func (b *Bed) lose(ctx context.Context, who, port string, share float64) error {
	const parts = 10000
	table := "bridge loss-" + b.port(who)
	rules := fmt.Sprintf("table %[1]s {}\ndelete table %[1]s\n", table)
	if share > 0 {
		rules += fmt.Sprintf(`table %[1]s {
  chain pass {
    type filter hook forward priority 0;
    iifname %[2]q numgen random mod %[3]d < %[4]d drop
    oifname %[2]q numgen random mod %[3]d < %[4]d drop
  }
}
`, table, port, parts, int(share*parts))
	}
	return feed(ctx, rules, b.lan().inside("nft", "-f", "-")...)
}

// StopServer ends the cluster's first API server; pods go on.
func (c *Cluster) StopServer() error { return c.bed.groups.end(c.Name + "/kube-apiserver") }

// Starve takes its store away from the second API server: it goes on listening, and is not ready. The load balancer before both looks
// at ports alone, and sends it requests as before.
func (c *Cluster) Starve() error { return c.bed.groups.end(c.Name + "/relay") }

// Feed gives its store back to the second API server, and waits until it is ready.
func (c *Cluster) Feed(ctx context.Context) error {
	if err := c.startRelay(ctx); err != nil {
		return err
	}
	return await(ctx, "the second API server", 2*time.Minute, func(ctx context.Context) error { return c.ask(ctx, c.on(secondPort), "/readyz") })
}
