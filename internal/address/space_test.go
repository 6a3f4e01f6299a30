package address

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
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
				if err := s.Release(p); err != nil {
					t.Error(err)
				}
			}
			if all, ok := s.Largest(); !ok || all != whole || s.FreeCount() != 256 {
				t.Errorf("after all was released the largest block is %s, and %.0f are free", all, s.FreeCount())
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
		if err := s.Release(p); err != nil {
			return err.Error()
		}
		m.set(p, false)
		if s.Release(p) == nil {
			return p.String() + " is released twice"
		}
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
		for _, err := range []error{s.Reserve(prefix(outside)), s.Release(prefix(outside))} {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", outside, err)
			}
		}
	}
}

// TestTakingReservingAndReleasingAgreeWithAPlainList never asks for the lowest block for long, so that blocks which are
// free no more pile up in the lists of free ones.
func TestTakingReservingAndReleasingAgreeWithAPlainList(t *testing.T) {
	whole := prefix("10.64.0.0/20")
	random := rand.New(rand.NewPCG(5, 6))
	s, m := NewSpace(whole), &model{whole: whole, taken: make([]bool, 4096)}
	for i := range 200_000 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 64, byte(random.IntN(16)), byte(random.IntN(256))}), 24+random.IntN(9)).Masked()
		switch {
		case m.free(p):
			if err := s.Reserve(p); err != nil {
				t.Fatal(err)
			}
			m.set(p, true)
		case m.full(p):
			if err := s.Release(p); err != nil {
				t.Fatal(err)
			}
			m.set(p, false)
		default:
			Take(s, p)
			m.set(p, true)
		}
		if i%10_000 == 0 {
			m.compare(t, s)
		}
	}
	m.compare(t, s)
	for length, entries := range s.least {
		if len(entries) > 2*len(m.taken)+minStale {
			t.Errorf("%d entries are kept for blocks of /%d, of which there are at most %d", len(entries), length, len(m.taken))
		}
	}
	Take(s, prefix("10.0.0.0/8"))
	if left, ok := s.Largest(); ok {
		t.Errorf("%s is free after all was taken", left)
	}
}

// full reports whether all of a part is taken.
func (m *model) full(p netip.Prefix) bool {
	from := m.offset(p.Addr())
	return !slices.Contains(m.taken[from:from+1<<(p.Addr().BitLen()-p.Bits())], false)
}

// compare looks at how much is free, and where the first block of each length lies.
func (m *model) compare(t *testing.T, s *Space) {
	t.Helper()
	free := 0
	for _, taken := range m.taken {
		if !taken {
			free++
		}
	}
	if s.FreeCount() != float64(free) {
		t.Fatalf("%.0f are free, not %d", s.FreeCount(), free)
	}
	for bits := m.whole.Bits(); bits <= 32; bits++ {
		p, err := s.Allocate(bits)
		if (err == nil) != m.room(bits) || err == nil && !m.free(p) {
			t.Fatalf("a /%d: %s, %v; there is room: %t", bits, p, err, m.room(bits))
		}
		if err == nil && s.Release(p) != nil {
			t.Fatalf("%s cannot be given back", p)
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
					if err := s.Release(p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
