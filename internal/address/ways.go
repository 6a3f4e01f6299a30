package address

import (
	"cmp"
	"slices"
)

// ways knows the shortest way from each network to those it reaches. It looks them up once for each network asked about.
type ways struct {
	next map[string][]Hop              // from each network, by name
	back map[string]map[string]arrival // from where each network was reached, by where the way began
}

// arrival is the last hop of a way.
type arrival struct {
	from string
	hop  Hop
}

// Reaches reports whether one network leads to another, over whatever is joined. Every network reaches itself.
func Reaches(joints []Joint, from, to string) bool {
	return from == to || len(waysOver(joints).between(from, to)) > 0
}

func waysOver(joints []Joint) *ways {
	w := &ways{next: map[string][]Hop{}, back: map[string]map[string]arrival{}}
	for _, j := range joints {
		w.next[j.A] = append(w.next[j.A], Hop{j.Kind, j.B})
		w.next[j.B] = append(w.next[j.B], Hop{j.Kind, j.A})
	}
	for _, hops := range w.next {
		slices.SortFunc(hops, func(a, b Hop) int { return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Over, b.Over)) })
	}
	return w
}

// between is the shortest way from one network to another; of several the first by name.
func (w *ways) between(from, to string) []Hop {
	if w.back[from] == nil {
		w.back[from] = w.walk(from)
	}
	var out []Hop
	for at := to; at != from; {
		last, ok := w.back[from][at]
		if !ok {
			return nil
		}
		out = append(out, last.hop)
		at = last.from
	}
	slices.Reverse(out)
	return out
}

// walk goes outward from a network, nearest first.
func (w *ways) walk(from string) map[string]arrival {
	back := map[string]arrival{from: {}}
	queue := []string{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, h := range w.next[at] {
			if _, seen := back[h.To]; !seen {
				back[h.To] = arrival{at, h}
				queue = append(queue, h.To)
			}
		}
	}
	return back
}
