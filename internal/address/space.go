package address

import (
	"container/heap"
	"net/netip"
	"slices"

	"example.org/caravan/internal/fault"
)

// Space is the free part of one range, in blocks of powers of two as in a buddy allocator (Knowlton, 1965): a block is
// halved until it fits and joined with its other half when both are free. Finding, taking and giving back cost at most
// one step for each bit of an address, however many parts are taken. A Space is for one goroutine.
type Space struct {
	whole netip.Prefix
	free  map[netip.Prefix]bool
	least [129]addresses // free blocks by prefix length, lowest first; may hold some that are free no more
	count [129]int       // free blocks by prefix length
}

// NewSpace is a range of which nothing is taken.
func NewSpace(whole netip.Prefix) *Space {
	s := &Space{whole: whole.Masked(), free: map[netip.Prefix]bool{}}
	s.add(s.whole)
	return s
}

// Allocate takes the part with that prefix length that breaks up least: of the smallest free block that is large enough,
// the lowest. A single address is the lowest that is free: machines are numbered from the first. Conflict when there is none.
func (s *Space) Allocate(bits int) (netip.Prefix, error) {
	if bits < s.whole.Bits() || bits > s.whole.Addr().BitLen() {
		return netip.Prefix{}, fault.Newf(fault.Invalid, "a /%d cannot be a part of %s; ask for a length from %d to %d", bits, s.whole, s.whole.Bits(), s.whole.Addr().BitLen())
	}
	if block, ok := s.fit(bits); ok {
		s.remove(block)
		s.split(block, netip.PrefixFrom(block.Addr(), bits))
		return netip.PrefixFrom(block.Addr(), bits), nil
	}
	return netip.Prefix{}, fault.Newf(fault.Conflict, "%s has no /%d free; %s", s.whole, bits, s.left())
}

// fit is the free block that a part of some length is taken from.
func (s *Space) fit(bits int) (best netip.Prefix, found bool) {
	single := bits == s.whole.Addr().BitLen()
	for length := bits; length >= s.whole.Bits(); length-- {
		block, ok := s.lowest(length)
		if ok && (!found || block.Addr().Less(best.Addr())) {
			best, found = block, true
		}
		if found && !single {
			break
		}
	}
	return best, found
}

// left says what is still free.
func (s *Space) left() string {
	if largest, ok := s.Largest(); ok {
		return "its largest free block is " + largest.String()
	}
	return "it is full"
}

// Reserve takes exactly this part. Conflict when some of it is taken, Invalid when it lies outside.
func (s *Space) Reserve(part netip.Prefix) error {
	part = part.Masked()
	if part.Bits() < s.whole.Bits() || !s.whole.Contains(part.Addr()) {
		return fault.Newf(fault.Invalid, "%s is no part of %s; name one that is", part, s.whole)
	}
	block, ok := s.around(part)
	if !ok {
		return fault.Newf(fault.Conflict, "%s is taken already, or some of it; reserve what is free", part)
	}
	s.remove(block)
	s.split(block, part)
	return nil
}

// Take takes whatever of a part is still free: ranges in use lie inside each other, across leases, and beyond a space. It
// costs a step for each free block that is smaller than the part.
func Take(s *Space, part netip.Prefix) {
	if s.Reserve(part) == nil {
		return
	}
	for length := part.Bits() + 1; length <= s.whole.Addr().BitLen(); length++ {
		for _, first := range s.least[length] {
			block := netip.PrefixFrom(first, length)
			if part.Contains(first) && s.free[block] {
				s.remove(block)
			}
		}
	}
}

// Release gives a part back that was taken, by itself or with a larger one. Invalid when it lies outside, Conflict when it is
// free already.
func (s *Space) Release(part netip.Prefix) error {
	part = part.Masked()
	if part.Bits() < s.whole.Bits() || !s.whole.Contains(part.Addr()) {
		return fault.Newf(fault.Invalid, "%s is no part of %s; name one that is", part, s.whole)
	}
	if block, ok := s.around(part); ok {
		return fault.Newf(fault.Conflict, "%s is not taken: %s is free; release what is taken", part, block)
	}
	for part != s.whole && s.free[Buddy(part)] {
		s.remove(Buddy(part))
		part = netip.PrefixFrom(part.Addr(), part.Bits()-1).Masked()
	}
	s.add(part)
	return nil
}

// around is the free block that a part lies in.
func (s *Space) around(part netip.Prefix) (netip.Prefix, bool) {
	for length := part.Bits(); length >= s.whole.Bits(); length-- {
		if block := netip.PrefixFrom(part.Addr(), length).Masked(); s.free[block] {
			return block, true
		}
	}
	return netip.Prefix{}, false
}

// Largest is the largest free block, the lowest of those.
func (s *Space) Largest() (netip.Prefix, bool) {
	for length := s.whole.Bits(); length <= s.whole.Addr().BitLen(); length++ {
		if block, ok := s.lowest(length); ok {
			return block, true
		}
	}
	return netip.Prefix{}, false
}

// split halves a block until part is left over, and frees the other halves.
func (s *Space) split(block, part netip.Prefix) {
	for length := block.Bits() + 1; length <= part.Bits(); length++ {
		s.add(Buddy(netip.PrefixFrom(part.Addr(), length).Masked()))
	}
}

func (s *Space) add(block netip.Prefix) {
	length := block.Bits()
	s.free[block] = true
	s.count[length]++
	heap.Push(&s.least[length], block.Addr())
	if stale := s.least[length].Len() - s.count[length]; stale > s.count[length]+minStale {
		s.sweep(length)
	}
}

func (s *Space) remove(block netip.Prefix) {
	delete(s.free, block)
	s.count[block.Bits()]--
}

const minStale = 64 // so that small spaces are not swept all the time

// sweep drops the entries of a length that are free no more. It costs what came in since the last time.
func (s *Space) sweep(length int) {
	h := s.least[length]
	slices.SortFunc(h, netip.Addr.Compare) // a sorted list is a heap
	h = slices.Compact(h)
	s.least[length] = slices.DeleteFunc(h, func(a netip.Addr) bool { return !s.free[netip.PrefixFrom(a, length)] })
}

// lowest is the lowest free block of a length. Entries that are free no more are dropped on the way, each once.
func (s *Space) lowest(length int) (netip.Prefix, bool) {
	h := &s.least[length]
	for h.Len() > 0 {
		block := netip.PrefixFrom((*h)[0], length)
		if s.free[block] {
			return block, true
		}
		heap.Pop(h)
	}
	return netip.Prefix{}, false
}

// Buddy is the other half of the block twice as large.
func Buddy(block netip.Prefix) netip.Prefix {
	raw := block.Addr().AsSlice()
	bit := block.Bits() - 1
	raw[bit/8] ^= 0x80 >> (bit % 8)
	a, _ := netip.AddrFromSlice(raw)
	return netip.PrefixFrom(a, block.Bits())
}

// Last is the highest address of a range.
func Last(p netip.Prefix) netip.Addr {
	raw := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// addresses is a heap of addresses, lowest first.
type addresses []netip.Addr

func (a addresses) Len() int           { return len(a) }
func (a addresses) Less(i, j int) bool { return a[i].Less(a[j]) }
func (a addresses) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *addresses) Push(v any)        { *a = append(*a, v.(netip.Addr)) }
func (a *addresses) Pop() any {
	last := len(*a) - 1
	v := (*a)[last]
	*a = (*a)[:last]
	return v
}
