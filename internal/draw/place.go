package draw

import (
	"cmp"
	"math"
	"slices"
)

// Distances of the layout, in pixels.
const (
	rowGap    = 16.0 // between boxes of a layer
	bendSpace = 10.0 // height kept free for a line that passes through a layer
	layerGap  = 84.0
)

// arrange places the boxes in layers and routes the links between them. No two boxes overlap, and a link passes
// between the boxes of the layers it crosses. It gives the size of the whole; the top left corner is 0, 0.
func arrange(boxes []box, links []link) (width, height float64) {
	if len(boxes) == 0 {
		return 0, 0
	}
	forward := forwards(len(boxes), links)
	layerOf := assignLayers(len(boxes), links, forward)
	vertices, chains := subdivide(boxes, links, forward, layerOf)
	layers := make([][]int, slices.Max(layerOf)+1)
	for i, v := range vertices {
		layers[v.layer] = append(layers[v.layer], i)
	}
	order(vertices, layers)
	height = settle(vertices, layers)
	columns := columnsOf(boxes, layerOf, len(layers))
	for _, v := range vertices {
		if v.box >= 0 {
			boxes[v.box].x, boxes[v.box].y = columns[v.layer].x, v.y
		}
	}
	route(boxes, links, forward, chains, vertices, columns)
	end := columns[len(columns)-1]
	return end.x + end.w/2, height
}

// subdivide gives each box a vertex and each link a chain of vertices, one in every layer it passes.
func subdivide(boxes []box, links []link, forward []bool, layerOf []int) (vertices []vertex, chains [][]int) {
	for i, b := range boxes {
		vertices = append(vertices, vertex{box: i, layer: layerOf[i], h: b.h})
	}
	for i, l := range links {
		from, to := l.from, l.to
		if !forward[i] {
			from, to = to, from
		}
		chain := []int{from}
		for layer := layerOf[from] + 1; layer < layerOf[to]; layer++ {
			chain = append(chain, len(vertices))
			vertices = append(vertices, vertex{box: -1, layer: layer, h: bendSpace})
		}
		chain = append(chain, to)
		for k := 1; k < len(chain); k++ {
			a, b := chain[k-1], chain[k]
			vertices[a].out = append(vertices[a].out, b)
			vertices[b].in = append(vertices[b].in, a)
		}
		chains = append(chains, chain)
	}
	return vertices, chains
}

// settle gives every vertex its height on the page: near its neighbours, in order, none overlapping.
func settle(vertices []vertex, layers [][]int) float64 {
	for _, layer := range layers {
		y := 0.0
		for _, v := range layer {
			vertices[v].y = y + vertices[v].h/2
			y += vertices[v].h + gapBelow(vertices[v])
		}
	}
	for sweep := range 24 {
		for i := range layers {
			at := i
			if sweep%2 == 1 {
				at = len(layers) - 1 - i
			}
			settleLayer(layers[at], vertices, sweep)
		}
	}
	top, bottom := math.Inf(1), math.Inf(-1)
	for _, v := range vertices {
		top, bottom = min(top, v.y-v.h/2), max(bottom, v.y+v.h/2)
	}
	for i := range vertices {
		vertices[i].y -= top
	}
	return bottom - top
}

func gapBelow(v vertex) float64 {
	if v.box < 0 {
		return 2
	}
	return rowGap
}

// settleLayer moves each vertex of a layer as near to where its neighbours pull it as the order and the gaps allow:
// the least-squares answer, found by pooling adjacent violators.
func settleLayer(layer []int, vertices []vertex, sweep int) {
	wish, weight, offset := make([]float64, len(layer)), make([]float64, len(layer)), make([]float64, len(layer))
	at := 0.0
	for i, v := range layer {
		if i > 0 {
			before := vertices[layer[i-1]]
			at += before.h/2 + max(gapBelow(before), gapBelow(vertices[v])) + vertices[v].h/2
		}
		offset[i] = at
		y, w := pull(vertices, v, sweep)
		wish[i], weight[i] = y-at, w
	}
	for i, z := range pooled(wish, weight) {
		vertices[layer[i]].y = z + offset[i]
	}
}

