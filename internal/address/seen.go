package address

import (
	"cmp"
	"math"
	"net/netip"
	"path"
	"slices"

	"example.org/caravan/internal/estate"
)

// Count is how many addresses a range has; as a float, for IPv6 ranges have more than an integer holds.
func Count(p netip.Prefix) float64 { return math.Ldexp(1, p.Addr().BitLen()-p.Bits()) }

// FreeCount is how many addresses of a space are free.
func (s *Space) FreeCount() float64 {
	n := 0.0
	for length, blocks := range s.count {
		n += float64(blocks) * math.Ldexp(1, s.whole.Addr().BitLen()-length)
	}
	return n
}

// shared is address space that carriers and clouds use like private ranges (RFC 6598).
func shared(a netip.Addr) bool {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}

// Seen lists what private address space a snapshot has in use, by address: the ranges of networks, and the addresses that hosts
// and services have, each as a range of one (nodes of Chef, state of Terraform, virtual addresses). A subnet is told by
// its network.
func Seen(s estate.Snapshot) []Used {
	out := seenRanges(s.Ranges)
	for _, c := range s.Components {
		network := string(c.Name)
		if len(c.Environments) > 0 {
			network = string(c.Environments[0])
		}
		for _, a := range c.Names {
			if a.Kind != estate.NameAddress && a.Kind != estate.NameVirtual {
				continue
			}
			ip, err := netip.ParseAddr(a.Value)
			if ip = ip.Unmap().WithZone(""); err == nil && (ip.IsPrivate() || shared(ip)) {
				out = append(out, Used{Network: network, Prefix: netip.PrefixFrom(ip, ip.BitLen()), Place: a.Place})
			}
		}
	}
	slices.SortFunc(out, compareUsed)
	return slices.CompactFunc(out, func(a, b Used) bool { return a.Prefix == b.Prefix && a.Network == b.Network })
}

func seenRanges(ranges []estate.Range) []Used {
	var all []Used
	for _, r := range ranges {
		network := r.Network
		if r.Environment != "" {
			network = string(r.Environment)
		}
		prefix, err := netip.ParsePrefix(r.Prefix)
		if err == nil && (prefix.Addr().IsPrivate() || shared(prefix.Addr())) {
			all = append(all, Used{Network: network, Prefix: prefix.Masked(), Place: r.Place})
		}
	}
	slices.SortFunc(all, compareUsed)
	var out []Used
	for _, u := range all { // a network comes before its subnets, and stands in the same folder
		if !slices.ContainsFunc(out, func(o Used) bool {
			return o.Prefix.Bits() < u.Prefix.Bits() && o.Prefix.Contains(u.Prefix.Addr()) && path.Dir(o.Place.File) == path.Dir(u.Place.File)
		}) {
			out = append(out, u)
		}
	}
	return out
}

func compareUsed(a, b Used) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), a.Prefix.Bits()-b.Prefix.Bits(), cmp.Compare(a.Network, b.Network), a.Place.Compare(b.Place))
}

// Import joins declared ranges with what was seen: what is inside a declared range of any network is told by that, and an
// address inside a range that was seen by that one; the others are kept by themselves.
func Import(declared, seen []Used) []Used {
	out := slices.Clone(declared)
	for _, s := range seen {
		holds := func(d Used) bool { return d.Prefix.Bits() <= s.Prefix.Bits() && d.Prefix.Contains(s.Prefix.Addr()) }
		wider := func(d Used) bool {
			return s.Prefix.IsSingleIP() && !d.Prefix.IsSingleIP() && d.Prefix.Contains(s.Prefix.Addr())
		}
		if !slices.ContainsFunc(declared, holds) && !slices.ContainsFunc(seen, wider) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, compareUsed)
	return out
}
