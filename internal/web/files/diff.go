package files

import "strconv"

// Diff is what differs between two texts.
type Diff struct {
	Added, Removed int
	Hunks          []Hunk
}

// Hunk is lines that differ with a few around them that do not.
type Hunk struct{ Lines []Edit }

// Edit is a line of a difference. Old and New are its numbers in the two texts, 0 where it is not.
type Edit struct {
	Sign string // "+", "−" or " "
	Text string
	Old  int
	New  int
}

// around is how many equal lines are shown before and after a difference.
const around = 3

// mostCells bounds the table lines are matched in; texts that differ in more than that are shown as replaced whole.
const mostCells = 4_000_000

// Compare tells which lines of now are not in before and the other way round, in order (longest common subsequence).
func Compare(before, now string) Diff {
	var d Diff
	edits := edits(splitLines(before), splitLines(now))
	for _, e := range edits {
		switch e.Sign {
		case "+":
			d.Added++
		case "−":
			d.Removed++
		}
	}
	d.Hunks = hunks(edits)
	return d
}

// edits are all lines of both texts in one order. What both begin and end with is not compared further.
func edits(a, b []string) []Edit {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	w := writer{a: a, b: b}
	w.equal(head)
	w.middle(a[head:len(a)-tail], b[head:len(b)-tail])
	w.equal(tail)
	return w.out
}

// writer writes edits; i and j are how far it is in the two texts.
type writer struct {
	a, b []string
	i, j int
	out  []Edit
}

func (w *writer) equal(n int) {
	for range n {
		w.i, w.j = w.i+1, w.j+1
		w.out = append(w.out, Edit{Sign: " ", Text: w.b[w.j-1], Old: w.i, New: w.j})
	}
}

func (w *writer) remove(n int) {
	for range n {
		w.i++
		w.out = append(w.out, Edit{Sign: "−", Text: w.a[w.i-1], Old: w.i})
	}
}

func (w *writer) add(n int) {
	for range n {
		w.j++
		w.out = append(w.out, Edit{Sign: "+", Text: w.b[w.j-1], New: w.j})
	}
}

func (w *writer) middle(a, b []string) {
	if len(a)*len(b) > mostCells {
		w.remove(len(a))
		w.add(len(b))
		return
	}
	length := common(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			w.equal(1)
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			w.remove(1)
			i++
		default:
			w.add(1)
			j++
		}
	}
}

// common is, for each i and j, how many lines a from i and b from j have in common at most, in order.
func common(a, b []string) [][]int32 {
	length := make([][]int32, len(a)+1)
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	return length
}

// hunks leaves out equal lines that are far from any difference.
func hunks(all []Edit) []Hunk {
	var out []Hunk
	last := -1 // line shown last
	for i, e := range all {
		if e.Sign == " " {
			continue
		}
		from := max(i-around, last+1)
		if len(out) == 0 || from > last+1 {
			out = append(out, Hunk{})
		}
		h := &out[len(out)-1]
		to := min(i+around, len(all)-1)
		for ; to > i && !quiet(all[i+1:to+1]); to-- {
			// lines up to the next difference; what follows it is its own affair
		}
		h.Lines = append(h.Lines, all[from:to+1]...)
		last = to
	}
	return out
}

func quiet(edits []Edit) bool {
	for _, e := range edits {
		if e.Sign != " " {
			return false
		}
	}
	return true
}

// number is a line's number, nothing where it has none.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
