package address

import "net/netip"

// Beside lists what is in use that no lease accounts for. A range that has a lease is that lease at work, and so is a subnet
// inside a range of nodes, pods, services or machines: whoever is given a part of it lives in such a subnet. A single address
// stays in the list unless it has a lease itself: nobody else may be given it.
func Beside(leases []Lease, used []Used) []Used {
	leased, filled := map[netip.Prefix]bool{}, map[netip.Prefix]bool{}
	for _, l := range leases {
		if l.State == Quarantined {
			continue
		}
		leased[l.Prefix] = true
		switch l.Purpose {
		case ForNodes, ForPods, ForServices, ForMachines:
			filled[l.Prefix] = true
		}
	}
	var out []Used
	for _, u := range used {
		if !leased[u.Prefix] && (u.Prefix.IsSingleIP() || !inside(u.Prefix, filled)) {
			out = append(out, u)
		}
	}
	return out
}

// inside reports whether one of some ranges holds a range.
func inside(part netip.Prefix, ranges map[netip.Prefix]bool) bool {
	for length := part.Bits(); length >= 0; length-- {
		if ranges[netip.PrefixFrom(part.Addr(), length).Masked()] {
			return true
		}
	}
	return false
}
