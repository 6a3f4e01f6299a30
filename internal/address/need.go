package address

import "slices"

// Bits of an address in each family.
const (
	ipv4 = 32
	ipv6 = 128
)

// needs is the prefix length that each holder needs at most, in a family: for itself, and for what is a part of it. Wants
// come after those they are a part of.
func needs(wants []Want, family int) map[string]int {
	out := make(map[string]int, len(wants))
	parts := map[string][]int{}
	for _, w := range slices.Backward(wants) {
		need := min(BitsFor(w.Addresses, family), together(parts[w.Holder], family))
		out[w.Holder] = need
		if w.Bits != 0 {
			need = min(need, w.Bits)
		}
		parts[w.Parent] = append(parts[w.Parent], need)
	}
	return out
}

// together is the prefix length of the smallest block into which blocks with these lengths fit: powers of two leave no gaps
// when the larger come first.
func together(lengths []int, family int) int {
	blocks := make([]int, family+1)
	for _, l := range lengths {
		blocks[max(l, 0)]++
	}
	filled, fitted := 0, 0 // blocks of the length looked at that those of this length and longer fill; how many those are
	for length := family; length > 0; length-- {
		filled, fitted = (filled+1)/2+blocks[length], fitted+blocks[length]
		if filled <= 1 && fitted == len(lengths) {
			return length
		}
	}
	return 0
}

// Size is how many addresses the range of an IPv4 want will have: what is needed or asked for, in a block of a power of two.
// What it is a part of has room for it in either family: Plan sees to that.
func (w Want) Size() int {
	bits := BitsFor(w.Addresses, ipv4)
	if w.Bits != 0 {
		bits = min(bits, w.Bits)
	}
	return 1 << (ipv4 - bits)
}
