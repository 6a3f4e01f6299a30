package address

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Want is a range somebody needs. Exactly one of Pool-wide choice and Parent applies: a Want without Parent is taken from
// the first pool that has room.
type Want struct {
	Holder    string
	Parent    string // holder of the Want or lease it is a part of
	Purpose   Purpose
	Addresses int          // it must have at least
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
// that is still kept from others, or a new one; those two in state Reserved. Wants come after those they are a part of. It depends on nothing but its input, and changes no lease that
// exists. Invalid when somebody asked for a range that is too small, Conflict when a lease that exists is, or when there
// is no room.
func Plan(pools []Pool, leases []Lease, used []Used, wants []Want) ([]Lease, error) {
	p := planner{pools: pools, used: used, byHolder: map[string]Lease{}, resting: map[string][]Lease{}, spaces: map[string]*Space{}, parts: map[string][]Lease{}}
	for _, l := range leases {
		p.keep(l)
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

func (p *planner) lease(w Want) (Lease, error) {
	if l, ok := p.byHolder[w.Holder]; ok {
		return l, large(l, w)
	}
	if w.Parent == "" {
		return p.fromPools(w)
	}
	parent, ok := p.byHolder[w.Parent]
	if !ok {
		return Lease{}, fault.Newf(fault.Invalid, "%s is to be a part of %s, which has no range", w.Holder, w.Parent)
	}
	return p.from(w.Parent, parent.Prefix, w)
}

// large reports a lease that is smaller than what is needed now.
func large(l Lease, w Want) error {
	if need := BitsFor(w.Addresses, l.Prefix.Addr().BitLen()); l.Prefix.Bits() > need {
		return fault.Newf(fault.Conflict, "%s has %s, and %s needs a /%d; give it back with caravan address release %s and plan again, or plan less",
			w.Holder, l.Prefix, w.why(), need, w.Holder)
	}
	return nil
}

// Size is how many addresses the range will have: what is needed or asked for, in a block of a power of two.
func (w Want) Size() int {
	const ipv4 = 32
	bits := BitsFor(w.Addresses, ipv4)
	if w.Bits != 0 {
		bits = min(bits, w.Bits)
	}
	return 1 << (ipv4 - bits)
}

func (w Want) why() string { return cmp.Or(w.Figures, fmt.Sprintf("%d addresses", w.Addresses)) }

// fromPools takes a range from the first pool that has room. A country takes its share of the pool when it needs less.
func (p *planner) fromPools(w Want) (Lease, error) {
	var full []string
	for _, pool := range p.pools {
		share := w
		if w.Purpose == ForCountry {
			share.Addresses = max(w.Addresses, shareOf(pool))
		}
		l, err := p.from(OfPool(pool.Name), pool.Prefix, share)
		if fault.KindOf(err) == fault.Conflict && share.Addresses > w.Addresses {
			l, err = p.from(OfPool(pool.Name), pool.Prefix, w)
		}
		if err == nil || fault.KindOf(err) != fault.Conflict {
			return l, err
		}
		full = append(full, err.Error())
	}
	if len(full) == 0 {
		return Lease{}, fault.Newf(fault.Conflict, "%s needs a range, and no pool is declared; add pools to caravan.yaml", w.Holder)
	}
	return Lease{}, fault.Newf(fault.Conflict, "%s needs %s: %s; add a pool to caravan.yaml, or release what is not needed", w.Holder, w.why(), strings.Join(full, "; "))
}

// maxShare bounds a country's share of an IPv6 pool to what an int counts.
const maxShare = 30

// shareOf is how many addresses of a pool each country may take.
func shareOf(pool Pool) int {
	host := pool.Prefix.Addr().BitLen() - pool.Prefix.Bits()
	if host > maxShare {
		return 1 << maxShare
	}
	return max(1<<host/powerOfTwo(cmp.Or(pool.Countries, 1)), 1)
}

// from takes a range that is a part of parent.
func (p *planner) from(parent string, whole netip.Prefix, w Want) (Lease, error) {
	bits, err := w.bits(whole)
	if err != nil {
		return Lease{}, err
	}
	if l, ok := p.back(parent, whole, w, bits); ok {
		return l, nil
	}
	s, err := p.space(parent, whole)
	if err != nil {
		return Lease{}, err
	}
	if bits < whole.Bits() {
		return Lease{}, fault.Newf(fault.Conflict, "%s of %s is smaller than a /%d", whole, parent, bits)
	}
	prefix, err := s.Allocate(bits)
	if err != nil {
		return Lease{}, err
	}
	l := Lease{Holder: w.Holder, Parent: parent, Prefix: prefix, Purpose: w.Purpose, State: Reserved}
	p.byHolder[w.Holder] = l
	return l, nil
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

// bits is the prefix length of a want in the family of the range it is taken from.
func (w Want) bits(whole netip.Prefix) (int, error) {
	need := BitsFor(w.Addresses, whole.Addr().BitLen())
	if w.Bits == 0 {
		return need, nil
	}
	if w.Bits > need {
		return 0, fault.Newf(fault.Invalid, "%s: a /%d for %s is too small: %s needs a /%d; ask for /%d, or leave it out", w.Place, w.Bits, w.Purpose, w.why(), need, need)
	}
	return w.Bits, nil
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
	for _, part := range inside(whole, p.used) {
		Take(s, part)
	}
	p.spaces[parent] = s
	return s, nil
}

// inside lists the used ranges that overlap a range, cut to it.
func inside(whole netip.Prefix, used []Used) []netip.Prefix {
	var out []netip.Prefix
	for _, u := range used {
		switch {
		case !u.Prefix.Overlaps(whole):
		case u.Prefix.Bits() <= whole.Bits():
			out = append(out, whole)
		default:
			out = append(out, u.Prefix)
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	return slices.Compact(out)
}

// Take takes whatever of a part is still free. Ranges in use may lie inside each other, and inside leases.
func Take(s *Space, part netip.Prefix) {
	if s.Reserve(part) == nil || part.Bits() == part.Addr().BitLen() {
		return
	}
	half := netip.PrefixFrom(part.Addr(), part.Bits()+1)
	if s.touches(half) {
		Take(s, half)
	}
	if other := Buddy(half); s.touches(other) {
		Take(s, other)
	}
}

// touches reports whether some of a part is free.
func (s *Space) touches(part netip.Prefix) bool {
	for length := part.Bits(); length >= s.whole.Bits(); length-- {
		if s.free[netip.PrefixFrom(part.Addr(), length).Masked()] {
			return true
		}
	}
	for length := part.Bits() + 1; length <= part.Addr().BitLen(); length++ {
		if s.count[length] > 0 && slices.ContainsFunc(s.least[length], func(a netip.Addr) bool { return part.Contains(a) && s.free[netip.PrefixFrom(a, length)] }) {
			return true
		}
	}
	return false
}
