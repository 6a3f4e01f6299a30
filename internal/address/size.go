package address

import (
	"cmp"
	"math"
	"math/bits"
	"net/netip"
)

// Cluster is what a cluster is planned for.
type Cluster struct {
	Nodes    int // now
	Surge    int // more at peak and while nodes are replaced
	Pods     int // most on one node; 110 when 0
	Services int // that have an address of their own
}

// Figures that Size reckons with.
const (
	usualPods       = 110 // most pods on one node: kubelet's own default
	networkReserved = 4   // addresses of each subnet that a cloud keeps for itself: network, gateway, second to last, broadcast
	growth          = 2   // a range lasts until what is planned has doubled
	leastServices   = 256 // a cluster's own services, operators and stubs come on top of the planned ones
	machineGrowth   = 2
)

// Sizes are the ranges a cluster needs, as numbers of addresses; all are powers of two.
type Sizes struct {
	Nodes    int `json:"nodes"`
	Pods     int `json:"pods"`
	Services int `json:"services"`
	Block    int `json:"block"` // addresses for the pods of one node
}

// Size reckons what a cluster needs. A node is given a block of pod addresses whose size is the next power of two at or above twice the
// most pods it may run, and a range of pods holds at most 2^(block prefix length − range prefix length) nodes: the rule of
// GKE ("Configure maximum Pods per node", cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr), which leaves
// a node addresses for pods that come while others go.
func Size(c Cluster) Sizes {
	nodes := (c.Nodes + c.Surge) * growth
	block := powerOfTwo(2 * cmp.Or(c.Pods, usualPods))
	return Sizes{
		Nodes:    powerOfTwo(nodes + networkReserved),
		Pods:     powerOfTwo(nodes) * block,
		Services: powerOfTwo(leastServices + growth*c.Services),
		Block:    block,
	}
}

// Kept are the parts of a range of machines that nobody is given: the first two and the last two addresses, which a cloud's
// subnet keeps for the network, its gateway, itself and broadcast (cloud.google.com/vpc/docs/subnets, Unusable addresses in
// IPv4 subnet ranges); in IPv6 the first, which means any of its routers (RFC 4291, section 2.6.1). Other ranges, and those
// of fewer than eight addresses, keep none.
func Kept(of Purpose, whole netip.Prefix) []netip.Prefix {
	const few = 3 // a power of two
	width := whole.Addr().BitLen()
	if of != ForMachines || width-whole.Bits() < few {
		return nil
	}
	first := whole.Masked().Addr()
	if first.Is6() {
		return []netip.Prefix{netip.PrefixFrom(first, width)}
	}
	return []netip.Prefix{netip.PrefixFrom(first, width-1), netip.PrefixFrom(Last(whole), width-1).Masked()}
}

// MachineAddresses is how many addresses n machines need.
func MachineAddresses(n int) int { return powerOfTwo(machineGrowth*n + networkReserved) }

// MaxNodes is how many nodes a range of pods holds that are given blocks of so many addresses.
func MaxNodes(pods netip.Prefix, blockAddresses int) float64 {
	return math.Floor(Count(pods) / float64(max(blockAddresses, 1)))
}

// MaxPods is the most pods a node may run whose block has so many addresses.
func MaxPods(blockAddresses int) int { return blockAddresses / 2 }

// powerOfTwo is the next power of two at or above n.
func powerOfTwo(n int) int {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(n-1))
}

// BitsFor is the prefix length, in a family of that many bits, of a range with at least so many addresses.
func BitsFor(addresses, familyBits int) int {
	return familyBits - bits.Len(uint(max(addresses, 1)-1))
}
