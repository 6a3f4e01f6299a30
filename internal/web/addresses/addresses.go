// Package addresses is the page of the space of private ranges: a picture one can zoom into, in which every block is as
// large as its share, and the same facts as a table. It is given the space as a tree and works out shares, what is free
// and where things lie on the picture; it leases nothing.
package addresses

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/web/shell"
)

// Pool is a range that may be divided, with its parts.
type Pool struct {
	Name   string
	Prefix netip.Prefix
	Parts  []Part // by address; they do not overlap
}

// Part is a range that is taken, with what it is divided into.
type Part struct {
	Prefix  netip.Prefix
	Holder  string // "indonesia/production-id/pods"
	Purpose string // "country", "environment", "nodes", "pods", "services", "machines", "machine", "in use"
	State   string // "reserved", "live", "quarantined", "in use"
	Since   time.Time
	Until   time.Time // end of quarantine
	Place   string    // where it is declared, "" for a lease
	Parts   []Part
}

// The words of Part that are looked at differently.
const (
	quarantined = "quarantined"
	inUse       = "in use"
)

// View is the space as it is looked at.
type View struct {
	Findings []finding.Finding
	Ranges   []Range // every pool, or the one range that is zoomed into
	Outside  []Part  // in use, in no pool; not when zoomed
	Zoomed   bool
	Path     []Crumb // from the pool to the range that is zoomed into
}

// Crumb is a step of the way from a pool inwards.
type Crumb struct {
	Label  string
	Prefix netip.Prefix
}

// Range is what one picture shows.
type Range struct {
	Name    string
	Prefix  netip.Prefix
	Within  *Part // the narrowest part it is all of, or lies in
	Parts   []Part
	Free    []netip.Prefix // largest blocks that are free, by address
	Rows    []Row
	More    int // rows that are left out
	Picture Picture
}

// Row is a part as a line of the table.
type Row struct {
	Part
	Depth int
}

// mostRows is how many lines a table has at most; what is left out is seen by zooming in.
const mostRows = 300

// Of looks at all pools, and at what is in use outside of them.
func Of(pools []Pool, outside []Part, findings []finding.Finding) View {
	v := View{Findings: findings, Outside: outside}
	for _, p := range pools {
		height := low
		if len(p.Parts) == 0 {
			height = empty
		}
		v.Ranges = append(v.Ranges, rangeOf(p.Name, p.Prefix, nil, p.Parts, height))
	}
	return v
}

// Zoom looks at one range of one pool. ok is false when no pool has it.
func Zoom(pools []Pool, findings []finding.Finding, at netip.Prefix) (v View, ok bool) {
	for _, p := range pools {
		if p.Prefix.Bits() > at.Bits() || !p.Prefix.Contains(at.Addr()) {
			continue
		}
		v := View{Findings: findings, Zoomed: true, Path: []Crumb{{Label: p.Name, Prefix: p.Prefix}}}
		within, parts := (*Part)(nil), p.Parts
		for i := holding(parts, at); i >= 0; i = holding(parts, at) {
			within = &parts[i]
			v.Path = append(v.Path, Crumb{Label: lastWord(within.Holder), Prefix: within.Prefix})
			parts = within.Parts
		}
		if v.Path[len(v.Path)-1].Prefix != at {
			v.Path = append(v.Path, Crumb{Label: at.String(), Prefix: at})
		}
		v.Ranges = []Range{rangeOf(v.Path[len(v.Path)-1].Label, at, within, inside(parts, at), high)}
		return v, true
	}
	return View{}, false
}

// holding is the part that a range is all of or lies in, -1 when there is none.
func holding(parts []Part, at netip.Prefix) int {
	for i, p := range parts {
		if p.Prefix.Bits() <= at.Bits() && p.Prefix.Contains(at.Addr()) {
			return i
		}
	}
	return -1
}

func inside(parts []Part, at netip.Prefix) []Part {
	var out []Part
	for _, p := range parts {
		if at.Overlaps(p.Prefix) {
			out = append(out, p)
		}
	}
	return out
}

func rangeOf(name string, at netip.Prefix, within *Part, parts []Part, height float64) Range {
	r := Range{Name: name, Prefix: at, Within: within, Parts: parts, Free: free(at, parts)}
	all := rows(parts, 0)
	r.Rows = all[:min(len(all), mostRows)]
	r.More = len(all) - len(r.Rows)
	r.Picture = draw(at, parts, height)
	return r
}

// rows lists parts and what they are divided into, two levels deep.
func rows(parts []Part, depth int) []Row {
	var out []Row
	for _, p := range parts {
		out = append(out, Row{Part: p, Depth: depth})
		if depth == 0 {
			out = append(out, rows(p.Parts, 1)...)
		}
	}
	return out
}

