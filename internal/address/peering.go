package address

import (
	"cmp"
	"net/netip"
	"slices"

	"example.org/caravan/internal/estate"
)

// Holding is a range that a network uses, and who for.
type Holding struct {
	Network string       `json:"network"`
	Prefix  netip.Prefix `json:"prefix"`
	Holder  string       `json:"holder"`
	Place   estate.Place `json:"place,omitzero"`
}

// Joint joins two networks, both ways.
type Joint struct {
	A, B string
	Kind string // "vpn", "peering" …; in words
}

// Clash is two ranges that overlap in networks which reach each other.
type Clash struct {
	One  Holding `json:"one"`
	Two  Holding `json:"two"`
	Path []Hop   `json:"path,omitempty"` // from the network of One to that of Two; nothing when it is the same
}

// Hop is one joint on a path.
type Hop struct {
	Over string `json:"over"` // kind of the joint
	To   string `json:"to"`
}

// String is a clash in words: both holders, and the way between them.
func (c Clash) String() string {
	text := describe(c.One) + " overlaps " + describe(c.Two)
	if len(c.Path) == 0 {
		return text + " in " + c.One.Network
	}
	text += "; they reach each other: " + c.One.Network
	for _, h := range c.Path {
		text += " —" + cmp.Or(h.Over, "peering") + "→ " + h.To
	}
	return text
}

func describe(h Holding) string {
	text := h.Prefix.String() + " of " + h.Holder
	if h.Place.File != "" {
		text += " (" + h.Place.String() + ")"
	}
	return text
}

// Clashes lists the pairs of ranges that overlap although their networks reach each other, over however many joints. A
// range within another of the same holder is none. Each pair is listed once, lowest addresses first.
func Clashes(holdings []Holding, joints []Joint) []Clash {
	groups := connected(holdings, joints)
	var out []Clash
	for _, group := range groups {
		out = append(out, clashesIn(group, joints)...)
	}
	slices.SortFunc(out, func(a, b Clash) int { return cmp.Or(compareHoldings(a.One, b.One), compareHoldings(a.Two, b.Two)) })
	return out
}

// compareHoldings orders by address; of two that begin alike, the larger first, so that what holds comes before what it holds.
func compareHoldings(a, b Holding) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), a.Prefix.Bits()-b.Prefix.Bits(), cmp.Compare(a.Network, b.Network), cmp.Compare(a.Holder, b.Holder), a.Place.Compare(b.Place))
}

// connected puts holdings together whose networks reach each other.
func connected(holdings []Holding, joints []Joint) [][]Holding {
	leader := map[string]string{}
	var find func(string) string
	find = func(n string) string {
		if up, ok := leader[n]; ok && up != n {
			leader[n] = find(up)
			return leader[n]
		}
		leader[n] = n
		return n
	}
	for _, j := range joints {
		a, b := find(j.A), find(j.B)
		leader[max(a, b)] = min(a, b)
	}
	byLeader := map[string][]Holding{}
	for _, h := range holdings {
		l := find(h.Network)
		byLeader[l] = append(byLeader[l], h)
	}
	out := make([][]Holding, 0, len(byLeader))
	for _, group := range byLeader {
		slices.SortFunc(group, compareHoldings)
		out = append(out, group)
	}
	return out
}

// clashesIn walks holdings in the order of their addresses and keeps those open that the next one may lie in: prefixes
// overlap only by one lying in the other.
func clashesIn(sorted []Holding, joints []Joint) []Clash {
	var out []Clash
	var open []Holding
	for _, h := range sorted {
		for len(open) > 0 && !open[len(open)-1].Prefix.Overlaps(h.Prefix) {
			open = open[:len(open)-1]
		}
		for _, o := range open {
			if o.Network != h.Network || o.Holder != h.Holder {
				out = append(out, Clash{One: o, Two: h, Path: path(o.Network, h.Network, joints)})
			}
		}
		open = append(open, h)
	}
	return out
}

// path is the shortest way from one network to another; of several the first by name.
func path(from, to string, joints []Joint) []Hop {
	type step struct {
		at  string
		way []Hop
	}
	seen := map[string]bool{from: true}
	queue := []step{{at: from}}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if s.at == to {
			return s.way
		}
		for _, h := range hops(s.at, joints) {
			if !seen[h.To] {
				seen[h.To] = true
				queue = append(queue, step{h.To, append(slices.Clone(s.way), h)})
			}
		}
	}
	return nil
}

func hops(at string, joints []Joint) []Hop {
	var out []Hop
	for _, j := range joints {
		switch at {
		case j.A:
			out = append(out, Hop{j.Kind, j.B})
		case j.B:
			out = append(out, Hop{j.Kind, j.A})
		}
	}
	slices.SortFunc(out, func(a, b Hop) int { return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Over, b.Over)) })
	return out
}
