package standby

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAdviceFollowsWhatWasMeasuredAndNoSingleFigure(t *testing.T) {
	now := time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)
	size := func(gibi int64) *int64 { n := gibi << 30; return &n }
	disk := func(d time.Duration) *Latency { return &Latency{Block: d, Hours: 200} }
	month := func(kind string, change func(*Measured)) Measured {
		m := Measured{Kind: kind, Since: now.Add(-28 * 24 * time.Hour), Until: now, Hours: 600, Instances: 3, Size: size(80), Disk: disk(time.Millisecond)}
		change(&m)
		return m
	}
	rehearsed := WayBack{To: "there", Moved: now.Add(-40 * 24 * time.Hour), Returned: now.Add(-39 * 24 * time.Hour), Drilled: now}
	for why, c := range map[string]struct {
		m         Measured
		elsewhere *Latency
		back      WayBack
		verdict   Verdict
		kind      string
		because   string
		next      string
	}{
		"a quiet month in a cluster":              {month(Kubernetes, func(*Measured) {}), nil, rehearsed, Stay, Kubernetes, "25 points for kubernetes, 0 for vm", ""},
		"a quiet month on machines":               {month(VM, func(*Measured) {}), nil, rehearsed, Stay, VM, "25 points for vm, 0 for kubernetes", ""},
		"evicted twice and slow disks":            {month(Kubernetes, func(m *Measured) { m.Displaced, m.Disk = 2, disk(3*time.Millisecond) }), disk(400 * time.Microsecond), rehearsed, Move, VM, "15 points for kubernetes, 50 for vm", "caravan standby move orders-db --to there"},
		"slow disks alone, however slow":          {month(Kubernetes, func(m *Measured) { m.Disk, m.Displaced = disk(time.Second), 0 }), disk(400 * time.Microsecond), rehearsed, Stay, Kubernetes, "25 points for kubernetes, 30 for vm", ""},
		"evictions again and again":               {month(Kubernetes, func(m *Measured) { m.Displaced = 4 }), nil, rehearsed, Move, VM, "15 points for kubernetes, 40 for vm", "caravan standby move orders-db --to there"},
		"and too few to be no chance":             {month(Kubernetes, func(m *Measured) { m.Displaced, m.OOMKilled = 3, 2 }), nil, rehearsed, Stay, Kubernetes, "from one figure alone", ""},
		"restarts on machines, and small":         {month(VM, func(m *Measured) { m.Restarts, m.Failovers, m.Size = 6, 3, size(2) }), nil, rehearsed, Move, Kubernetes, "15 points for vm, 55 for kubernetes", "move orders-db"},
		"disks of machines are faster":            {month(VM, func(m *Measured) { m.Disk = disk(300 * time.Microsecond) }), disk(2 * time.Millisecond), rehearsed, Stay, VM, "55 points for vm", ""},
		"a difference nobody sees":                {month(Kubernetes, func(m *Measured) { m.Disk = disk(100 * time.Microsecond); m.Restarts = 1 }), disk(20 * time.Microsecond), rehearsed, Stay, Kubernetes, "15 points for kubernetes, 5 for vm", ""},
		"moved once and never led back":           {month(Kubernetes, func(m *Measured) { m.Displaced, m.Size = 3, size(500) }), nil, WayBack{To: "there", Drilled: now}, Move, VM, "40 for vm", "caravan standby back orders-db --to there: so the way back is rehearsed"},
		"no backup was restored":                  {month(Kubernetes, func(m *Measured) { m.Displaced, m.Size = 3, size(500) }), nil, WayBack{To: "there"}, Move, VM, "40 for vm", "caravan standby drill orders-db"},
		"no move is declared":                     {month(Kubernetes, func(m *Measured) { m.Displaced, m.Size = 3, size(500) }), nil, WayBack{Drilled: now}, Move, VM, "40 for vm", "declare a move to an environment of kind vm"},
		"it came from where it is better off":     {month(Kubernetes, func(m *Measured) { m.Displaced, m.Size = 3, size(500) }), nil, WayBack{To: "old", Reverse: true, Moved: now, Drilled: now}, Move, VM, "40 for vm", "caravan standby back orders-db --to here"},
		"looked at for three days":                {month(Kubernetes, func(m *Measured) { m.Displaced, m.Since = 9, now.Add(-72*time.Hour) }), nil, rehearsed, NotEnoughSeen, "", "over 3 days", "every under standby"},
		"looked at now and then":                  {month(Kubernetes, func(m *Measured) { m.Displaced, m.Hours = 9, 20 }), nil, rehearsed, NotEnoughSeen, "", "in 20 hours", "every under standby"},
		"never looked at":                         {Measured{Kind: VM}, nil, WayBack{}, NotEnoughSeen, "", "in 0 hours over less than a day", "every under standby"},
		"nobody knows what it runs on":            {month("", func(m *Measured) { m.Displaced = 9 }), nil, rehearsed, NotEnoughSeen, "", "nobody knows what it runs on", ""},
		"standbys that lag, and restarts, on VMs": {month(VM, func(m *Measured) { m.Restarts, m.Followed, m.Late = 5, 5000, 600 }), nil, rehearsed, Move, Kubernetes, "15 points for vm, 35 for kubernetes", "move"},
	} {
		t.Run(why, func(t *testing.T) {
			a := Advise(Topology{Datastore: "orders-db", Environment: "here", Technology: "postgres"}, c.m, c.elsewhere, c.back)
			if a.Verdict != c.verdict || a.Kind != c.kind || !strings.Contains(a.Because, c.because) {
				t.Errorf("%s to %q because %q", a.Verdict, a.Kind, a.Because)
			}
			if next := strings.Join(a.Next, "\n"); !strings.Contains(next, c.next) || c.next == "" && next != "" {
				t.Errorf("next:\n%s", next)
			}
			vm, kubernetes := 0, 0
			for _, p := range a.Points {
				if p.For == VM {
					vm += p.Points
				} else {
					kubernetes += p.Points
				}
			}
			if vm != a.VM || kubernetes != a.Kubernetes {
				t.Errorf("%d and %d, and the points say %+v", a.VM, a.Kubernetes, a.Points)
			}
		})
	}
}

