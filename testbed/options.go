package testbed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

// Options say what a bed is made of. The zero Options is an empty bed called "bed".
type Options struct {
	Name     string // sets it apart from other beds of this computer; "bed" when empty
	Clusters []ClusterAt
	Machines []MachineAt
}

// MachineAt is a machine to raise, with its place in the private networks of the bed.
type MachineAt struct {
	Name      string       // host name
	Address   netip.Prefix // with the length of its network: 10.90.0.11/16. The first address of a network is the bed's.
	Interface string       // what it calls its network device; "eth0" when empty
}

// ClusterAt is a cluster to raise. Its ranges may not overlap with others of the bed.
type ClusterAt struct {
	Name     string
	Node     netip.Prefix // address of the first node and of the API server, with the length of its network
	Nodes    int          // one when zero; the others are at the addresses after the first's, and called c1-2 and on
	Pods     netip.Prefix
	Services netip.Prefix
	Servers  int // API servers: one when zero; with two, a load balancer that looks at ports alone is before them
}

// Clusters are so many clusters, c1 and on, in ranges of the bed's own. Of more than a bed can have, one too many is given.
func Clusters(n int) []ClusterAt {
	var out []ClusterAt
	for i := range min(n, mostClusters+1) {
		at := func(second, third, last byte, bits int) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second, third, last}), bits)
		}
		number := byte(i + 1)
		out = append(out, ClusterAt{Name: fmt.Sprintf("c%d", number), Node: at(90, number, 1, lanRange.Bits()), Pods: at(90+number, 0, 0, 16), Services: at(95+number, 0, 0, 16)})
	}
	return out
}

// Machines are so many machines, vm1 and on, in a range of the bed's own. Of more than a bed can have, one too many is given.
func Machines(n int) []MachineAt {
	var out []MachineAt
	for i := range min(n, mostMachines+1) {
		out = append(out, MachineAt{Name: fmt.Sprintf("vm%d", i+1), Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 90, 0, byte(11 + i)}), lanRange.Bits())})
	}
	return out
}

// What a computer of two cores can carry.
const (
	mostClusters = 2
	mostMachines = 40
	mostNodes    = 5 // of a cluster
)

func (c ClusterAt) nodes() int { return max(c.Nodes, 1) }

// nodeName is what a node is called, the first being number 0.
func (c ClusterAt) nodeName(i int) string {
	if i == 0 {
		return c.Name
	}
	return fmt.Sprintf("%s-%d", c.Name, i+1)
}

// nodeAt is where a node is.
func (c ClusterAt) nodeAt(i int) netip.Prefix {
	a := c.Node.Addr()
	for range i {
		a = a.Next()
	}
	return netip.PrefixFrom(a, c.Node.Bits())
}

// nodePods is the range of a node's pods: the controllers give each a /24, in the order in which they come.
func (c ClusterAt) nodePods(i int) netip.Prefix {
	bits := max(c.Pods.Bits(), 24)
	a := c.Pods.Masked().Addr().As4()
	number := binary.BigEndian.Uint32(a[:]) + uint32(i)<<(32-bits)
	binary.BigEndian.PutUint32(a[:], number)
	return netip.PrefixFrom(netip.AddrFrom4(a), bits)
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// reserved are names the bed uses itself, for groups, networks, files and logs.
var reserved = []string{lan, "registry", "names", "outside", "logs", "pki", "ssh", "hosts", "zone", "shared", "company"}

// deviceForm is what the kernel lets a network device be called, as far as anybody wants to.
var deviceForm = regexp.MustCompile(`^[a-z][a-z0-9.-]{0,14}$`)

func (o Options) validate() error {
	if !nameForm.MatchString(o.name()) {
		return fmt.Errorf("%q cannot name a bed; use lower case letters, digits and dashes, at most 32", o.Name)
	}
	if len(o.Clusters) > mostClusters || len(o.Machines) > mostMachines {
		return fmt.Errorf("too many: a bed has at most %d clusters and %d machines", mostClusters, mostMachines)
	}
	var names []string
	taken := []netip.Prefix{netip.PrefixFrom(lanAddress, lanAddress.BitLen()), netip.PrefixFrom(outsideAt, outsideAt.BitLen())} // the bed's own
	take := func(name string, ranges ...netip.Prefix) error {
		if !nameForm.MatchString(name) || slices.Contains(reserved, name) {
			return fmt.Errorf("%q cannot name a machine or cluster; use lower case letters, digits and dashes, and none of %v", name, reserved)
		}
		if slices.Contains(names, name) {
			return fmt.Errorf("two are called %s", name)
		}
		names = append(names, name)
		for _, r := range ranges {
			if !r.IsValid() || !r.Addr().Is4() || !r.Addr().IsPrivate() {
				return fmt.Errorf("%s: %v is no private address of version 4 with the length of its network, as 10.90.0.11/16", name, r)
			}
			if i := slices.IndexFunc(taken, r.Overlaps); i >= 0 {
				return fmt.Errorf("%s: %v overlaps with %v, which another has", name, r, taken[i])
			}
		}
		taken = append(taken, ranges...)
		return nil
	}
	var err error
	alone := func(p netip.Prefix) netip.Prefix {
		if !p.IsValid() {
			return p
		}
		return netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
	}
	for _, c := range o.Clusters {
		if c.Servers < 0 || c.Servers > 2 {
			err = errors.Join(err, fmt.Errorf("%s: %d API servers; a cluster has one or two", c.Name, c.Servers))
		}
		err = errors.Join(err, take(c.Name, alone(c.Node), c.Pods.Masked(), c.Services.Masked()))
		if c.Nodes < 0 || c.Nodes > mostNodes {
			err = errors.Join(err, fmt.Errorf("%s: %d nodes; a cluster has at most %d", c.Name, c.Nodes, mostNodes))
			continue
		}
		for i := 1; i < c.nodes() && c.Node.IsValid(); i++ {
			err = errors.Join(err, take(c.nodeName(i), alone(c.nodeAt(i))))
		}
	}
	for _, m := range o.Machines {
		err = errors.Join(err, take(m.Name, alone(m.Address)))
		if m.Interface != "" && !deviceForm.MatchString(m.Interface) || m.Interface == "lo" {
			err = errors.Join(err, fmt.Errorf("%s: %q cannot name a network device", m.Name, m.Interface))
		}
		if m.Address.IsValid() && m.Address.Addr() == first(m.Address) {
			err = errors.Join(err, fmt.Errorf("%s: %v is the first of its network, which is the bed's", m.Name, m.Address))
		}
	}
	return err
}

func (o Options) name() string {
	if o.Name == "" {
		return "bed"
	}
	return o.Name
}

// first is the first address of a network, where the bed joins it with the others.
func first(p netip.Prefix) netip.Addr { return p.Masked().Addr().Next() }
