package addresses

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Picture is a range drawn to scale: halving the range halves the picture, along its longer side.
type Picture struct {
	Width, Height float64
	Blocks        []Block // outer ones before those inside them
}

// Block is a rectangle of a picture: a part, or a block that is free when Free is set.
type Block struct {
	Part
	Free       bool
	Leads      netip.Prefix // what is zoomed into: a part, or for what is free the range it is free of
	X, Y, W, H float64
	Labels     []Label
}

// Label is a line of text inside a block.
type Label struct {
	Text string
	X, Y float64
}

// Measures of pictures, in their own units; a picture is as wide as the page.
const (
	width     = 1000.0
	low       = 220.0 // height of one picture among several
	empty     = 56.0  // of one in which nothing is taken
	high      = 520.0
	gap       = 1.5  // between blocks
	smallest  = 3.0  // side of a block that is drawn
	header    = 22.0 // for the name of a part with parts
	lineSpace = 15.0
	letter    = 7.2 // width of a letter, rather more than less
	margin    = 6.0
)

// rect is a rectangle of the picture.
type rect struct{ x, y, w, h float64 }

// draw places everything that is large enough to be seen.
func draw(at netip.Prefix, parts []Part, height float64) Picture {
	p := Picture{Width: width, Height: height}
	p.fill(at, rect{w: width, h: height}, parts)
	return p
}

func (p *Picture) fill(at netip.Prefix, area rect, parts []Part) {
	for _, f := range free(at, parts) {
		if r := area.of(at, f).inset(); r.visible() {
			b := Block{Part: Part{Prefix: f}, Free: true, Leads: at, X: r.x, Y: r.y, W: r.w, H: r.h}
			b.Labels = labels(r, "free", f.String())
			p.Blocks = append(p.Blocks, b)
		}
	}
	for _, part := range parts {
		p.part(part, area.of(at, part.Prefix).inset())
	}
}

func (p *Picture) part(part Part, r rect) {
	if !r.visible() {
		return
	}
	b := Block{Part: part, Leads: part.Prefix, X: r.x, Y: r.y, W: r.w, H: r.h}
	name := lastWord(part.Holder)
	if len(part.Parts) == 0 || r.h < 2*header || r.w < 2*header {
		b.Labels = labels(r, name, part.Prefix.String())
		p.Blocks = append(p.Blocks, b)
		return
	}
	head := rect{r.x, r.y, r.w, header}
	if both := name + "  " + part.Prefix.String(); utf8.RuneCountInString(both) <= head.room() {
		name = both
	}
	b.Labels = labels(head, name)
	p.Blocks = append(p.Blocks, b)
	p.fill(part.Prefix, rect{r.x + 2, r.y + header, r.w - 4, r.h - header - 2}, part.Parts)
}

// of is where a range lies in the rectangle of a wider one.
func (r rect) of(wide, narrow netip.Prefix) rect {
	bits := narrow.Addr().AsSlice()
	for i := wide.Bits(); i < narrow.Bits(); i++ {
		second := bits[i/8]&(0x80>>(i%8)) != 0
		r = r.half(second)
	}
	return r
}

func (r rect) half(second bool) rect {
	if r.w >= r.h {
		r.w /= 2
		if second {
			r.x += r.w
		}
		return r
	}
	r.h /= 2
	if second {
		r.y += r.h
	}
	return r
}

// inset leaves a gap to the neighbours, as far as there is room.
func (r rect) inset() rect {
	x, y := min(gap, r.w/8), min(gap, r.h/8)
	return rect{r.x + x, r.y + y, r.w - 2*x, r.h - 2*y}
}

func (r rect) visible() bool { return r.w >= smallest && r.h >= smallest }

// room is how many letters fit side by side.
func (r rect) room() int { return int((r.w - 2*margin) / letter) }

// labels are as many of the lines as fit into a rectangle: the first is cut where it is too long, and what follows is left
// out. None when not even the start of the first fits.
func labels(r rect, lines ...string) []Label {
	var out []Label
	for i, line := range lines {
		y := r.y + lineSpace*float64(i+1)
		if r.room() < 4 || y+3 > r.y+r.h || i > 0 && utf8.RuneCountInString(line) > r.room() {
			return out
		}
		out = append(out, Label{Text: cut(line, r.room()), X: r.x + margin, Y: y})
	}
	return out
}

// cut shortens a text to n letters.
func cut(text string, n int) string {
	letters := []rune(text)
	if len(letters) <= n {
		return text
	}
	return strings.TrimSpace(string(letters[:n-1])) + "…"
}

// at writes a length as SVG takes it.
func at(length float64) string { return strconv.FormatFloat(length, 'f', 1, 64) }

// box is the part of SVG's coordinates that is shown.
func (p Picture) box() string { return "0 0 " + at(p.Width) + " " + at(p.Height) }

func (b Block) class() string {
	words := []string{"block"}
	if b.roomy() {
		words = append(words, "roomy")
	}
	if b.Free {
		return strings.Join(append(words, "free"), " ")
	}
	return strings.Join(append(words, purposeClass(b.Purpose), cmp.Or(strings.ReplaceAll(b.State, " ", "-"), "live")), " ")
}

// roomy tells that the first label has room on a narrow screen too, where letters are more than twice as large.
func (b Block) roomy() bool {
	const larger = 2.4
	if len(b.Labels) == 0 || b.H < larger*header && len(b.Labels) == 1 {
		return false
	}
	return b.W >= larger*(letter*float64(utf8.RuneCountInString(b.Labels[0].Text))+2*margin)
}

func (b Block) title() string {
	if b.Free {
		return "free: " + b.Prefix.String() + ", " + size(b.Prefix) + " addresses"
	}
	return b.facts()
}
