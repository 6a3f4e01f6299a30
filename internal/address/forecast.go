package address

import (
	"fmt"
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
	farthest   = 100 * 365 * 24 * time.Hour
)

// Exhaustion is when a range will be full if it goes on as it has: where the line of least squares through the points (ordinary
// linear regression of what is taken on time) meets the capacity. False when there are fewer than three points, all at one
// time, or no growth, or when it takes longer than a hundred years.
func Exhaustion(points []Point, capacity float64) (time.Time, bool) {
	if len(points) < leastSeen {
		return time.Time{}, false
	}
	start := points[0].At
	var sumX, sumY float64
	for _, p := range points {
		sumX += p.At.Sub(start).Seconds()
		sumY += p.Taken
	}
	n := float64(len(points))
	meanX, meanY := sumX/n, sumY/n
	var xy, xx float64
	for _, p := range points {
		dx := p.At.Sub(start).Seconds() - meanX
		xy += dx * (p.Taken - meanY)
		xx += dx * dx
	}
	if xx == 0 || xy <= 0 {
		return time.Time{}, false
	}
	seconds := meanX + (capacity-meanY)/(xy/xx)
	if seconds > farthest.Seconds() {
		return time.Time{}, false
	}
	return start.Add(time.Duration(seconds * float64(time.Second))), true
}

// Judge makes a finding of a range that will be full soon: a warning within 90 days of now, critical within 30.
func Judge(name string, points []Point, capacity float64, now time.Time) []finding.Finding {
	due, ok := Exhaustion(points, capacity)
	if !ok || due.After(now.Add(warnWithin)) {
		return nil
	}
	f := finding.Finding{
		Check: "address-exhaustion", Subject: name, Severity: finding.Warning, Due: due,
		What:   fmt.Sprintf("%s is full on %s if it goes on as it has", name, due.Format(time.DateOnly)),
		Advice: "add a pool to caravan.yaml, or release what is not needed",
	}
	if last := points[len(points)-1]; last.Taken >= capacity {
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

// JudgeDensity makes a finding of nodes that run more pods than half their block of addresses: then pods that come while
// others go find no address.
func JudgeDensity(environment string, pods, block int) []finding.Finding {
	if pods <= MaxPods(block) {
		return nil
	}
	return []finding.Finding{{
		Check: "pod-density", Subject: environment, Severity: finding.Warning,
		What:     fmt.Sprintf("%d pods on a node of %s, whose block of %d addresses is for %d", pods, environment, block, MaxPods(block)),
		Advice:   fmt.Sprintf("allow at most %d pods on a node, or make node pools with blocks of %d addresses", MaxPods(block), powerOfTwo(2*pods)),
		Evidence: []string{"twice the most pods must fit into the block of a node"},
	}}
}
