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
// range within another of the same holder is none, nor is a single address within a wider range of its own network. Each pair
// is listed once, lowest addresses first.
func Clashes(holdings []Holding, joints []Joint) []Clash {
	ways := waysOver(joints)
	var out []Clash
	for _, group := range connected(holdings, joints) {
		out = append(out, clashesIn(group, ways)...)
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
func clashesIn(sorted []Holding, ways *ways) []Clash {
	var out []Clash
	var open []Holding
	for _, h := range sorted {
		for len(open) > 0 && !open[len(open)-1].Prefix.Overlaps(h.Prefix) {
			open = open[:len(open)-1]
		}
		for _, o := range open {
			if !belong(o, h) {
				out = append(out, Clash{One: o, Two: h, Path: ways.between(o.Network, h.Network)})
			}
		}
		open = append(open, h)
	}
	return out
}

// belong reports whether a range may lie in one that holds it.
func belong(outer, inner Holding) bool {
	return outer.Network == inner.Network && (outer.Holder == inner.Holder || inner.Prefix.IsSingleIP() && !outer.Prefix.IsSingleIP())
}