func TestAFigureIsToldWithHowItWasMeasured(t *testing.T) {
	now := time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)
	m := Measured{Kind: VM, Since: now.Add(-10 * 24 * time.Hour), Until: now, Hours: 200, Disk: &Latency{Block: 420 * time.Microsecond, Hours: 40, Cached: 0.61}}
	a := Advise(Topology{Datastore: "orders-db", Technology: "postgres"}, m, &Latency{Block: 2500 * time.Microsecond, Hours: 40}, WayBack{})
	if !slices.Contains(a.Points, Point{VM, 30, "a block takes 0.42 ms from disk, beside 61 % that its machine's page cache served, and 2.5 ms on kubernetes"}) {
		t.Errorf("%+v", a.Points)
	}
	m.Disk.Timed = true
	if a = Advise(Topology{Technology: "postgres"}, m, nil, WayBack{}); !slices.Contains(a.Points, Point{VM, 10, "a block takes 0.42 ms from disk, what its machine's page cache served included"}) {
		t.Errorf("%+v", a.Points)
	}
	if got := (WayBack{To: "p"}).String(); got != "the move between here and p was never rehearsed; no backup was restored and found good" {
		t.Errorf("%q", got)
	}
}

func TestLooksTellWhatBefellInstancesSince(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 20, 0, 0, time.UTC)
	lag := int64(17 << 20)
	size := int64(1 << 30)
	look := func(after time.Duration, timeline int, started time.Time, pod string) Topology {
		return Topology{Technology: "postgres", At: at.Add(after), Size: &size, Members: []Member{
			{Name: "a", Role: Primary, Timeline: timeline, Started: started, Pod: &Pod{UID: pod, Made: started, Befell: []Incident{{ID: "x", What: Evicted, At: at}}}},
			{Name: "b", Role: Standby, Timeline: timeline, Lag: &lag, Disk: &Disk{Blocks: 100, Took: time.Second}},
		}}
	}
	seen, befell, looks := Seen{}.After(look(0, 3, at, "one"))
	if diff := cmp.Diff([]Incident{{ID: "x", Member: "a", What: Evicted, At: at}}, befell); diff != "" {
		t.Errorf("a first look compares to nothing:\n%s", diff)
	}
	hour := at.Truncate(time.Hour)
	want := []Look{{Member: "a", Hour: hour, Looks: 1}, {Member: "b", Hour: hour, Looks: 1, Followed: 1, Late: 1, Disk: Disk{Blocks: 100, Took: time.Second}}}
	if diff := cmp.Diff(want, looks); diff != "" {
		t.Error(diff)
	}
	away := look(time.Minute, 3, at, "one")
	away.Size, away.Members[0] = nil, Member{Name: "a", Role: Unknown, Unreachable: "connection refused"}
	seen, befell, looks = seen.After(away)
	if len(befell) > 0 || len(looks) != 1 || *seen.Size != size {
		t.Errorf("while one cannot be asked: %+v, %+v, %+v", befell, looks, seen)
	}
	began := at.Add(90 * time.Second)
	seen, befell, _ = seen.After(look(2*time.Minute, 4, began, "two"))
	var kinds []Happening
	for _, x := range befell {
		kinds = append(kinds, x.What)
	}
	if diff := cmp.Diff([]Happening{FailedOver, Restarted, MadeAnew, Evicted}, kinds); diff != "" {
		t.Errorf("after it came back:\n%s", diff)
	}
	if _, again, _ := seen.After(look(3*time.Minute, 4, began, "two")); len(again) != 1 {
		t.Errorf("told again: %+v", again)
	}
	m := Summarise(look(9*24*time.Hour, 4, began, "two"), seen, looks, befell)
	if m.Restarts != 0 || m.Displaced != 1 || m.Failovers != 1 || m.Instances != 2 || m.Late != 1 || *m.Size != size {
		t.Errorf("the restart that came of an eviction is one with it: %+v", m)
	}
}

