package address

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Want is a range somebody needs.
type Want struct {
	Holder    string
	Parent    string // holder of the Want or lease it is a part of, or "pool:NAME"; when empty, the first pool that has room
	Purpose   Purpose
	Addresses int          // it must have at least; those of its parts are reckoned by Plan
	Bits      int          // prefix length somebody asked for; 0 when the plan decides
	Place     estate.Place // where they did
	Figures   string       // what the addresses are for, in words: "24 nodes at peak with 110 pods each"
}

// Used is a range that is in use without a lease.
type Used struct {
	Network string
	Prefix  netip.Prefix
	Place   estate.Place
}

// Plan gives every want its lease, in the order of the wants: the one its holder has already, the one it had until lately and
// that is still kept from others, or a new one; those two in state Reserved. Wants come after those they are a part of. It
// depends on nothing but its input, and changes no lease that exists. New leases keep clear of what is in use beside the leases,
// as Beside tells. Invalid when somebody asked for a range that is too small, or larger than any pool; Conflict when a lease
// that exists is too small, or when there is no room.
func Plan(pools []Pool, leases []Lease, used []Used, wants []Want) ([]Lease, error) {
	p := planner{
		pools: pools, used: Beside(leases, used), byHolder: map[string]Lease{}, resting: map[string][]Lease{}, parts: map[string][]Lease{}, spaces: map[string]*Space{},
		need: map[int]map[string]int{ipv4: needs(wants, ipv4), ipv6: needs(wants, ipv6)},
	}
	for _, l := range leases {
		p.keep(l)
	}
	if err := p.holdable(wants); err != nil {
		return nil, err
	}
	out := make([]Lease, 0, len(wants))
	for _, w := range wants {
		l, err := p.lease(w)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

type planner struct {
	pools    []Pool
	used     []Used
	need     map[int]map[string]int // prefix length at most, by the bits of an address and holder
	byHolder map[string]Lease
	resting  map[string][]Lease // quarantined, by holder
	parts    map[string][]Lease
	spaces   map[string]*Space
}

func (p *planner) keep(l Lease) {
	if l.State == Quarantined {
		p.resting[l.Holder] = append(p.resting[l.Holder], l)
	} else {
		p.byHolder[l.Holder] = l
	}
	p.parts[l.Parent] = append(p.parts[l.Parent], l)
}

// holdable reports a range somebody asked for that is larger than every pool: the ranges it is a part of, which come first,
// would be refused for a reason nobody wrote.
func (p *planner) holdable(wants []Want) error {
	if len(p.pools) == 0 {
		return nil
	}
	largest := slices.MinFunc(p.pools, func(a, b Pool) int { return a.Prefix.Bits() - b.Prefix.Bits() })
	for _, w := range wants {
		if _, has := p.byHolder[w.Holder]; has || w.Bits == 0 || w.Bits >= largest.Prefix.Bits() {
			continue
		}
		need := BitsFor(w.Addresses, largest.Prefix.Addr().BitLen())
		return fault.Newf(fault.Invalid, "%s: a /%d for %s is larger than any pool, the largest being %s of %s; %s needs a /%d: ask for /%d, or leave it out",
			w.Place, w.Bits, w.Purpose, largest.Prefix, largest.Name, w.why(), need, need)
	}
	return nil
}

func (p *planner) lease(w Want) (Lease, error) {
	if l, ok := p.byHolder[w.Holder]; ok {
		return l, p.large(l, w)
	}
	if w.Parent == "" {
		return p.fromPools(w)
	}
	whole, ok := p.whole(w.Parent)
	if !ok {
		return Lease{}, fault.Newf(fault.Invalid, "%s is to be a part of %s, which has no range; name a pool, or what has one", w.Holder, w.Parent)
	}
	bits, err := p.bits(w, whole)
	if err != nil {
		return Lease{}, err
	}
	return p.from(w.Parent, whole, w, bits)
}

// whole is the range of a pool or of a holder.
func (p *planner) whole(name string) (netip.Prefix, bool) {
	for _, pool := range p.pools {
		if OfPool(pool.Name) == name {
			return pool.Prefix, true
		}
	}
	l, ok := p.byHolder[name]
	return l.Prefix, ok
}

// bits is the prefix length of a want in the family of the range it is taken from: what it needs, or what was asked for.
func (p *planner) bits(w Want, whole netip.Prefix) (int, error) {
	need := p.need[whole.Addr().BitLen()][w.Holder]
	if w.Bits > need {
		return 0, fault.Newf(fault.Invalid, "%s: a /%d for %s is too small: %s needs a /%d; ask for /%d, or leave it out", w.Place, w.Bits, w.Purpose, w.why(), need, need)
	}
	return cmp.Or(w.Bits, need), nil
}

// large reports a lease that is smaller than what is needed or asked for now.
func (p *planner) large(l Lease, w Want) error {
	bits, err := p.bits(w, l.Prefix)
	if err != nil || l.Prefix.Bits() <= bits {
		return err
	}
	why := w.why()
	if w.Bits != 0 {
		why = w.Place.String()
	}
	return fault.Newf(fault.Conflict, "%s has %s, and %s needs a /%d; give it back with caravan address release %s and plan again, or plan less",
		w.Holder, l.Prefix, why, bits, w.Holder)
}

func (w Want) why() string { return cmp.Or(w.Figures, fmt.Sprintf("%d addresses", w.Addresses)) }

// fromPools takes a range from the first pool that has room. A country takes its share of the pool when it needs less.
func (p *planner) fromPools(w Want) (Lease, error) {
	var full []string
	for _, pool := range p.pools {
		l, err := p.fromPool(pool, w)
		if fault.KindOf(err) != fault.Conflict {
			return l, err
		}
		full = append(full, err.Error())
	}
	if len(full) == 0 {
		return Lease{}, fault.Newf(fault.Conflict, "%s needs a range, and no pool is declared; add pools to caravan.yaml", w.Holder)
	}
	return Lease{}, fault.Newf(fault.Conflict, "%s needs %s: %s; add a pool to caravan.yaml, or release what is not needed", w.Holder, w.why(), strings.Join(full, "; "))
}

func (p *planner) fromPool(pool Pool, w Want) (Lease, error) {
	bits, err := p.bits(w, pool.Prefix)
	if err != nil {
		return Lease{}, err
	}
	if share := shareOf(pool); w.Purpose == ForCountry && share < bits {
		if l, err := p.from(OfPool(pool.Name), pool.Prefix, w, share); err == nil {
			return l, nil
		}
	}
	return p.from(OfPool(pool.Name), pool.Prefix, w, bits)
}

// shareOf is the prefix length of the part of a pool that each country may take.
func shareOf(pool Pool) int {
	share := pool.Prefix.Bits() + bits.Len(uint(max(pool.Countries, 1)-1))
	return min(share, pool.Prefix.Addr().BitLen())
}

// from takes a range that is a part of parent.
func (p *planner) from(parent string, whole netip.Prefix, w Want, bits int) (Lease, error) {
	if l, ok := p.back(parent, whole, w, bits); ok {
		return l, nil
	}
	if bits < whole.Bits() {
		return Lease{}, fault.Newf(fault.Conflict, "%s of %s is smaller than the /%d that %s needs", whole, parent, bits, w.Holder)
	}
	s, err := p.space(parent, whole)
	if err != nil {
		return Lease{}, err
	}
	prefix, err := s.Allocate(bits)
	if err != nil {
		return Lease{}, fault.Newf(fault.Conflict, "%s: %w%s", parent, err, p.covered(whole))
	}
	l := Lease{Holder: w.Holder, Parent: parent, Prefix: prefix, Purpose: w.Purpose, State: Reserved}
	p.byHolder[w.Holder] = l
	return l, nil
}

// covered says what is in use, when all of a range is.
func (p *planner) covered(whole netip.Prefix) string {
	for _, u := range slices.SortedFunc(slices.Values(p.used), compareUsed) {
		if u.Prefix.Bits() <= whole.Bits() && u.Prefix.Overlaps(whole) {
			return fmt.Sprintf(", all of it is in use: %s", describe(Holding{Prefix: u.Prefix, Holder: u.Network, Place: u.Place}))
		}
	}
	return ""
}

// back is the lease that a holder released last, when it is as large as it would be given now.
func (p *planner) back(parent string, whole netip.Prefix, w Want, bits int) (out Lease, found bool) {
	for _, l := range p.resting[w.Holder] {
		if l.Parent != parent || l.Prefix.Bits() != bits || !whole.Contains(l.Prefix.Addr()) {
			continue
		}
		if !found || cmp.Or(l.Since.Compare(out.Since), out.Prefix.Addr().Compare(l.Prefix.Addr())) > 0 {
			out, found = l, true
		}
	}
	if found {
		out.State, out.Since, out.Until = Reserved, time.Time{}, time.Time{}
		p.byHolder[w.Holder] = out
	}
	return out, found
}

// space is the free part of a range, with everything taken that has a lease or is in use without one.
func (p *planner) space(parent string, whole netip.Prefix) (*Space, error) {
	if s := p.spaces[parent]; s != nil {
		return s, nil
	}
	s := NewSpace(whole)
	for _, part := range Kept(p.byHolder[parent].Purpose, whole) {
		Take(s, part)
	}
	for _, l := range p.parts[parent] {
		if l.State == Quarantined && !whole.Contains(l.Prefix.Addr()) {
			continue // it was a part of what the parent had before
		}
		if err := s.Reserve(l.Prefix); err != nil {
			return nil, fault.Newf(fault.Conflict, "the lease %s of %s is wrong: %w; caravan address check lists what clashes", l.Prefix, l.Holder, err)
		}
	}
	for _, u := range p.used {
		if u.Prefix.Overlaps(whole) {
			Take(s, u.Prefix)
		}
	}
	p.spaces[parent] = s
	return s, nil
}
