package delivery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/finding"
)

func steps(states ...Step) Release {
	r := Release{Service: "orders", Way: Forth, Version: "2"}
	for _, s := range states {
		r.Deliveries = append(r.Deliveries, Delivery{State: s})
	}
	return r
}

func TestWhatIsDoneNextFollowsFromHowEverythingStands(t *testing.T) {
	for name, tc := range map[string]struct {
		r   Release
		act Act
		at  int
	}{
		"the first is begun":                                 {steps(Waiting, Waiting), Deliver, 0},
		"what was begun is gone on with":                     {steps(Done, Doing, Waiting), Deliver, 1},
		"then the next":                                      {steps(Done, Waiting), Deliver, 1},
		"a paused one is passed by":                          {steps(HeldBack, Waiting), Deliver, 1},
		"after one that is not well nothing is begun":        {steps(Done, WentBack, Waiting), Skip, 2},
		"nor after one that is stuck":                        {steps(Stuck, Waiting), Skip, 1},
		"going back is gone on with before anything else":    {steps(GoingBack, Waiting), Return, 0},
		"what is done stays":                                 {steps(Done, WentBack, Untouched), End, -1},
		"all done is the end":                                {steps(Done, Done), End, -1},
		"nothing to do is the end":                           {steps(), End, -1},
		"all or nothing takes back what is done, last first": {allOrNothing(steps(Done, Done, WentBack, Waiting)), Return, 1},
		"and then the one before":                            {allOrNothing(steps(Done, WentBack, WentBack, Waiting)), Return, 0},
		"and then touches nothing else":                      {allOrNothing(steps(WentBack, WentBack, WentBack, Waiting)), Skip, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if act, at := tc.r.Next(); act != tc.act || at != tc.at {
				t.Errorf("%s %d, want %s %d", act, at, tc.act, tc.at)
			}
		})
	}
}

func allOrNothing(r Release) Release {
	r.AllOrNothing = true
	return r
}

// TestAReleaseAlwaysEnds carries releases out with whatever luck, and stops and goes on at any point.
func TestAReleaseAlwaysEndsAndNothingIsBegunAfterAFailure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := steps(slices.Repeat([]Step{Waiting}, rapid.IntRange(0, 6).Draw(t, "environments"))...)
		r.AllOrNothing = rapid.Bool().Draw(t, "all or nothing")
		failed := false
		for range 40 {
			act, at := r.Next()
			if act == End {
				for i, d := range r.Deliveries {
					if !d.State.ended() {
						t.Fatalf("it ended while delivery %d is %s", i, d.State)
					}
					if failed && r.AllOrNothing && d.State == Done {
						t.Fatalf("delivery %d stayed", i)
					}
				}
				return
			}
			d := &r.Deliveries[at]
			switch act {
			case Deliver:
				if failed && d.State == Waiting {
					t.Fatalf("delivery %d is begun after a failure", at)
				}
				d.State = rapid.SampledFrom([]Step{Doing, Done, GoingBack, HeldBack}).Draw(t, "became")
				failed = failed || d.State == GoingBack
			case Return:
				d.State = rapid.SampledFrom([]Step{WentBack, Stuck}).Draw(t, "went")
				failed = true
			case Skip:
				d.State = Untouched
			}
			if d.State == Doing && rapid.Bool().Draw(t, "goes on") {
				d.State = Done
			}
		}
	})
}

func TestTheVerdictIsThatOfTheFirstThatFailed(t *testing.T) {
	r := steps(WentBack, WentBack)
	r.Deliveries[1].Environment, r.Deliveries[1].Error, r.Deliveries[1].Kind = "id", "it crashes", "unavailable"
	if s, why, kind := r.Verdict(); s != Failed || why != "id: it crashes" || kind != "unavailable" {
		t.Error(s, why, kind)
	}
	if s, why, _ := steps(Done, HeldBack).Verdict(); s != Finished || why != "" {
		t.Error(s, why)
	}
}

func TestTheAgreedOrderIsOfNamesAndGlobs(t *testing.T) {
	all := []estate.EnvironmentName{"production", "id-vm", "staging", "id", "laos"}
	got := Sort(all, []string{"staging", "id*"}, func(e estate.EnvironmentName) estate.EnvironmentName { return e })
	if d := cmp.Diff([]estate.EnvironmentName{"staging", "id-vm", "id", "production", "laos"}, got); d != "" {
		t.Error(d)
	}
}

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func at(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }

// one and two are builds.
var (
	one = Build{Number: 1, Version: "1", Image: "r/orders@sha256:1"}
	two = Build{Number: 2, Version: "2", Image: "r/orders@sha256:2"}
)

func stands(env estate.EnvironmentName, w World, b Build, since int) Standing {
	return Standing{Service: "orders", Team: "orders", Environment: env, World: w, Build: b, Running: 2, All: 3, Since: at(since), By: "ann", Release: "orders-1"}
}

