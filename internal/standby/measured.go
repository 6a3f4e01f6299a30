package standby

import (
	"slices"
	"time"
)

// Measured is what was measured of a datastore where it runs.
type Measured struct {
	Kind      string    `json:"kind,omitempty"` // of its environment: "vm" or "kubernetes"; "" where that is not known
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Hours     int       `json:"hours"` // in which it was looked at
	Instances int       `json:"instances"`
	Size      *int64    `json:"size,omitempty"` // bytes: on disk, or in memory for a Redis
	Disk      *Latency  `json:"disk,omitempty"`
	Followed  int       `json:"followed"` // looks at standbys
	Late      int       `json:"late"`     // of them those that found one lagging more than UsualLag

	// How often what happened; what lies within an hour of the last is the same occasion.
	Restarts  int `json:"restarts"`  // of processes, where nothing below explains it
	Displaced int `json:"displaced"` // pods evicted or made anew
	OOMKilled int `json:"oomKilled"`
	Failovers int `json:"failovers"` // by plan or not
}

// Latency is how long a block of 8 KiB takes from disk: the median of the means of hours, so that one bad hour says nothing.
type Latency struct {
	Block  time.Duration `json:"block"`
	Hours  int           `json:"hours"`  // of instances that it is the median of
	Cached float64       `json:"cached"` // share of blocks that came from the page cache of the machine, and are not in it; 0 to 1
	Timed  bool          `json:"timed"`  // by the server itself, the page cache included; else by what the warmer read
}

// Bounds of what says something: in fewer blocks a mean is chance, and so is the median of fewer hours.
const (
	leastBlocks = 64
	leastHours  = 12
)

// Summarise adds up what looks at a datastore found and what befell it since the first of them.
func Summarise(t Topology, seen Seen, looks []Look, befell []Incident) Measured {
	m := Measured{Instances: len(t.Members), Size: seen.Size}
	hours := map[time.Time]bool{}
	for _, l := range looks {
		if m.Since.IsZero() || l.Hour.Before(m.Since) {
			m.Since = l.Hour
		}
		hours[l.Hour] = true
		m.Followed += l.Followed
		m.Late += l.Late
	}
	m.Hours = len(hours)
	if m.Hours > 0 {
		m.Until = t.At
	}
	m.Disk = LatencyOf(looks)
	if m.Disk != nil {
		m.Disk.Timed = len(seen.Reads) > 0
	}
	befell = slices.DeleteFunc(slices.Clone(befell), func(x Incident) bool { return x.At.Before(m.Since) })
	m.Displaced = occasions(befell, Evicted, MadeAnew)
	m.OOMKilled = occasions(befell, KilledOOM)
	m.Failovers = occasions(befell, FailedOver)
	m.Restarts = occasions(unexplained(befell), Restarted)
	return m
}

// LatencyOf is how long a block took, by looks at however many instances; nothing when too little was read.
func LatencyOf(looks []Look) *Latency {
	var means []time.Duration
	var blocks, cached int64
	for _, l := range looks {
		blocks, cached = blocks+l.Blocks, cached+l.Cached
		if l.Blocks >= leastBlocks {
			means = append(means, l.Took/time.Duration(l.Blocks))
		}
	}
	if len(means) < leastHours {
		return nil
	}
	slices.Sort(means)
	return &Latency{Block: means[len(means)/2], Hours: len(means), Cached: float64(cached) / float64(blocks+cached)}
}

// together is how far apart things are that have one cause: an upgrade goes through all instances in less.
const together = time.Hour

// occasions counts how often any of some kinds happened.
func occasions(befell []Incident, kinds ...Happening) int {
	n := 0
	var last time.Time
	for _, x := range slices.SortedFunc(slices.Values(befell), func(x, y Incident) int { return x.At.Compare(y.At) }) {
		if !slices.Contains(kinds, x.What) {
			continue
		}
		if last.IsZero() || x.At.Sub(last) > together {
			n, last = n+1, x.At
		}
	}
	return n
}

// unexplained is what happened without the restarts that something else brought with it.
func unexplained(befell []Incident) []Incident {
	return slices.DeleteFunc(slices.Clone(befell), func(x Incident) bool {
		return x.What == Restarted && slices.ContainsFunc(befell, func(y Incident) bool {
			return slices.Contains([]Happening{Evicted, MadeAnew, KilledOOM}, y.What) && x.At.Sub(y.At).Abs() <= together
		})
	})
}
