package standby

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	table = Relation{Tablespace: 1663, Database: 5, File: 16384}
	index = Relation{Tablespace: 1663, Database: 5, File: 16390}
)

func buffers(capacity int, r Relation, pages ...Page) Buffers {
	return Buffers{Capacity: capacity, Used: len(pages), Pages: map[Relation][]Page{r: pages}}
}

func TestWarmthWeighsBlocksByTheirUse(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	hot := buffers(100, table, Page{1, 5}, Page{2, 4}, Page{3, 1}, Page{4, 0})
	for _, c := range []struct {
		why  string
		have Buffers
		want Warmth
	}{
		{"nothing is there", buffers(100, table), Warmth{0, 3, 0, now}},
		{"the hottest is there", buffers(100, table, Page{1, 1}), Warmth{0.5, 3, 1, now}},
		{"all but the coolest", buffers(100, table, Page{0, 5}, Page{1, 1}, Page{2, 0}), Warmth{0.9, 3, 2, now}},
		{"blocks of another file", buffers(100, index, Page{1, 5}, Page{2, 5}, Page{3, 5}), Warmth{0, 3, 0, now}},
	} {
		if diff := cmp.Diff(c.want, Measure(hot, c.have, now)); diff != "" {
			t.Errorf("%s:\n%s", c.why, diff)
		}
	}
	if w := Measure(buffers(100, table, Page{1, 0}), Buffers{}, now); w.Share != 1 {
		t.Errorf("beside a primary that uses nothing: %+v", w)
	}
}

func TestPlanBringsTheHottestFirst(t *testing.T) {
	hot := buffers(100, table, Page{1, 2}, Page{2, 2}, Page{3, 5}, Page{4, 5}, Page{6, 5}, Page{7, 4}, Page{8, 0})
	hot.Pages[index] = []Page{{0, 5}}
	have := buffers(100, table, Page{6, 3}, Page{7, 3})
	want := []Stretch{{table, 3, 4, 5, false}, {index, 0, 0, 5, false}, {table, 1, 2, 2, false}, {table, 6, 6, 5, true}}
	if diff := cmp.Diff(want, Plan(hot, have)); diff != "" {
		t.Error(diff)
	}
	have.Capacity = 4
	if diff := cmp.Diff([]Stretch{{table, 3, 4, 5, false}, {index, 0, 0, 5, false}, {table, 6, 6, 5, true}}, Plan(hot, have)); diff != "" {
		t.Errorf("into buffers of four blocks:\n%s", diff)
	}
}

func drawn(t *rapid.T, name string) Buffers {
	b := Buffers{Capacity: rapid.IntRange(1, 400).Draw(t, name+" capacity"), Pages: map[Relation][]Page{}}
	for _, r := range []Relation{table, index, {Database: 0, File: 1260}} {
		for _, n := range rapid.SliceOfNDistinct(rapid.Uint32Range(0, 120), 0, 100, rapid.ID[uint32]).Draw(t, name) {
			b.Pages[r] = append(b.Pages[r], Page{n, rapid.Uint8Range(0, 5).Draw(t, "usage")})
		}
		slices.SortFunc(b.Pages[r], func(x, y Page) int { return int(x.Number) - int(y.Number) })
		b.Used += len(b.Pages[r])
	}
	return b
}

func TestWhoDoesAsPlannedIsWarm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hot, have := drawn(t, "primary"), drawn(t, "standby")
		have.Capacity = 1000
		seen := map[Relation]map[uint32]bool{}
		for batch := range Batches(Plan(hot, have), 16) {
			blocks := 0
			for _, s := range batch {
				if s.Relation != batch[0].Relation {
					t.Fatalf("a batch of two files: %v", batch)
				}
				blocks += s.Len()
				for n := s.First; n <= s.Last; n++ {
					if seen[s.Relation] == nil {
						seen[s.Relation] = map[uint32]bool{}
					}
					if seen[s.Relation][n] {
						t.Fatalf("block %d is read twice", n)
					}
					seen[s.Relation][n] = true
				}
			}
			if blocks > 16 && len(batch) > 1 {
				t.Fatalf("a batch of %d blocks", blocks)
			}
		}
		for r, numbers := range seen {
			for _, p := range have.Pages[r] {
				delete(numbers, p.Number)
			}
			for n := range numbers {
				have.Pages[r] = append(have.Pages[r], Page{Number: n})
			}
			slices.SortFunc(have.Pages[r], func(x, y Page) int { return int(x.Number) - int(y.Number) })
		}
		if w := Measure(hot, have, time.Time{}); w.There != w.Blocks || w.Share != 1 {
			t.Fatalf("%+v", w)
		}
	})
}

func TestPlanNeverBringsMoreThanFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hot, have := drawn(t, "primary"), drawn(t, "standby")
		plan := Plan(hot, have)
		blocks := 0
		for _, s := range plan {
			blocks += s.Len()
		}
		if blocks > max(have.Capacity, have.Used) {
			t.Fatalf("%d blocks for buffers of %d", blocks, have.Capacity)
		}
	})
}
