package standby

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"
)

// Warmth is how much of what a primary has in its buffers a standby has in its own.
type Warmth struct {
	Share  float64   `json:"share"`  // of the primary's hot blocks, each weighed by its usage count; 0 to 1
	Blocks int       `json:"blocks"` // hot blocks of the primary
	There  int       `json:"there"`  // of them in the standby's buffers
	At     time.Time `json:"at"`
}

// Relation is a fork of a table, an index or the like, as PostgreSQL names its files. The numbers are equal on a primary and its
// physical standbys.
type Relation struct {
	Tablespace uint32 // OID
	Database   uint32 // OID; 0 for what all databases share
	File       uint32 // relfilenode
	Fork       uint8  // 0 main, 1 free space map, 2 visibility map, 3 init
}

// Page is a block in a server's buffers, with how often it was used of late: 0 to 5, as PostgreSQL counts (BM_MAX_USAGE_COUNT).
type Page struct {
	Number uint32
	Usage  uint8
}

// Buffers are the blocks that a server has in its shared buffers.
type Buffers struct {
	Capacity int                 // blocks that fit
	Used     int                 // blocks that are there, those included that are not listed
	Pages    map[Relation][]Page // by number
}

// Measure compares a standby's buffers to its primary's. A primary with no hot block makes any standby warm.
func Measure(primary, standby Buffers, at time.Time) Warmth {
	w := Warmth{Share: 1, At: at}
	var all, there int
	for r, pages := range primary.Pages {
		for hot, have := range beside(pages, standby.Pages[r]) {
			if hot.Usage == 0 {
				continue
			}
			w.Blocks++
			all += int(hot.Usage)
			if have != nil {
				w.There++
				there += int(hot.Usage)
			}
		}
	}
	if all > 0 {
		w.Share = float64(there) / float64(all)
	}
	return w
}

// beside goes through pages with the page of the same number among others, or nil. Both are by number.
func beside(pages, others []Page) iter.Seq2[Page, *Page] {
	return func(yield func(Page, *Page) bool) {
		i := 0
		for _, p := range pages {
			for i < len(others) && others[i].Number < p.Number {
				i++
			}
			var same *Page
			if i < len(others) && others[i].Number == p.Number {
				same = &others[i]
			}
			if !yield(p, same) {
				return
			}
		}
	}
}

// Stretch is a run of neighbouring blocks of a relation that a standby shall have in its buffers.
type Stretch struct {
	Relation
	First, Last uint32
	Usage       uint8 // the highest on the primary
	There       bool  // the standby has it, and shall use it once more
}

// Len is how many blocks a stretch has.
func (s Stretch) Len() int { return int(s.Last-s.First) + 1 }

// worn is how far a block's usage on a standby may be below the primary's: replacing takes one from each block it passes, so what is
// used as much on both would else be the first to go.
const worn = 2

// Plan lists what a standby's buffers lack, the hottest first and neighbours together; after those, blocks that it has but uses so little
// that they would be replaced soon. It lists no more than fit beside each other: of a primary with larger buffers, the hottest.
func Plan(primary, standby Buffers) []Stretch {
	least := coolest(primary, standby.Capacity)
	var lacking, fading []Stretch
	room := standby.Capacity
	for _, r := range slices.SortedFunc(maps.Keys(primary.Pages), byFile) {
		if r.Fork == initFork {
			continue
		}
		for hot, have := range beside(primary.Pages[r], standby.Pages[r]) {
			switch {
			case hot.Usage == 0 || hot.Usage < least:
			case have == nil:
				lacking = extend(lacking, r, hot, false)
			default:
				room--
				if hot.Usage > 1 && have.Usage+worn <= hot.Usage {
					fading = extend(fading, r, hot, true)
				}
			}
		}
	}
	hottest := func(x, y Stretch) int { return cmp.Compare(y.Usage, x.Usage) }
	slices.SortStableFunc(lacking, hottest)
	slices.SortStableFunc(fading, hottest)
	return append(within(lacking, room), fading...)
}

// within is as much of a plan, from its beginning, as has so many blocks.
func within(plan []Stretch, room int) []Stretch {
	for i, s := range plan {
		if room -= s.Len(); room < 0 {
			return plan[:i]
		}
	}
	return plan
}

// initFork is what an unlogged relation begins with after a crash; nobody reads it.
const initFork = 3

func byFile(x, y Relation) int {
	return cmp.Or(cmp.Compare(x.Database, y.Database), cmp.Compare(x.Tablespace, y.Tablespace), cmp.Compare(x.File, y.File), cmp.Compare(x.Fork, y.Fork))
}

// mostInStretch keeps a stretch short enough to be read in one go.
const mostInStretch = 32

// extend adds a block to the last stretch when it follows it and is as hot, else begins another.
func extend(all []Stretch, r Relation, p Page, there bool) []Stretch {
	if n := len(all); n > 0 {
		last := &all[n-1]
		if last.Relation == r && last.Last+1 == p.Number && last.Usage == p.Usage && last.Len() < mostInStretch {
			last.Last = p.Number
			return all
		}
	}
	return append(all, Stretch{Relation: r, First: p.Number, Last: p.Number, Usage: p.Usage, There: there})
}

// coolest is the least usage at which all blocks that are hotter or as hot fit into a capacity, or the next when not even the hottest do.
func coolest(b Buffers, capacity int) uint8 {
	var by [256]int
	top := 0
	for _, pages := range b.Pages {
		for _, p := range pages {
			by[p.Usage]++
			top = max(top, int(p.Usage))
		}
	}
	fit := 0
	for usage := top; usage > 0; usage-- {
		fit += by[usage]
		if fit > capacity {
			return uint8(min(usage+1, top)) //nolint:gosec // at most 255
		}
	}
	return 1
}

// Batches cuts a plan into stretches of one fork of one file each that have at most so many blocks together, in the order of their heat: a file that is
// in it twice with others between comes once for each usage. No batch has both what lacks and what is there.
func Batches(plan []Stretch, most int) iter.Seq[[]Stretch] {
	return func(yield func([]Stretch) bool) {
		for begin := 0; begin < len(plan); {
			end, blocks := begin, 0
			for end < len(plan) && plan[end].Relation == plan[begin].Relation && plan[end].There == plan[begin].There && (end == begin || blocks+plan[end].Len() <= most) {
				blocks += plan[end].Len()
				end++
			}
			if !yield(plan[begin:end]) {
				return
			}
			begin = end
		}
	}
}

// Sample is how warm an instance was once.
type Sample struct {
	Member string    `json:"member"`
	At     time.Time `json:"at"`
	Share  float64   `json:"share"`         // 0 to 1
	Lag    *int64    `json:"lag,omitempty"` // bytes
}