func TestWhatAServerTimesItselfIsTheDifferenceOfItsCounts(t *testing.T) {
	count := func(blocks int64) Topology {
		return Topology{Members: []Member{{Name: "a", Role: Standby, Reads: &Reads{Blocks: blocks, Took: time.Duration(blocks) * time.Millisecond}, Disk: &Disk{Blocks: 7, Took: time.Hour}}}}
	}
	seen := Seen{}
	var got []int64
	for _, n := range []int64{1000, 1400, 20, 70} { // it began anew before the third
		var looks []Look
		seen, _, looks = seen.After(count(n))
		got = append(got, looks[0].Blocks)
	}
	if diff := cmp.Diff([]int64{0, 400, 0, 50}, got); diff != "" {
		t.Error(diff)
	}
}

func TestARedisThatBeganAnewAndAnotherPrimaryAreSeen(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	look := func(after time.Duration, leader, run string) Topology {
		t := Topology{Technology: "redis", At: at.Add(after), Redis: &RedisLook{Instances: []RedisFacts{{Instance: "a", Run: run}, {Instance: "b", Run: "b1"}}}}
		for _, name := range []string{"a", "b"} {
			m := Member{Name: name, Role: Standby}
			if name == leader {
				m.Role = Primary
			}
			t.Members = append(t.Members, m)
		}
		return t
	}
	seen, _, _ := Seen{}.After(look(0, "a", "a1"))
	_, befell, _ := seen.After(look(time.Minute, "b", "a2"))
	want := []Incident{{ID: "2026-03-01T08:01:00Z", Member: "b", What: FailedOver, At: at.Add(time.Minute)}, {ID: "a2", Member: "a", What: Restarted, At: at.Add(time.Minute)}}
	if diff := cmp.Diff(want, befell); diff != "" {
		t.Error(diff)
	}
}

func TestOneBadHourSaysNothingOfADisk(t *testing.T) {
	var looks []Look
	for i := range 20 {
		looks = append(looks, Look{Hour: time.Unix(int64(i)*3600, 0), Disk: Disk{Blocks: 100, Took: 50 * time.Millisecond, Cached: 300}})
	}
	looks[3].Took = time.Hour
	if got := LatencyOf(looks); got == nil || got.Block != 500*time.Microsecond || got.Cached != 0.75 || got.Hours != 20 {
		t.Errorf("%+v", got)
	}
	if got := LatencyOf(looks[:11]); got != nil {
		t.Errorf("of few hours: %+v", got)
	}
}

func TestAnUpgradeOfAllInstancesIsOneOccasion(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	var all []Incident
	for _, minutes := range []int{0, 20, 45, 500, 9000} {
		all = append(all, Incident{What: Restarted, At: at.Add(time.Duration(minutes) * time.Minute)})
	}
	if n := occasions(all, Restarted); n != 3 {
		t.Errorf("%d occasions", n)
	}
}