func TestADifferenceBecomesAFindingWhenItLastsAndNobodyWantsIt(t *testing.T) {
	policy := Policy{Skew: 4 * time.Hour, Teams: map[estate.TeamName]time.Duration{"payments": time.Hour}}
	intent := &Intent{Why: "load test", By: "bob", At: at(1), Until: at(8)}
	both := func(change func(*Standing)) []Standing {
		behind := stands("id", Kubernetes, one, -20)
		change(&behind)
		return []Standing{stands("sg", Machines, two, 0), behind}
	}
	for name, tc := range map[string]struct {
		all  []Standing
		now  int
		want string // of the finding; "" for none
	}{
		"all alike":                             {both(func(s *Standing) { s.Build = two }), 100, ""},
		"not for long":                          {both(func(*Standing) {}), 3, ""},
		"for as long as it may":                 {both(func(*Standing) {}), 4, "runs 1 while others run 2, for 4 h"},
		"a team that allows less":               {both(func(s *Standing) { s.Team = "payments" }), 1, "for 1 h"},
		"taken back later":                      {both(func(s *Standing) { s.Since = at(3) }), 6, ""},
		"taken back later, and for long":        {both(func(s *Standing) { s.Since = at(3) }), 7, "for 4 h"},
		"wanted so":                             {both(func(s *Standing) { s.Intended = intent }), 7, ""},
		"wanted so until a while ago":           {both(func(s *Standing) { s.Intended = intent }), 8, "for 8 h"},
		"paused":                                {both(func(s *Standing) { s.Paused = intent }), 7, ""},
		"paused and forgotten":                  {both(func(s *Standing) { s.Paused = intent }), 30, "for 1 d 6 h"},
		"an accident is one, and has its age":   {both(func(s *Standing) { s.Accident = "it crashes" }), 5, "for 5 h"},
		"another service's version is no gap":   {[]Standing{stands("sg", Machines, two, 0), {Service: "shop", Environment: "id", Build: one, Since: at(0)}}, 100, ""},
		"what others brought, beside a release": {[]Standing{stands("sg", Machines, two, 0), stands("id", Kubernetes, Build{Version: "1"}, 0)}, 5, "runs 1 while others run 2"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Judge(tc.all, at(tc.now), policy)
			switch {
			case tc.want == "" && len(found) > 0:
				t.Errorf("%+v", found)
			case tc.want != "" && (len(found) != 1 || !strings.Contains(found[0].What, tc.want)):
				t.Errorf("%+v, want %q", found, tc.want)
			case tc.want != "" && (found[0].Severity != finding.Warning || found[0].Team != tc.all[1].Team || found[0].Subject != "orders in id"):
				t.Errorf("%+v", found[0])
			}
		})
	}
}

func TestAGapSaysSinceWhenAndWhoWantsIt(t *testing.T) {
	behind := stands("id", Kubernetes, one, -20)
	behind.Paused = &Intent{Why: "freeze", By: "bob", At: at(1), Until: at(8)}
	gaps := Gaps([]Standing{behind, stands("sg", Machines, two, 0)}, at(2), Policy{})
	if len(gaps) != 1 || gaps[0].Environment != "id" || gaps[0].Newest != "2" || !gaps[0].From.Equal(noon) || !gaps[0].Due.Equal(at(24)) || gaps[0].Wanted.Why != "freeze" || gaps[0].Overdue {
		t.Errorf("%+v", gaps)
	}
	if gaps := Gaps([]Standing{behind, stands("sg", Machines, two, 0)}, at(9), Policy{}); !gaps[0].Lapsed || gaps[0].Wanted != nil {
		t.Errorf("%+v", gaps[0])
	}
}

func TestInstancesAreCountedByWorld(t *testing.T) {
	if got := Text([]Standing{stands("id", Kubernetes, one, 0), stands("sg", Machines, two, 0), stands("sg2", Machines, two, 1)}); got != "VM 4/6, Kubernetes 0/3" {
		t.Error(got)
	}
	r := Release{Deliveries: []Delivery{{World: Kubernetes, Running: 1, All: 3}, {World: Machines, Running: 2, All: 2}}}
	if got := r.Text(); got != "VM 2/2, Kubernetes 1/3" {
		t.Error(got)
	}
}

func TestBuildsAreTheSameWhenTheirImagesAre(t *testing.T) {
	named := two
	named.Name, named.Number = "2-abc", 9
	for _, tc := range []struct {
		a, b Build
		same bool
	}{{two, named, true}, {one, two, false}, {Build{Version: "1"}, Build{Version: "1"}, true}, {Build{Version: "1"}, one, false}, {Build{Version: "1", Name: "a"}, Build{Version: "1", Name: "b"}, false}} {
		if tc.a.Is(tc.b) != tc.same || tc.b.Is(tc.a) != tc.same {
			t.Errorf("%+v and %+v", tc.a, tc.b)
		}
	}
}

func TestAReleaseIsTheSameWhenItDoesTheSame(t *testing.T) {
	r := Release{Service: "orders", Way: Forth, Version: "2", Deliveries: []Delivery{{Environment: "id", To: two}}}
	other := r
	other.Deliveries = []Delivery{{Environment: "id", To: two, State: Done, Running: 3}}
	if !r.Same(other) {
		t.Error("how far it is makes it another")
	}
	other.Deliveries = []Delivery{{Environment: "sg", To: two}}
	if r.Same(other) {
		t.Error("another environment makes it no other")
	}
}

func TestTimesAreSpelledInTwoUnits(t *testing.T) {
	for want, d := range map[string]time.Duration{"3 d 4 h": 76*time.Hour + 5*time.Minute, "4 h": 4*time.Hour + 2*time.Second, "2 min 1 s": 121 * time.Second, "a moment": time.Millisecond, "1 d": 24 * time.Hour} {
		if got := Spell(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
