package draw

import (
	"cmp"
	"slices"
)

// box is a rectangle to be placed; x and y are its centre.
type box struct {
	w, h, x, y float64
}

// link is a connection to be routed; points run from the consumer's side to the provider's.
type link struct {
	from, to int
	back     bool // points from a later layer to an earlier one: part of a circle
	points   []point
}

type point struct{ x, y float64 }

// vertex is a box, or a bend that a long link needs in a layer it passes through.
type vertex struct {
	box   int // -1 for a bend
	layer int
	h, y  float64
	in    []int // vertices of the layer before
	out   []int // vertices of the layer after
}

// forwards says for each link whether it may point right; turning the others round leaves no circle. It is the
// greedy order of Eades, Lin and Smyth (1993): sinks last, sources first, then whoever gives most and takes least.
func forwards(n int, links []link) []bool {
	rank := greedyOrder(n, links)
	out := make([]bool, len(links))
	for i, l := range links {
		out[i] = rank[l.from] < rank[l.to]
	}
	return out
}

func greedyOrder(n int, links []link) []int {
	in, out := make([][]int, n), make([][]int, n)
	ins, outs := make([]int, n), make([]int, n)
	for _, l := range links {
		out[l.from], in[l.to] = append(out[l.from], l.to), append(in[l.to], l.from)
		outs[l.from]++
		ins[l.to]++
	}
	rank, left := make([]int, n), n
	placed := make([]bool, n)
	first, last := 0, n-1
	place := func(v int, where int) {
		rank[v], placed[v] = where, true
		left--
		for _, w := range out[v] {
			ins[w]--
		}
		for _, w := range in[v] {
			outs[w]--
		}
	}
	for left > 0 {
		best, sink := -1, false
		for v := range n {
			if placed[v] {
				continue
			}
			if outs[v] == 0 {
				best, sink = v, true
				break
			}
			if best < 0 || outs[v]-ins[v] > outs[best]-ins[best] {
				best = v
			}
		}
		if sink {
			place(best, last)
			last--
			continue
		}
		place(best, first)
		first++
	}
	return rank
}

// assignLayers gives each box its layer: as early as its consumers allow, then moved to where its links are shortest.
func assignLayers(n int, links []link, forward []bool) []int {
	preds, succs := make([][]int, n), make([][]int, n)
	for i, l := range links {
		from, to := l.from, l.to
		if !forward[i] {
			from, to = to, from
		}
		succs[from], preds[to] = append(succs[from], to), append(preds[to], from)
	}
	layer := longestPath(n, preds, succs)
	for range 8 {
		for v := n - 1; v >= 0; v-- {
			tighten(v, layer, preds, succs)
		}
	}
	return compact(layer)
}

func longestPath(n int, preds, succs [][]int) []int {
	layer, waits := make([]int, n), make([]int, n)
	var ready []int
	for v := range n {
		waits[v] = len(preds[v])
		if waits[v] == 0 {
			ready = append(ready, v)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		for _, w := range succs[v] {
			layer[w] = max(layer[w], layer[v]+1)
			if waits[w]--; waits[w] == 0 {
				ready = append(ready, w)
			}
		}
	}
	return layer
}

// tighten moves v towards the side that pulls harder, as far as its neighbours leave room.
func tighten(v int, layer []int, preds, succs [][]int) {
	low, high := 0, 1<<30
	for _, p := range preds[v] {
		low = max(low, layer[p]+1)
	}
	for _, s := range succs[v] {
		high = min(high, layer[s]-1)
	}
	switch {
	case len(succs[v]) > len(preds[v]) && high >= low:
		layer[v] = high
	case len(preds[v]) > len(succs[v]):
		layer[v] = low
	}
}

// compact removes layers nobody is in.
func compact(layer []int) []int {
	used := slices.Compact(slices.Sorted(slices.Values(layer)))
	for i, l := range layer {
		layer[i], _ = slices.BinarySearch(used, l)
	}
	return layer
}

// order sorts each layer so that few lines cross: sweeps that put every vertex at the mean of its neighbours, of
// which the best is kept.
func order(vertices []vertex, layers [][]int) {
	position := make([]int, len(vertices))
	renumber := func(layer []int) {
		for i, v := range layer {
			position[v] = i
		}
	}
	for _, layer := range layers {
		renumber(layer)
	}
	best, fewest := cloned(layers), crossings(vertices, layers, position)
	for sweep := range 24 {
		down := sweep%2 == 0
		for i := range layers {
			at := i
			if !down {
				at = len(layers) - 1 - i
			}
			byMean(layers[at], vertices, position, down)
			renumber(layers[at])
		}
		if c := crossings(vertices, layers, position); c < fewest {
			best, fewest = cloned(layers), c
		}
	}
	for i := range layers {
		copy(layers[i], best[i])
	}
}

func byMean(layer []int, vertices []vertex, position []int, down bool) {
	mean := map[int]float64{}
	for _, v := range layer {
		near := vertices[v].in
		if !down {
			near = vertices[v].out
		}
		mean[v] = float64(position[v])
		if len(near) > 0 {
			sum := 0
			for _, w := range near {
				sum += position[w]
			}
			mean[v] = float64(sum) / float64(len(near))
		}
	}
	slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
}

// crossings counts pairs of lines that cross between neighbouring layers, with a Fenwick tree for each pair of layers.
func crossings(vertices []vertex, layers [][]int, position []int) int {
	total := 0
	for i := 0; i+1 < len(layers); i++ {
		tree := make([]int, len(layers[i+1])+1)
		seen := 0
		for _, v := range layers[i] {
			ends := make([]int, 0, len(vertices[v].out))
			for _, w := range vertices[v].out {
				ends = append(ends, position[w])
			}
			for _, e := range ends {
				below := 0
				for k := e + 1; k > 0; k -= k & -k {
					below += tree[k]
				}
				total += seen - below
			}
			for _, e := range ends {
				for k := e + 1; k < len(tree); k += k & -k {
					tree[k]++
				}
				seen++
			}
		}
	}
	return total
}

func cloned(layers [][]int) [][]int {
	out := make([][]int, len(layers))
	for i, l := range layers {
		out[i] = slices.Clone(l)
	}
	return out
}
