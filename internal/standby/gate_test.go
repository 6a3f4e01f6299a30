package standby

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/finding"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func lag(n int64) *int64 { return &n }

// healthy is a datastore with which nothing is wrong.
func healthy() Topology {
	return Topology{
		Datastore: "orders-db", Technology: "postgres", Keeper: Patroni, At: now,
		Members: []Member{
			{Name: "pg-1", Role: Primary, State: "running", Timeline: 3},
			{Name: "pg-2", Role: Standby, State: "streaming", Timeline: 3, Lag: lag(0), Synchronous: true, Warmth: &Warmth{Share: 0.95, Blocks: 100, There: 95, At: now}},
			{Name: "pg-3", Role: Standby, State: "streaming", Timeline: 3, Lag: lag(4096), Warmth: &Warmth{Share: 0.98, Blocks: 100, There: 98, At: now}},
		},
		Backup: &Backup{At: now.Add(-time.Hour), Archived: now, Drilled: now.Add(-48 * time.Hour)},
	}
}

func TestGateRefusesWithFigures(t *testing.T) {
	g := Gate{Lag: 1 << 20, Warmth: 0.9}
	for _, c := range []struct {
		why    string
		change func(*Topology)
		want   []string
	}{
		{"all is well", func(*Topology) {}, nil},
		{"cold", func(t *Topology) { t.Members[1].Warmth.Share = 0.1299 }, []string{"pg-2 has 12 % of the primary's hot blocks (at least 90 %)"}},
		{"far behind and cold", func(t *Topology) { t.Members[1].Lag, t.Members[1].Warmth.Share = lag(3<<20), 0 },
			[]string{"pg-2 lags 3.0 MiB (at most 1.0 MiB)", "pg-2 has 0 % of the primary's hot blocks (at least 90 %)"}},
		{"never looked at", func(t *Topology) { t.Members[1].Lag, t.Members[1].Warmth = nil, nil },
			[]string{"how far pg-2 lags is not known (at most 1.0 MiB)", "how warm pg-2 is was never measured (at least 90 %)"}},
		{"looked at long ago", func(t *Topology) { t.Members[1].Warmth.At = now.Add(-time.Hour) }, []string{"how warm pg-2 is was last measured 1h0m0s ago (at least 90 %)"}},
		{"not reached", func(t *Topology) { t.Members[1].Unreachable = "connection refused" }, []string{"pg-2 cannot be asked: connection refused"}},
		{"starting", func(t *Topology) { t.Members[1].State = "starting" }, []string{"pg-2 is starting"}},
		{"marked", func(t *Topology) { t.Members[1].NoFailover = true }, []string{"pg-2 is marked never to be primary"}},
		{"primary already", func(t *Topology) { t.Members[1].Role = Primary }, []string{"pg-2 is the primary already"}},
		{"nobody leads", func(t *Topology) { t.Members[0].Role = Unknown }, []string{"no instance says that it is primary"}},
		{"not there", func(t *Topology) { t.Members[1].Name = "pg-9" }, []string{"pg-2 is no instance of orders-db"}},
	} {
		top := healthy()
		c.change(&top)
		if diff := cmp.Diff(c.want, g.Refusals(top, "pg-2", now)); diff != "" {
			t.Errorf("%s:\n%s", c.why, diff)
		}
	}
}

func TestTheOneThatConfirmsThenTheWarmestIsPreferred(t *testing.T) {
	top := healthy()
	prefer := func(want string) {
		t.Helper()
		if m, _ := top.Preferred(); m.Name != want {
			t.Errorf("preferred is %q, want %q", m.Name, want)
		}
	}
	prefer("pg-2")
	top.Members[1].Synchronous = false
	prefer("pg-3")
	top.Members[1].Warmth = top.Members[2].Warmth
	prefer("pg-2") // it lags less
	top.Members[1].NoFailover = true
	prefer("pg-3")
	top.Members[2].State = "stopped"
	prefer("")
}

