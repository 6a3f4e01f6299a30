package consent

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // zones of the tables, wherever they run

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

const here = "consent.yaml"

// read is a policy in a document of its own.
func read(text string) (Policy, error) {
	r := document.NewReader(here, "the policy")
	var p Policy
	if doc, ok := r.Parse([]byte(text), "write rules"); ok {
		Section(&p, time.LoadLocation)(r, doc, "consent")
	}
	return p, r.Err()
}

func policy(t testing.TB, text string) Policy {
	t.Helper()
	p, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// at is a moment in Jakarta, seven hours ahead of UTC all year.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Jakarta")
	if err != nil {
		t.Fatal(err)
	}
	m, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// noon is a Wednesday.
func noon(t testing.TB) time.Time { t.Helper(); return at(t, "2026-03-04 12:00") }

func service() Step {
	return Step{
		Step:  journey.Step{ID: "id/service/orders", Kind: journey.Deploy, Subject: "orders", Team: "orders", Environment: "id", Wave: 4, Preview: []string{"run orders in id"}, Digest: "sha256:orders"},
		Where: Place{Kind: "kubernetes", Country: "ID"},
	}
}

func datastore() Step {
	return Step{
		Step:       journey.Step{ID: "id-data/datastore/pg", Kind: journey.CreateStore, Subject: "pg", Team: "data", Environment: "id-data", Wave: 3, Preview: []string{"postgres pg"}, Digest: "sha256:pg"},
		Where:      Place{Kind: "vm", Country: "ID"},
		Technology: "postgres",
	}
}

func yes(s Step, team estate.TeamName, by string) GreenLight {
	return GreenLight{Team: team, By: by, Step: s.ID, Digest: s.Digest, At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
}

func lines(v Verdict) string { return strings.Join(v.Lines(), "\n") }

func TestAGreenLightCountsForExactlyOneDigestUntilItIsRevoked(t *testing.T) {
	s, now := service(), noon(t)
	with := func(change func(*GreenLight)) GreenLight {
		l := yes(s, "orders", "ani")
		change(&l)
		return l
	}
	for _, tt := range []struct {
		name   string
		lights []GreenLight
		step   func(*Step)
		want   string
	}{
		{"the owner's green light is enough", []GreenLight{yes(s, "orders", "ani")}, nil, "id/service/orders may begin"},
		{"silence is not yes", nil, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"another team's yes is not the owner's", []GreenLight{yes(s, "payments", "ani")}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"nobody's yes is none", []GreenLight{yes(s, "orders", "  ")}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"yes to another step is none", []GreenLight{with(func(l *GreenLight) { l.Step = "id/service/web" })}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"a changed step voids it", []GreenLight{yes(s, "orders", "ani")}, func(s *Step) { s.Digest = "sha256:other" }, "id/service/orders waits\n  orders has given 0 of 1 green light; 1 agreed before the step changed"},
		{"a revoked one is none", []GreenLight{with(func(l *GreenLight) { l.Revoked = l.At.Add(time.Hour) })}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"one that is revoked in the future is none already", []GreenLight{with(func(l *GreenLight) { l.Revoked = now.Add(time.Hour) })}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"after revoking, the same person may agree again", []GreenLight{with(func(l *GreenLight) { l.Revoked = l.At }), yes(s, "orders", "ani")}, nil, "id/service/orders may begin"},
		{"one from the future is none yet", []GreenLight{with(func(l *GreenLight) { l.At = now.Add(time.Minute) })}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"one without a time is none", []GreenLight{with(func(l *GreenLight) { l.At = time.Time{} })}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"whoever says to be a delegate and is none does not count", []GreenLight{with(func(l *GreenLight) { l.For = "budi" })}, nil, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"a step without a digest cannot be agreed to", []GreenLight{with(func(l *GreenLight) { l.Digest = "" })}, func(s *Step) { s.Digest = "" },
			"id/service/orders waits\n  the step has no digest, so nobody can agree to it; plan again\n  orders has given 0 of 1 green light; 1 agreed before the step changed"},
		{"a step without an owner waits", []GreenLight{yes(s, "", "ani")}, func(s *Step) { s.Team = "" },
			"id/service/orders waits\n  no team owns the step; name its owner in caravan.yaml, or a team for all such steps under consent.unowned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			step := s
			if tt.step != nil {
				tt.step(&step)
			}
			v := Missing(step, tt.lights, nil, Policy{}, now)
			if diff := cmp.Diff(tt.want, lines(v)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if v.Allowed != (len(v.Reasons) == 0) {
				t.Errorf("allowed: %v, with %d reasons", v.Allowed, len(v.Reasons))
			}
		})
	}
}

func TestAVetoHoldsAStepUpUntilItIsWithdrawn(t *testing.T) {
	s, now := service(), noon(t)
	all := []GreenLight{yes(s, "orders", "ani")}
	veto := Veto{Team: "payments", By: "dewi", Step: s.ID, Reason: "the ledger\nis moving", At: at(t, "2026-03-02 09:30")}
	for _, tt := range []struct {
		name string
		veto Veto
		want string
	}{
		{"whatever approvals exist", veto, "id/service/orders waits\n  vetoed by payments (dewi, Monday 2 March 2026, 02:30 (UTC)): the ledger is moving"},
		{"of the whole journey", Veto{Team: "payments", By: "dewi", Reason: "no", At: veto.At}, "id/service/orders waits\n  vetoed by payments (dewi, Monday 2 March 2026, 02:30 (UTC)): no"},
		{"not of another step", Veto{Team: "payments", Step: "id/service/web", Reason: "no"}, "id/service/orders may begin"},
		{"not once it is withdrawn", veto.Withdraw(now), "id/service/orders may begin"},
		{"not a moment before", veto.Withdraw(now.Add(time.Second)), "id/service/orders waits\n  vetoed by payments (dewi, Monday 2 March 2026, 02:30 (UTC)): the ledger is moving"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(Missing(s, all, []Veto{tt.veto}, Policy{}, now))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAChangedStepDoesNotAnswerAVeto(t *testing.T) {
	s, now := service(), noon(t)
	veto := Veto{Team: "orders", By: "ani", Step: s.ID, Reason: "too early", At: now}
	s.Digest = "sha256:changed"
	if v := Missing(s, []GreenLight{yes(s, "orders", "budi")}, []Veto{veto}, Policy{}, now); v.Allowed {
		t.Error("a new digest got round the veto")
	}
}

func TestAVetoHasATeamAPersonAndAReason(t *testing.T) {
	for _, tt := range []struct {
		name string
		veto Veto
		want string
	}{
		{"all of it", Veto{Team: "a", By: "b", Reason: "c"}, ""},
		{"no team", Veto{By: "b", Reason: "c"}, "a veto of no team; say which team vetoes"},
		{"no person", Veto{Team: "a", Reason: "c"}, "a veto of nobody; say who vetoes for a"},
		{"a reason of blanks", Veto{Team: "a", By: "b", Reason: " \n"}, "a veto without a reason; say what would have to change for a to agree"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.veto.Check()
			if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || err != nil && got != tt.want {
				t.Errorf("got %q", got)
			}
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("kind %s", fault.KindOf(err))
			}
		})
	}
}

func TestAGreenLightIsRevocableUntilTheStepBegins(t *testing.T) {
	l, now := yes(service(), "orders", "ani"), noon(t)
	taken, err := l.Revoke(now, time.Time{})
	if err != nil || !taken.Revoked.Equal(now) || !l.Revoked.IsZero() {
		t.Errorf("%v, %v", taken, err)
	}
	if again, err := taken.Revoke(now.Add(time.Hour), time.Time{}); err != nil || !again.Revoked.Equal(now) {
		t.Errorf("a second time: %v, %v", again, err)
	}
	if _, err := l.Revoke(now, now.Add(time.Second)); err != nil {
		t.Errorf("before it begins: %v", err)
	}
	kept, err := l.Revoke(now, now)
	if fault.KindOf(err) != fault.Conflict || err == nil || !kept.Revoked.IsZero() {
		t.Errorf("once it began: %v, %v", kept, err)
	}
}

const strict = `zone: Asia/Jakarta
unowned: platform
production: ["id*"]
rules:
  - name: datastores
    when: kind == "datastore" && environment.production
    approvers: 2
    teams: [security]
  - name: traffic
    when: kind == "traffic"
    teams: [qa]
  - name: stand-ins
    delegates:
      - {team: orders, for: ani, by: budi, from: 2026-03-01, until: 2026-03-05}
`

func TestRulesAskForMoreWhereTheyApply(t *testing.T) {
	p, now := policy(t, strict), noon(t)
	db, web := datastore(), service()
	letIn := service()
	letIn.ID, letIn.Kind = "id/traffic/orders", journey.Traffic
	ranges := Step{Step: journey.Step{ID: "id/addresses", Kind: journey.Addresses, Environment: "id", Digest: "sha256:r", Wave: 1}}
	for _, tt := range []struct {
		name   string
		step   Step
		lights []GreenLight
		want   string
	}{
		{"a service needs no more than its owner", web, []GreenLight{yes(web, "orders", "ani")}, "id/service/orders may begin"},
		{"a datastore in production needs two people and another team", db, nil,
			"id-data/datastore/pg waits\n  data has given 0 of 2 green lights; asked for by datastores\n  security has given 0 of 1 green light; asked for by datastores"},
		{"the same person twice is one", db, []GreenLight{yes(db, "data", "Tono@kopi.example"), yes(db, "data", "tono@kopi.example "), yes(db, "security", "eka")},
			"id-data/datastore/pg waits\n  data has given 1 of 2 green lights (tono@kopi.example); asked for by datastores"},
		{"two people and the other team", db, []GreenLight{yes(db, "data", "tono"), yes(db, "data", "rini"), yes(db, "security", "eka")}, "id-data/datastore/pg may begin"},
		{"QA signs off before traffic", letIn, []GreenLight{yes(letIn, "orders", "ani")}, "id/traffic/orders waits\n  qa has given 0 of 1 green light; asked for by traffic"},
		{"what no team owns is the platform team's", ranges, []GreenLight{yes(ranges, "platform", "gita")}, "id/addresses may begin"},
		{"a delegate's green light counts", web, []GreenLight{{Team: "orders", By: "budi", For: "ani", Step: web.ID, Digest: web.Digest, At: at(t, "2026-03-04 11:00")}}, "id/service/orders may begin"},
		{"not before the delegate stood in", web, []GreenLight{{Team: "orders", By: "budi", For: "ani", Step: web.ID, Digest: web.Digest, At: at(t, "2026-02-28 23:59")}}, "id/service/orders waits\n  orders has given 0 of 1 green light"},
		{"not for another team", letIn, []GreenLight{yes(letIn, "orders", "ani"), {Team: "qa", By: "budi", For: "ani", Step: letIn.ID, Digest: letIn.Digest, At: at(t, "2026-03-04 11:00")}},
			"id/traffic/orders waits\n  qa has given 0 of 1 green light; asked for by traffic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(Missing(tt.step, tt.lights, nil, p, now))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhereNothingIsNamedEveryEnvironmentIsProduction(t *testing.T) {
	for _, tt := range []struct {
		production []string
		want       bool
	}{{nil, true}, {[]string{"id"}, true}, {[]string{"prod-*"}, false}, {[]string{"["}, true}} {
		if got := (Policy{Production: tt.production}).production("id"); got != tt.want {
			t.Errorf("%v: %v", tt.production, got)
		}
	}
}

func TestWhatWasNeverReadWaits(t *testing.T) {
	s, now := service(), noon(t)
	for name, p := range map[string]Policy{
		"a condition nobody compiled": {Rules: []Rule{{Name: "r", When: "false"}}},
		"a window nobody read":        {Rules: []Rule{{Name: "r", Freeze: []Window{{From: "2020-01-01", Until: "2020-01-02"}}}}},
	} {
		if v := Missing(s, []GreenLight{yes(s, "orders", "ani")}, nil, p, now); v.Allowed {
			t.Errorf("%s lets the step begin", name)
		}
	}
}

func TestACheckNamesThoseWhoAreMissing(t *testing.T) {
	p, now := policy(t, strict+"  - {name: weekend, when: kind == \"service\", freeze: [{from: Friday 16:00, until: Monday 08:00, because: nobody is there}]}\n"), noon(t)
	db, web := datastore(), service()
	agreed := []GreenLight{yes(db, "data", "tono"), yes(db, "data", "rini"), yes(db, "security", "eka"), yes(web, "orders", "ani")}
	if err := Check([]Step{db, web}, agreed, nil, p, now); err != nil {
		t.Fatal(err)
	}
	veto := Veto{Team: "payments", By: "dewi", Step: web.ID, Reason: "the ledger moves", At: now}
	err := Check([]Step{db, web}, nil, []Veto{veto}, p, at(t, "2026-03-06 18:00"))
	want := "2 of 2 steps may not begin, green lights are missing from data, orders and security; " +
		"id-data/datastore/pg: data has given 0 of 2 green lights; asked for by datastores, security has given 0 of 1 green light; asked for by datastores; " +
		"id/service/orders: vetoed by payments (dewi, Wednesday 4 March 2026, 12:00 (Asia/Jakarta)): the ledger moves, " +
		"frozen until Monday 9 March 2026, 08:00 (Asia/Jakarta) by weekend: nobody is there, orders has given 0 of 1 green light; " +
		"settle the veto with those who made it, wait until the freeze ends and ask those who are missing"
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if fault.KindOf(err) != fault.Denied || fault.KindOf(err).ExitCode() != 6 {
		t.Errorf("kind %s", fault.KindOf(err))
	}
}

func TestACheckOfManyStepsStaysOneLineAndNamesEveryTeam(t *testing.T) {
	var steps []Step
	for i := range 40 {
		s := service()
		s.ID, s.Team = journey.StepID(fmt.Sprintf("id/service/s%02d", i)), estate.TeamName(fmt.Sprintf("team\n%02d", i))
		steps = append(steps, s)
	}
	text := fmt.Sprint(Check(steps, nil, nil, Policy{}, noon(t)))
	if strings.Contains(text, "\n") || !strings.Contains(text, "and 35 more steps") || !strings.Contains(text, "team 39;") {
		t.Error(text)
	}
}

// proposed is a proposal of two environments with a datastore, a service, a stub and the way in.
func proposed() (expansion.Proposal, journey.Journey) {
	p := expansion.Proposal{
		Expansion: "indonesia", Country: "ID", Source: "production-sg", Digest: "sha256:1",
		Environments: []expansion.Environment{{Name: "id", Kind: "kubernetes"}, {Name: "id-data", Kind: "vm"}},
		Members: []expansion.Member{{Name: "orders", Team: "orders", In: []estate.EnvironmentName{"id"}, Wave: 4,
			Uses: []expansion.Use{{Name: "pg", Here: true}, {Name: "mail", Fate: expansion.StubOut}}}},
		Datastores: []expansion.Datastore{{Name: "pg", Team: "data", Technology: "postgres", In: "id-data", Instances: 3, Content: "empty", Placement: expansion.Placement{Kind: "vm"}}},
		Stubs:      []expansion.StubPlan{{Name: "mail", In: "id"}},
	}
	cluster := render.Pack([]render.File{
		{Path: "kubernetes/overlays/id/namespaces/orders.yaml", Text: "n"},
		{Path: "kubernetes/base/orders/deployment.yaml", Text: "d", Subject: "orders"},
		{Path: "kubernetes/base/orders/configmap.yaml", Text: "c", Subject: "orders"},
		{Path: "kubernetes/base/orders/httproute.yaml", Text: "r", Subject: "orders"},
		{Path: "kubernetes/overlays/id/stubs/mail.yaml", Text: "s", Subject: "mail"},
	})
	machines := render.Pack([]render.File{{Path: "vm/id-data/datastores/pg/patroni.yml", Text: "p", Subject: "pg"}})
	return p, journey.Steps(p, []render.Bundle{cluster, machines})
}

func TestStepsKnowWhereTheyAreAndWhatTheyMake(t *testing.T) {
	p, j := proposed()
	var got []string
	for _, s := range Steps(p, j) {
		got = append(got, fmt.Sprint(s.ID, " ", s.Where.Kind, " ", s.Where.Country, " ", s.Technology))
	}
	want := []string{"id-data/addresses vm ID ", "id/addresses kubernetes ID ", "id/access kubernetes ID ", "id-data/datastore/pg vm ID postgres",
		"id/stub/mail kubernetes ID ", "id/configuration/orders kubernetes ID ", "id/service/orders kubernetes ID ", "id/traffic/orders kubernetes ID "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\nconsent:\n(.*?)```")

func TestTheGuidesPolicyIsOne(t *testing.T) {
	guide, err := os.ReadFile("../../docs/guides/consent.md")
	if err != nil {
		t.Fatal(err)
	}
	m := yamlBlock.FindSubmatch(guide)
	if m == nil {
		t.Fatal("the guide shows no policy")
	}
	if p := policy(t, string(m[1])); len(p.Rules) < 3 {
		t.Errorf("%d rules", len(p.Rules))
	}
}

func TestOfSeveralRulesTheOneThatAsksForMostCounts(t *testing.T) {
	s := service()
	for _, rules := range []string{
		"  - {name: two, approvers: 2}\n  - {name: three, approvers: 3}\n  - {name: owner, teams: [orders]}\n",
		"  - {name: owner, teams: [orders]}\n  - {name: three, approvers: 3}\n  - {name: two, approvers: 2}\n",
	} {
		v := Missing(s, []GreenLight{yes(s, "orders", "ani")}, nil, policy(t, "rules:\n"+rules), noon(t))
		if len(v.Needs) != 1 || v.Needs[0].Want != 3 || len(v.Needs[0].By) != 1 || len(v.Needs[0].Rules) != 3 {
			t.Errorf("%+v", v.Needs)
		}
	}
}

func TestACheckIsDeniedWithoutAnybodyMissingToo(t *testing.T) {
	s := service()
	lights := []GreenLight{yes(s, "orders", "ani")}
	for _, tt := range []struct {
		name   string
		vetoes []Veto
		policy string
		at     string
		want   string
	}{
		{"by a veto", []Veto{{Team: "payments", By: "dewi", Reason: "no", At: at(t, "2026-03-02 09:30")}}, "zone: Asia/Jakarta\n", "2026-03-04 12:00",
			"the step may not begin; id/service/orders: vetoed by payments (dewi, Monday 2 March 2026, 09:30 (Asia/Jakarta)): no; settle the veto with those who made it"},
		{"by a freeze", nil, weekend, "2026-03-07 12:00",
			"the step may not begin; id/service/orders: frozen until Monday 9 March 2026, 08:00 (Asia/Jakarta) by weekend: nobody is there; wait until the freeze ends"},
		{"by what cannot be judged", nil, "rules: [{name: r, approvers: 1, when: 1 / (wave - 4) > 0}]\n", "2026-03-04 12:00",
			"the step may not begin; id/service/orders: rule r cannot be judged: division by zero; mend its condition; mend what cannot be judged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Check([]Step{s}, lights, tt.vetoes, policy(t, tt.policy), at(t, tt.at))
			if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" || fault.KindOf(err) != fault.Denied {
				t.Errorf("%s (-want +got):\n%s", fault.KindOf(err), diff)
			}
		})
	}
}
