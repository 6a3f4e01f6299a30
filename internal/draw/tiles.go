package draw

import (
	"cmp"
	"math"
	"slices"
)

// tiled places boxes in a grid, those that need most on the left and those most needed on the right, with straight
// links behind them. It is for groups that need each other in circles, of which layers would make one long chain.
func tiled(boxes []box, links []link, lines []line) (width, height float64) {
	across, down := 0.0, 0.0
	for _, b := range boxes {
		across, down = max(across, b.w), max(down, b.h)
	}
	across, down = across+72, down+44
	rows := max(1, int(math.Round(math.Sqrt(float64(len(boxes))*across/(1.6*down)))))
	for i, b := range byNeed(len(boxes), links, lines) {
		boxes[b].x = float64(i/rows)*across + boxes[b].w/2
		boxes[b].y = float64(i%rows)*down + boxes[b].h/2
		width, height = max(width, boxes[b].x+boxes[b].w/2), max(height, boxes[b].y+boxes[b].h/2)
	}
	for i, l := range links {
		from, to := boxes[l.from], boxes[l.to]
		links[i].back = false
		links[i].points = []point{border(from, to), border(to, from)}
	}
	return width, height
}

// byNeed orders boxes by how much more they need than they are needed.
func byNeed(n int, links []link, lines []line) []int {
	needs, all := make([]float64, n), make([]float64, n)
	for i, l := range links {
		count := float64(lines[i].count)
		needs[l.from] += count
		needs[l.to] -= count
		all[l.from] += count
		all[l.to] += count
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(needs[b]/max(1, all[b]), needs[a]/max(1, all[a])) })
	return order
}

// border is where the straight line from the middle of a box towards another leaves it.
func border(b, towards box) point {
	dx, dy := towards.x-b.x, towards.y-b.y
	scale := min(b.w/2/max(1e-9, math.Abs(dx)), b.h/2/max(1e-9, math.Abs(dy)))
	return point{b.x + dx*scale, b.y + dy*scale}
}