// pull is where v's neighbours want it and how much: early sweeps look to one side, late ones to both. Bends of one
// line hold together hardest, so that long lines run straight.
func pull(vertices []vertex, v, sweep int) (y, weight float64) {
	self := vertices[v]
	near := slices.Concat(self.in, self.out)
	if sweep < 8 {
		near = self.in
		if sweep%2 == 1 {
			near = self.out
		}
	}
	for _, n := range near {
		w := 1.0
		switch other := vertices[n]; {
		case self.box < 0 && other.box < 0:
			w = 8
		case self.box < 0 || other.box < 0:
			w = 2
		}
		y += w * vertices[n].y
		weight += w
	}
	if weight == 0 {
		return self.y, 0.05
	}
	return y / weight, weight
}

// pooled is the non-decreasing sequence nearest to wish.
func pooled(wish, weight []float64) []float64 {
	type pool struct {
		mean, weight float64
		size         int
	}
	var pools []pool
	for i := range wish {
		pools = append(pools, pool{wish[i], weight[i], 1})
		for len(pools) > 1 && pools[len(pools)-2].mean > pools[len(pools)-1].mean {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			w := a.weight + b.weight
			pools = append(pools[:len(pools)-2], pool{(a.mean*a.weight + b.mean*b.weight) / w, w, a.size + b.size})
		}
	}
	out := make([]float64, 0, len(wish))
	for _, p := range pools {
		for range p.size {
			out = append(out, p.mean)
		}
	}
	return out
}

// column is the strip of a layer: its middle and its width.
type column struct{ x, w float64 }

func columnsOf(boxes []box, layerOf []int, layers int) []column {
	columns := make([]column, layers)
	for i, b := range boxes {
		columns[layerOf[i]].w = max(columns[layerOf[i]].w, b.w)
	}
	x := 0.0
	for i := range columns {
		columns[i].x = x + columns[i].w/2
		x += columns[i].w + layerGap
	}
	return columns
}

// route gives each link its points: out of its consumer's side, across every column on a level, into its provider.
func route(boxes []box, links []link, forward []bool, chains [][]int, vertices []vertex, columns []column) {
	leave := ports(boxes, chains, vertices, func(c []int) (end, next int) { return c[0], c[1] })
	enter := ports(boxes, chains, vertices, func(c []int) (end, next int) { return c[len(c)-1], c[len(c)-2] })
	for i, chain := range chains {
		first, last := boxes[chain[0]], boxes[chain[len(chain)-1]]
		start, end := columns[vertices[chain[0]].layer], columns[vertices[chain[len(chain)-1]].layer]
		points := []point{{first.x + first.w/2, leave[i]}, {start.x + start.w/2, leave[i]}}
		for _, v := range chain[1 : len(chain)-1] {
			c := columns[vertices[v].layer]
			points = append(points, point{c.x - c.w/2, vertices[v].y}, point{c.x + c.w/2, vertices[v].y})
		}
		points = append(points, point{end.x - end.w/2, enter[i]}, point{last.x - last.w/2, enter[i]})
		links[i].back = !forward[i]
		links[i].points = points
	}
}

// ports spreads the ends of the links over the side of each box, in the order of where they go.
func ports(boxes []box, chains [][]int, vertices []vertex, ends func([]int) (end, next int)) []float64 {
	at := make([][]int, len(boxes))
	for i, c := range chains {
		end, _ := ends(c)
		at[end] = append(at[end], i)
	}
	out := make([]float64, len(chains))
	for b, links := range at {
		slices.SortStableFunc(links, func(i, j int) int {
			_, m := ends(chains[i])
			_, n := ends(chains[j])
			return cmp.Compare(vertices[m].y, vertices[n].y)
		})
		step := min(8, (boxes[b].h-16)/max(1, float64(len(links)-1)))
		for k, i := range links {
			out[i] = boxes[b].y + (float64(k)-float64(len(links)-1)/2)*step
		}
	}
	return out
}
