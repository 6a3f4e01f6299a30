package addresses

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func parts(prefixes ...string) []Part {
	var out []Part
	for _, p := range prefixes {
		out = append(out, Part{Prefix: netip.MustParsePrefix(p), Holder: "indonesia/" + p, Purpose: "pods", State: "live"})
	}
	return out
}

func TestWhatIsFree(t *testing.T) {
	for _, tt := range []struct {
		name, at    string
		taken, want []string
	}{
		{"all of a range nobody has", "10.0.0.0/8", nil, []string{"10.0.0.0/8"}},
		{"nothing of a range that is taken", "10.0.0.0/8", []string{"10.0.0.0/8"}, nil},
		{"nothing of a part of it", "10.64.0.0/10", []string{"10.0.0.0/8"}, nil},
		{"the other half", "10.0.0.0/8", []string{"10.0.0.0/9"}, []string{"10.128.0.0/9"}},
		{"blocks around one that is taken", "10.0.0.0/24", []string{"10.0.0.64/26"}, []string{"10.0.0.0/26", "10.0.0.128/25"}},
		{"of IPv6 too", "fd00::/126", []string{"fd00::1/128"}, []string{"fd00::/128", "fd00::2/127"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range free(netip.MustParsePrefix(tt.at), parts(tt.taken...)) {
				got = append(got, p.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestPicturesAreToScale: what is drawn of a divided range lies inside it, overlaps nothing and is as large as its share.
func TestPicturesAreToScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SampledFrom([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/48")}).Draw(t, "range")
		var taken []Part
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 255), 0, 12).Draw(t, "taken") {
			p := at
			for i := range 8 {
				first, second := halves(p)
				if p = first; n&(1<<i) != 0 {
					p = second
				}
				if n%5 == i {
					break
				}
			}
			if !slices.ContainsFunc(taken, func(q Part) bool { return q.Prefix.Overlaps(p) }) {
				taken = append(taken, Part{Prefix: p, Holder: "x"})
			}
		}
		area := 0.0
		for _, p := range slices.Concat(free(at, taken), prefixes(taken)) {
			r := rect{w: width, h: high}.of(at, p)
			if want := width * high * math.Exp2(float64(at.Bits()-p.Bits())); math.Abs(r.w*r.h-want) > 1e-6 {
				t.Errorf("%s has an area of %f, want %f", p, r.w*r.h, want)
			}
			area += r.w * r.h
		}
		if math.Abs(area-width*high) > 1e-6 {
			t.Errorf("free and taken blocks cover %f of %f", area, width*high)
		}
		drawn := draw(at, taken, high)
		for i, a := range drawn.Blocks {
			if a.X < 0 || a.Y < 0 || a.X+a.W > width || a.Y+a.H > high {
				t.Errorf("%s sticks out", a.Prefix)
			}
			for _, b := range drawn.Blocks[:i] {
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s lies over %s", a.Prefix, b.Prefix)
				}
			}
		}
	})
}

func prefixes(all []Part) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range all {
		out = append(out, p.Prefix)
	}
	return out
}

func TestLabelsStayInsideTheirBlock(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    rect
		want string
	}{
		{"two lines where there is room", rect{w: 200, h: 60}, "production-id|10.0.0.0/8"},
		{"one line where there is little", rect{w: 200, h: 20}, "production-id"},
		{"cut where it is narrow", rect{w: 70, h: 20}, "product…"},
		{"none where nothing fits", rect{w: 30, h: 60}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, l := range labels(tt.r, "production-id", "10.0.0.0/8") {
				got = append(got, l.Text)
			}
			if text := strings.Join(got, "|"); text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
}

func TestZoomingFindsTheWay(t *testing.T) {
	inner := parts("10.64.0.0/16")
	inner[0].Parts = parts("10.64.0.0/18")
	pools := []Pool{{Name: "private", Prefix: netip.MustParsePrefix("10.0.0.0/8"), Parts: inner}, {Name: "six", Prefix: netip.MustParsePrefix("fd00::/8")}}
	for _, tt := range []struct{ name, at, way, rows string }{
		{"into a pool", "10.0.0.0/8", "private", "10.64.0.0/16 10.64.0.0/18"},
		{"into what is between pool and part", "10.64.0.0/10", "private > 10.64.0.0/10", "10.64.0.0/16 10.64.0.0/18"},
		{"into a part", "10.64.0.0/16", "private > 16", "10.64.0.0/18"},
		{"into what nobody divided", "10.64.0.0/20", "private > 16 > 18 > 10.64.0.0/20", ""},
		{"into another family", "fd00::/16", "six > fd00::/16", ""},
		{"outside of all pools", "11.0.0.0/8", "", ""},
		{"wider than a pool", "0.0.0.0/0", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, ok := Zoom(pools, nil, netip.MustParsePrefix(tt.at))
			var way, rows []string
			for _, c := range v.Path {
				way = append(way, c.Label)
			}
			for _, r := range v.Ranges {
				for _, row := range r.Rows {
					rows = append(rows, row.Prefix.String())
				}
			}
			if got := strings.Join(way, " > "); got != tt.way || ok != (tt.way != "") || strings.Join(rows, " ") != tt.rows {
				t.Errorf("way %q, rows %v, found %t", got, rows, ok)
			}
		})
	}
}

func TestFiguresAreSaidAsPeopleReadThem(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 0.001: "under 1 %", 0.5: "50 %", 0.9999: "over 99 %", 1: "100 %"} {
		if got := percent(share); got != want {
			t.Errorf("%v is said %q, want %q", share, got, want)
		}
	}
	for prefix, want := range map[string]string{"10.0.0.0/8": "16,777,216", "10.0.0.1/32": "1", "fd00::/48": "2^80", "fd00::/128": "1"} {
		if got := size(netip.MustParsePrefix(prefix)); got != want {
			t.Errorf("%s has %q addresses, want %q", prefix, got, want)
		}
	}
}

func TestATableOfVeryManyRangesSaysWhatItLeavesOut(t *testing.T) {
	var many []Part
	for i := range mostRows + 40 {
		many = append(many, Part{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))})
	}
	r := rangeOf("private", netip.MustParsePrefix("10.0.0.0/8"), nil, many, high)
	if len(r.Rows) != mostRows || r.More != 40 || len(sixteenths(r.Prefix)) != 16 || len(sixteenths(netip.MustParsePrefix("10.0.0.0/31"))) != 2 {
		t.Errorf("%d rows, %d more", len(r.Rows), r.More)
	}
}
