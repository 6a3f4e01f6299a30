package testbed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Link is how the link of a cluster or machine to the bridge behaves. The zero Link is a sound one.
type Link struct {
	Loss float64 // of packets, either way, from 0 to 1
	Cut  bool    // nothing passes, and both ends see that the line is dead
}

// Disturb makes the link of a cluster or machine, by its name, behave in another way. It stays so until it is disturbed again.
func (b *Bed) Disturb(ctx context.Context, who string, l Link) error {
	if l.Loss < 0 || l.Loss > 1 || math.IsNaN(l.Loss) {
		return fmt.Errorf("a loss of %v is no share; write one from 0 to 1", l.Loss)
	}
	if !slices.Contains(b.members(), who) {
		return fmt.Errorf("nobody of the bed is called %q", who)
	}
	port := b.port(who)
	state := "up"
	if l.Cut {
		state = "down"
	}
	return errors.Join(b.lan().all(ctx, []string{"ip", "link", "set", port, state}), b.lose(ctx, port, l.Loss))
}

// lose drops a share of the frames that pass a port of the bridge.
func (b *Bed) lose(ctx context.Context, port string, share float64) error {
	const parts = 10000
	table := "bridge loss-" + port
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

// StopServer ends the cluster's API server; pods go on.
func (c *Cluster) StopServer() error { return c.bed.groups.end(c.Name+"/kube-apiserver", patience) }