// free are the largest blocks of a range that no part touches, by address.
func free(at netip.Prefix, parts []Part) []netip.Prefix {
	parts = inside(parts, at)
	if len(parts) == 0 {
		return []netip.Prefix{at}
	}
	if holding(parts, at) >= 0 {
		return nil
	}
	first, second := halves(at)
	return append(free(first, parts), free(second, parts)...)
}

// halves are the two prefixes a prefix is made of; it is longer than none of its parts, so it can be halved.
func halves(p netip.Prefix) (first, second netip.Prefix) {
	bits := p.Bits()
	upper := p.Addr().AsSlice()
	upper[bits/8] |= 0x80 >> (bits % 8)
	addr, _ := netip.AddrFromSlice(upper)
	return netip.PrefixFrom(p.Addr(), bits+1), netip.PrefixFrom(addr, bits+1)
}

// largestFree is the largest block that is free; the first of several.
func (r Range) largestFree() string {
	var best netip.Prefix
	for _, f := range r.Free {
		if !best.IsValid() || f.Bits() < best.Bits() {
			best = f
		}
	}
	if !best.IsValid() {
		return "none"
	}
	return best.String()
}

// share is how much of a range its parts take, from 0 to 1.
func share(at netip.Prefix, parts []Part) float64 {
	sum := 0.0
	for _, p := range parts {
		sum += math.Exp2(float64(at.Bits() - p.Prefix.Bits()))
	}
	return sum
}

// percent says a share; what is not nothing is never said to be.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.01:
		return "under 1 %"
	case share < 1 && share > 0.99:
		return "over 99 %"
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// size is how many addresses a range has.
func size(p netip.Prefix) string {
	bits := p.Addr().BitLen() - p.Bits()
	if bits > 40 {
		return fmt.Sprintf("2^%d", bits)
	}
	return shell.Number(1 << bits)
}

// leases counts parts at any depth.
func leases(parts []Part) int {
	n := 0
	for _, p := range parts {
		n += 1 + leases(p.Parts)
	}
	return n
}

// in counts parts of a state at any depth.
func in(state string, parts []Part) int {
	n := 0
	for _, p := range parts {
		if p.State == state {
			n++
		}
		n += in(state, p.Parts)
	}
	return n
}

func lastWord(holder string) string { return holder[strings.LastIndexByte(holder, '/')+1:] }

// facts says all that is known of a part in one line.
func (p Part) facts() string {
	words := []string{p.Prefix.String(), p.Holder}
	if p.State == inUse {
		words = append(words, "in use without a lease")
	} else {
		words = append(words, cmp.Or(p.Purpose, "lease"), p.State)
	}
	words = append(words, size(p.Prefix)+" addresses")
	if when := p.when(); when != "" {
		words = append(words, when)
	}
	if p.Place != "" {
		words = append(words, p.Place)
	}
	return strings.Join(words, ", ")
}

// when says since when a part is taken, or until when it stays out of use.
func (p Part) when() string {
	switch {
	case p.State == quarantined && !p.Until.IsZero():
		return "until " + p.Until.UTC().Format("2 January 2006")
	case !p.Since.IsZero():
		return "since " + p.Since.UTC().Format("2 January 2006")
	}
	return ""
}

// stateWord says a state as the table does.
func (p Part) stateWord() string {
	if p.State == inUse {
		return "in use, no lease"
	}
	return p.State
}

// purposes are what ranges are leased for, in the order of the legend.
func purposes() []string {
	return []string{"country", "environment", "nodes", "pods", "services", "machines", "machine"}
}

// purposeClass is the class a purpose is coloured by; unknown ones share one.
func purposeClass(purpose string) string {
	switch {
	case purpose == inUse:
		return "purpose-in-use"
	case slices.Contains(purposes(), purpose):
		return "purpose-" + purpose
	}
	return "purpose-other"
}

func due(f finding.Finding) string { return f.Due.UTC().Format("2 January 2006") }

// divided says how much of a part its own parts take.
func divided(p Part) string {
	if len(p.Parts) == 0 {
		return "–"
	}
	return percent(share(p.Prefix, p.Parts))
}

// sixteenths are the parts a range is looked at by when it holds too much; fewer when it has fewer addresses.
func sixteenths(p netip.Prefix) []netip.Prefix {
	out := []netip.Prefix{p}
	for range min(4, p.Addr().BitLen()-p.Bits()) {
		var finer []netip.Prefix
		for _, one := range out {
			first, second := halves(one)
			finer = append(finer, first, second)
		}
		out = finer
	}
	return out
}

func title(v View) string {
	if v.Zoomed {
		return v.Ranges[0].Prefix.String()
	}
	return "Addresses"
}