func TestJudgeFindsWhatIsWrong(t *testing.T) {
	if found := Judge(healthy(), UsualLimits()); len(found) > 0 {
		t.Errorf("of a healthy one: %+v", found)
	}
	for _, c := range []struct {
		why    string
		change func(*Topology)
		check  string
		says   string
	}{
		{"no primary", func(t *Topology) { t.Members = t.Members[1:] }, CheckPrimary, "nobody can write"},
		{"two primaries", func(t *Topology) { t.Members[2].Role = Primary }, CheckPrimary, "pg-1 and pg-3 both say"},
		{"no standby", func(t *Topology) { t.Members = t.Members[:1] }, CheckStandby, "no healthy standby"},
		{"one out of reach", func(t *Topology) { t.Members[2].Unreachable = "connection refused" }, CheckStandby, "pg-3 cannot be asked: connection refused"},
		{"its one standby is away", func(t *Topology) {
			t.Members = t.Members[:2]
			t.Members[1].Role, t.Members[1].Unreachable, t.Members[1].Refused = Unknown, "connection refused", Silent
		}, CheckStandby, "pg-2 cannot be asked: connection refused"},
		{"all marked", func(t *Topology) { t.Members[1].NoFailover, t.Members[2].NoFailover = true, true }, CheckStandby, "marked never"},
		{"lag", func(t *Topology) { t.Members[2].Lag, t.Members[2].Behind = lag(1<<30), time.Hour }, CheckLag, "pg-3 lags 1.0 GiB, 1h0m0s behind"},
		{"an old timeline", func(t *Topology) { t.Members[2].Timeline = 2 }, CheckLag, "on timeline 2, the primary on 3"},
		{"cold", func(t *Topology) { t.Members[2].Warmth.Share = 0.3 }, CheckCold, "pg-3 has 30 %"},
		{"backup failed", func(t *Topology) { t.Backup.Failed = "disk full" }, CheckBackup, "disk full"},
		{"backup old", func(t *Topology) { t.Backup.At = now.AddDate(0, 0, -5) }, CheckBackup, "ended 5 days ago"},
		{"never drilled", func(t *Topology) { t.Backup.Drilled = time.Time{} }, CheckBackup, "no backup was ever restored"},
		{"paused", func(t *Topology) { t.Paused = true }, CheckKeeper, "patroni is paused"},
	} {
		top := healthy()
		c.change(&top)
		found := Judge(top, UsualLimits())
		if len(found) == 0 || found[0].Check != c.check || !strings.Contains(found[0].What, c.says) || found[0].Advice == "" {
			t.Errorf("%s: %+v", c.why, found)
		}
	}
}

func TestWhatAnOperatorBacksUpIsLookedAtThere(t *testing.T) {
	for keeper, want := range map[Keeper]string{Patroni: "caravan standby backup", CloudNativePG: "ScheduledBackup"} {
		top := healthy()
		top.Keeper, top.Backup.Failed = keeper, "disk full"
		if found := Judge(top, UsualLimits()); len(found) == 0 || !strings.Contains(found[0].Advice, want) {
			t.Errorf("%s: %+v", keeper, found)
		}
	}
}

// TestWhatNobodyWasAskedIsNotCritical: a password that is not there says nothing of who is primary.
func TestWhatNobodyWasAskedIsNotCritical(t *testing.T) {
	for _, c := range []struct {
		why       string
		members   []Member
		severity  finding.Severity
		says      string
		mendsWith string
	}{
		{"nobody was asked", []Member{{Name: "a", Role: Unknown}, {Name: "b", Role: Unknown}}, finding.Warning, "a and b did not say", "asked"},
		{"one was not", []Member{{Name: "a", Role: Standby, State: "running"}, {Name: "b", Role: Unknown}}, finding.Warning, "b did not say", "asked"},
		{"a standby alone is listed", []Member{{Name: "b", Role: Standby, State: "running"}}, finding.Warning, "of those that are listed none is", "under members"},
		{"one that is listed follows", []Member{{Name: "a", Role: Standby}, {Name: "b", Role: Standby, State: "running"}}, finding.Warning, "of those that are listed none is", "under members"},
		{"all were asked, and none follows or leads", []Member{{Name: "a", Role: Standby}, {Name: "b", Role: Standby}}, finding.Critical, "nobody can write", "caravan standby status"},
		{"the standby lets nobody in", []Member{{Name: "a", Role: Primary, State: "running"}, {Name: "b", Role: Unknown, Unreachable: "no", Refused: Denied}}, finding.Warning, "b cannot be asked: no", "caravan standby prepare"},
	} {
		found := Judge(Topology{Datastore: "reports-db", Technology: "postgres", Keeper: Nobody, At: now, Members: c.members, Doubts: []string{"a doubt"}}, UsualLimits())
		if len(found) == 0 || found[0].Severity != c.severity || !strings.Contains(found[0].What, c.says) || !strings.Contains(found[0].Advice, c.mendsWith) {
			t.Errorf("%s: %+v", c.why, found)
		}
		for _, f := range found {
			if c.severity != finding.Critical && f.Severity == finding.Critical {
				t.Errorf("%s: critical from ignorance: %s", c.why, f.What)
			}
		}
	}
}

func TestTheMendGoesWithTheKindOfRefusal(t *testing.T) {
	for refused, want := range map[Refusal]string{Silent: "whether it runs", Denied: "caravan standby prepare", Unprepared: "caravan standby prepare", Misnamed: "caravan.yaml", "": "whether it runs"} {
		top := healthy()
		top.Members[2].Unreachable, top.Members[2].Refused = "it says something of a password", refused
		if found := Judge(top, UsualLimits()); len(found) != 1 || !strings.Contains(found[0].Advice, want) {
			t.Errorf("%q: %+v", refused, found)
		}
	}
}
