package address

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"example.org/caravan/internal/fault"
)

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

// model keeps what is taken of a small range, address by address.
type model struct {
	whole netip.Prefix
	taken []bool
	parts []netip.Prefix
}

func (m *model) offset(a netip.Addr) int {
	raw, first := a.As16(), m.whole.Addr().As16()
	return (int(raw[14])-int(first[14]))<<8 + int(raw[15]) - int(first[15])
}

// set marks a part and reports whether all of it was as it should have been.
func (m *model) set(p netip.Prefix, to bool) bool {
	from := m.offset(p.Addr())
	ok := true
	for i := from; i < from+1<<(p.Addr().BitLen()-p.Bits()); i++ {
		ok = ok && m.taken[i] != to
		m.taken[i] = to
	}
	return ok
}

// free reports whether a part is free as a whole.
func (m *model) free(p netip.Prefix) bool {
	from := m.offset(p.Addr())
	for i := from; i < from+1<<(p.Addr().BitLen()-p.Bits()); i++ {
		if m.taken[i] {
			return false
		}
	}
	return true
}

// room reports whether any aligned part of a length is free.
func (m *model) room(bits int) bool {
	size := 1 << (m.whole.Addr().BitLen() - bits)
	a := m.whole.Addr()
	for range len(m.taken) / size {
		if m.free(netip.PrefixFrom(a, bits)) {
			return true
		}
		a = Last(netip.PrefixFrom(a, bits)).Next()
	}
	return false
}

// TestAMillionRandomOperationsKeepPartsApart compares a Space with a plain list of addresses: nothing overlaps, nothing is
// lost, nothing lies outside, room is refused only where there is none.
func TestAMillionRandomOperationsKeepPartsApart(t *testing.T) {
	for _, whole := range []netip.Prefix{prefix("10.64.0.0/24"), prefix("fd00:64::/120")} {
		t.Run(whole.String(), func(t *testing.T) {
			const operations = 1_000_000
			random := rand.New(rand.NewPCG(1, 2))
			s := NewSpace(whole)
			m := &model{whole: whole, taken: make([]bool, 256)}
			for range operations {
				if problem := m.step(s, random); problem != "" {
					t.Fatal(problem)
				}
			}
			for _, p := range m.parts {
				s.Release(p)
			}
			if all, ok := s.Largest(); !ok || all != whole || s.Taken() != 0 || s.FreeCount() != 256 {
				t.Errorf("after all was released the largest block is %s, %d are taken", all, s.Taken())
			}
		})
	}
}

// step does one thing to both, and says where they differ.
func (m *model) step(s *Space, random *rand.Rand) string {
	bits := m.whole.Bits() + random.IntN(9)
	switch {
	case len(m.parts) > 0 && random.IntN(2) == 0:
		i := random.IntN(len(m.parts))
		p := m.parts[i]
		m.parts[i] = m.parts[len(m.parts)-1]
		m.parts = m.parts[:len(m.parts)-1]
		s.Release(p)
		m.set(p, false)
	case random.IntN(2) == 0:
		p, err := s.Allocate(bits)
		if err != nil {
			if m.room(bits) {
				return fmt.Sprintf("a /%d is refused though there is room: %v", bits, err)
			}
			return ""
		}
		if p.Bits() != bits || !m.whole.Contains(p.Addr()) || !m.set(p, true) {
			return fmt.Sprintf("%s for a /%d overlaps or lies outside", p, bits)
		}
		m.parts = append(m.parts, p)
	default:
		a := m.whole.Addr()
		for range random.IntN(256) {
			a = a.Next()
		}
		p := netip.PrefixFrom(a, bits).Masked()
		err := s.Reserve(p)
		if (err == nil) != m.free(p) {
			return fmt.Sprintf("%s is free: %t, and reserving says %v", p, m.free(p), err)
		}
		if err == nil {
			m.set(p, true)
			m.parts = append(m.parts, p)
		}
	}
	return ""
}

func TestAllocateBreaksUpLeast(t *testing.T) {
	s := NewSpace(prefix("10.0.0.0/24"))
	for i, c := range []struct {
		bits int
		want string
	}{
		{26, "10.0.0.0/26"}, {28, "10.0.0.64/28"}, {25, "10.0.0.128/25"}, {27, "10.0.0.96/27"}, {28, "10.0.0.80/28"},
	} {
		if p, err := s.Allocate(c.bits); err != nil || p != prefix(c.want) {
			t.Errorf("%d: %s, %v; want %s", i, p, err, c.want)
		}
	}
	if _, err := s.Allocate(32); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a full range gives %v", err)
	}
}

func TestASingleAddressIsTheLowest(t *testing.T) {
	s := NewSpace(prefix("10.0.0.0/26"))
	for _, kept := range Kept(ForMachines, prefix("10.0.0.0/26")) {
		Take(s, kept)
	}
	for _, want := range []string{"10.0.0.2/32", "10.0.0.3/32", "10.0.0.4/32"} {
		if p, err := s.Allocate(32); err != nil || p != prefix(want) {
			t.Errorf("%s, %v; want %s", p, err, want)
		}
	}
}

func TestWhatIsNoPartIsRefused(t *testing.T) {
	s := NewSpace(prefix("10.0.0.0/24"))
	for _, bits := range []int{23, 33, -1} {
		if _, err := s.Allocate(bits); fault.KindOf(err) != fault.Invalid {
			t.Errorf("/%d: %v", bits, err)
		}
	}
	for _, outside := range []string{"10.0.1.0/24", "10.0.0.0/23", "fd00::/64"} {
		if err := s.Reserve(prefix(outside)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", outside, err)
		}
	}
}

// filled is a space with n single addresses taken.
func filled(b *testing.B, whole netip.Prefix, n int) *Space {
	b.Helper()
	s := NewSpace(whole)
	for range n {
		if _, err := s.Allocate(whole.Addr().BitLen()); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkAllocate takes one address and gives it back, in spaces of which few or many are taken.
func BenchmarkAllocate(b *testing.B) {
	for _, whole := range []netip.Prefix{prefix("10.0.0.0/8"), prefix("fd00:64::/64")} {
		for _, taken := range []int{1_000, 1_000_000} {
			family := "IPv4"
			if whole.Addr().Is6() {
				family = "IPv6"
			}
			b.Run(fmt.Sprintf("%s/%d", family, taken), func(b *testing.B) {
				s := filled(b, whole, taken)
				for b.Loop() {
					p, err := s.Allocate(whole.Addr().BitLen())
					if err != nil {
						b.Fatal(err)
					}
					s.Release(p)
				}
			})
		}
	}
}
