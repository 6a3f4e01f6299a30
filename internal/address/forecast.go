package address

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"example.org/caravan/internal/finding"
)

// Point is how much of a range was taken at one time.
type Point struct {
	At    time.Time `json:"at"`
	Taken float64   `json:"taken"` // addresses
}

// When findings are made: a range takes months to be extended where partners are involved.
const (
	warnWithin = 90 * 24 * time.Hour
	harmWithin = 30 * 24 * time.Hour
	leastSeen  = 3 // points below which there is no trend
	leastSpan  = 7 * 24 * time.Hour
	farthest   = 100 * 365 * 24 * time.Hour
)

// Exhaustion is when a range will be full if it goes on from the last point as it has grown so far. Growth is the slope of
// the line of least squares (linear regression of what is taken on time) in which a point weighs as much as the time it
// stands for, half of that to its neighbours on both sides: a busy day is no trend. Points are in the order of time. False when there are
// fewer than three, within less than a week, when there is no growth, or when it takes longer than a hundred years.
func Exhaustion(points []Point, capacity float64) (time.Time, bool) {
	if len(points) < leastSeen || points[len(points)-1].At.Sub(points[0].At) < leastSpan {
		return time.Time{}, false
	}
	last, perSecond := points[len(points)-1], growthOf(points)
	seconds := max(capacity-last.Taken, 0) / perSecond
	if perSecond <= 0 || seconds > farthest.Seconds() {
		return time.Time{}, false
	}
	return last.At.Add(time.Duration(seconds * float64(time.Second))), true
}

// growthOf is how many addresses more are taken each second.
func growthOf(points []Point) float64 {
	at := func(i int) float64 { return points[min(max(i, 0), len(points)-1)].At.Sub(points[0].At).Seconds() }
	var weights, meanX, meanY float64
	for i, p := range points {
		weight := at(i+1) - at(i-1)
		weights += weight
		meanX += weight * at(i)
		meanY += weight * p.Taken
	}
	meanX, meanY = meanX/weights, meanY/weights
	var xy, xx float64
	for i, p := range points {
		weight := at(i+1) - at(i-1)
		xy += weight * (at(i) - meanX) * (p.Taken - meanY)
		xx += weight * (at(i) - meanX) * (at(i) - meanX)
	}
	return xy / xx
}

// Judge makes a finding of a range that will be full soon: a warning within 90 days of now, critical within 30 and when it is full. The
// last point stands until now.
func Judge(name string, points []Point, capacity float64, now time.Time) []finding.Finding {
	if len(points) == 0 {
		return nil
	}
	last := points[len(points)-1]
	if last.At.Before(now) {
		last.At = now
		points = append(slices.Clone(points), last)
	}
	due, ok := Exhaustion(points, capacity)
	full := last.Taken >= capacity
	if full {
		due, ok = last.At, true
	}
	if !ok || due.After(now.Add(warnWithin)) {
		return nil
	}
	f := finding.Finding{
		Check: "address-exhaustion", Subject: name, Severity: finding.Warning, Due: due,
		What:   fmt.Sprintf("%s is full on %s if it goes on as it has", name, due.Format(time.DateOnly)),
		Advice: "add a pool to caravan.yaml, or release what is not needed",
	}
	if full {
		f.What = name + " is full"
	}
	if !due.After(now.Add(harmWithin)) {
		f.Severity = finding.Critical
	}
	for _, p := range points[max(0, len(points)-leastSeen):] {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %.0f of %.0f addresses", p.At.Format(time.DateOnly), p.Taken, capacity))
	}
	return []finding.Finding{f}
}

// PodSpace is how a cluster gives addresses to pods.
type PodSpace struct {
	Environment string
	Range       netip.Prefix
	Block       int    // addresses of each node; 256 when 0
	PerNode     int    // most pods on one node; 110 when 0
	Nodes       int    // at peak; 0 when nobody says
	Place       string // where it is declared
}

const usualBlock = 256

// JudgePods makes a finding of nodes that run more pods than half their block of addresses: then pods that come while others
// go find no address; and of a range that has no block for every node at peak: then nodes that come cannot start.
func JudgePods(p PodSpace) []finding.Finding {
	block, pods := cmp.Or(p.Block, usualBlock), cmp.Or(p.PerNode, usualPods)
	var out []finding.Finding
	if pods > MaxPods(block) {
		out = append(out, finding.Finding{
			Check: "pod-density", Subject: p.Environment, Severity: finding.Warning,
			What:     fmt.Sprintf("%d pods on a node of %s, whose block of %d addresses is for %d", pods, p.Environment, block, MaxPods(block)),
			Advice:   fmt.Sprintf("allow at most %d pods on a node, or make node pools with blocks of %d addresses", MaxPods(block), powerOfTwo(2*pods)),
			Evidence: []string{p.Place, "twice the most pods must fit into the block of a node"},
		})
	}
	if most := MaxNodes(p.Range, block); float64(p.Nodes) > most {
		out = append(out, finding.Finding{
			Check: "pod-range", Subject: p.Environment, Severity: finding.Critical,
			What:     fmt.Sprintf("%d nodes at peak in %s, whose pods have %s: room for %.0f nodes with blocks of %d", p.Nodes, p.Environment, p.Range, most, block),
			Advice:   fmt.Sprintf("give its pods a further range, or make node pools with blocks of %d addresses for %d pods each", block/2, MaxPods(block/2)),
			Evidence: []string{p.Place, "a range holds as many nodes as it has blocks"},
		})
	}
	return out
}
