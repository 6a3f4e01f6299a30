package consent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
)

func TestEachProblemOfAPolicyHasItsLineAndItsMend(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"an unknown key", "rule: []\n", `consent.yaml:1: unknown key "rule"; did you mean "rules"?`},
		{"a zone there is none of", "zone: Asia/Jakata\n", `consent.yaml:1: "Asia/Jakata" is not a time zone; write it as Asia/Jakarta`},
		{"a zone that is another on every machine", "zone: Local\n", `consent.yaml:1: "Local" is not a time zone; write it as Asia/Jakarta`},
		{"a zone out of the zones' folder", "zone: ../../etc/passwd\n", `consent.yaml:1: "../../etc/passwd" is not a time zone; write it as Asia/Jakarta`},
		{"a glob that is none", "production: [\"[\"]\n", `consent.yaml:1: "[" is not a glob; write a name or a pattern such as production-*`},
		{"a rule without a name", "rules:\n  - approvers: 2\n", "consent.yaml:2: consent.rules[0] has no name; add one"},
		{"a rule that asks for nothing", "rules:\n  - name: idle\n    when: kind == \"service\"\n", "consent.yaml:2: rule idle asks for nothing; add approvers, teams, freeze, remind, escalate, delegates"},
		{"a rule twice", "rules:\n  - {name: a, approvers: 2}\n  - {name: a, approvers: 3}\n", `consent.yaml:3: rule "a" is declared in line 2 already; rename or remove one`},
		{"too many approvers", "rules:\n  - {name: a, approvers: 200}\n", "consent.yaml:2: consent.rules[0].approvers is 200; write a number from 1 to 20"},
		{"a reminder that would be a flood", "rules:\n  - {name: a, remind: 1s}\n", "consent.yaml:2: 1s is too often; write an hour or more"},
		{"an escalation that would be a flood", "rules:\n  - name: a\n    escalate:\n      - {after: 1ns, to: [b]}\n", "consent.yaml:4: 1ns is too often; write an hour or more"},
		{"an escalation to nobody", "rules:\n  - name: a\n    escalate:\n      - {after: 48h, to: []}\n", "consent.yaml:4: consent.rules[0].escalate[0].to is empty; add at least one"},
		{"a window without an end", "rules:\n  - name: a\n    freeze:\n      - from: Friday 16:00\n", "consent.yaml:4: consent.rules[0].freeze[0] has no until; add one"},
		{"a window that is a whole week", "rules:\n  - name: a\n    freeze:\n      - {from: Friday 16:00, until: Friday 16:00}\n", "consent.yaml:4: from Friday 16:00 until Friday 16:00 is a whole week without a gap; give it an end"},
		{"a window of two kinds", "rules:\n  - name: a\n    freeze:\n      - {from: Friday 16:00, until: 2026-12-20}\n",
			"consent.yaml:4: from Friday 16:00 until 2026-12-20 is once and every week at a time; write both as Friday 16:00, or both as 2026-12-20 16:00"},
		{"a window that ends before it begins", "rules:\n  - name: a\n    freeze:\n      - {from: 2026-12-20, until: 2026-12-19}\n", "consent.yaml:4: 2026-12-19 is not after 2026-12-20; write the later one as until"},
		{"a weekday there is none of", "rules:\n  - name: a\n    freeze:\n      - from: Fryday 16:00\n        until: 2026-12-20\n",
			`consent.yaml:4: "Fryday 16:00" is no time; write 2026-12-20 or 2026-12-20 16:00 for once, or Friday 16:00 for every week of a freeze`},
		{"an hour there is none of", "rules:\n  - name: a\n    freeze:\n      - from: 2026-12-20 25:00\n        until: 2026-12-24\n",
			`consent.yaml:4: "2026-12-20 25:00" is no time; write 2026-12-20 or 2026-12-20 16:00 for once, or Friday 16:00 for every week of a freeze`},
		{"a year nobody means", "rules:\n  - name: a\n    freeze:\n      - from: 2026-12-20\n        until: 1999-01-01\n",
			`consent.yaml:5: "1999-01-01" is no time; write 2026-12-20 or 2026-12-20 16:00 for once, or Friday 16:00 for every week of a freeze`},
		{"a delegate of themselves", "rules:\n  - name: a\n    delegates:\n      - {team: t, for: ani, by: Ani}\n", "consent.yaml:4: Ani cannot stand in for themselves; name somebody else"},
		{"two mistakes, both", "zone: X\nrules:\n  - {name: a, when: knd == \"a\", approvers: 2}\n",
			"consent.yaml:1: \"X\" is not a time zone; write it as Asia/Jakarta\nconsent.yaml:3: rule a: the condition knows no \"knd\"; did you mean \"kind\"?"},
		{"more rules than are judged in a moment", "rules:\n" + strings.Repeat("  - {name: a, approvers: 2}\n", 51), "consent.yaml:1: 51 rules, where 50 are allowed; join those that ask for the same"},
		{"more windows than are judged in a moment", "rules:\n  - name: a\n    freeze:\n" + strings.Repeat("      - {from: 2026-12-20, until: 2026-12-21}\n", 51),
			"consent.yaml:1: 51 freeze windows, where 50 are allowed; take out those that are over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(tt.text)
			if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("kind %s", fault.KindOf(err))
			}
		})
	}
}

func TestAConditionThatCannotBeIsRefusedWithItsMend(t *testing.T) {
	for _, tt := range []struct{ name, when, want string }{
		{"a name that is mistyped", `knd == "service"`, `knows no "knd"; did you mean "kind"?`},
		{"a name there is none of", `weather == "fine"`, `knows no "weather"; the names here are kind, subject, team, wave, preview, datastore, environment.name, environment.kind, environment.country, environment.production, now`},
		{"what is not known of an environment", `environment.region == "a"`, "asks of environment what is not known of it; it has name, kind, country and production"},
		{"half a condition", `kind ==`, `is not understood: mismatched input '<EOF>', at character 8; write it as kind == "datastore" && environment.production`},
		{"no truth value", `kind`, `gives string; write a condition that is true or false, such as kind == "service"`},
		{"who knows what", `dyn(true)`, `gives dyn; write a condition that is true or false, such as kind == "service"`},
		{"apples and oranges", `wave == "4"`, `is not understood: found no matching overload for '_==_' applied to '(int, string)', at character 6; write it as kind == "datastore" && environment.production`},
		{"a pattern that is none", `subject.matches("(")`, `is not understood: invalid matches argument, at character 17; write it as kind == "datastore" && environment.production`},
		{"a time zone by its name", `now.getHours("Asia/Jakarta") > 16`, `is not understood: found no matching overload for 'getHours' applied to 'timestamp.(string)', at character 13; write it as kind == "datastore" && environment.production`},
		{"work that grows with the square", `preview.exists(a, preview.exists(b, a == b))`, "may take too long, up to 36006002 units of work where 100000 are allowed; make it simpler, and look through preview once at most"},
		{"work that grows with the cube", `preview.all(a, preview.all(b, preview.all(c, a + b == c)))`, "may take too long, up to 96005005002 units of work where 100000 are allowed; make it simpler, and look through preview once at most"},
		{"lists of lists of lists", `[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, a+b+c+d+e > 0)))))`,
			"may take too long, up to 870968 units of work where 100000 are allowed; make it simpler, and look through preview once at most"},
		{"brackets without end", strings.Repeat("[", 400) + strings.Repeat("]", 400) + " == []", "is not understood: expression recursion limit exceeded: 50; make it simpler"},
		{"lists in lists without end", strings.Repeat("[1].map(x,", 90) + "1" + strings.Repeat(")", 90) + " == []", "is not understood: expression recursion limit exceeded: 50; make it simpler"},
		{"choices without end", strings.Repeat("wave>1?", 60) + "true" + strings.Repeat(":true", 60), "is not understood: error recovery token lookahead limit exceeded: 256; make it simpler"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begin := time.Now()
			_, err := read("rules:\n  - name: r\n    approvers: 2\n    when: '" + tt.when + "'\n")
			if diff := cmp.Diff("consent.yaml:4: rule r: the condition "+tt.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestConditionsLookAtTheStep(t *testing.T) {
	now := noon(t)
	for _, tt := range []struct {
		when            string
		service, datapg bool
	}{
		{`kind == "datastore"`, false, true},
		{`subject == "orders" && team in ["orders", "payments"]`, true, false},
		{`wave >= 4`, true, false},
		{`datastore == "postgres"`, false, true},
		{`datastore != ""`, false, true},
		{`environment.name.startsWith("id")`, true, true},
		{`environment.kind == "vm"`, false, true},
		{`environment.country == "ID"`, true, true},
		{`environment.production`, true, true},
		{`preview.exists(p, p.contains("run orders"))`, true, false},
		{`now < timestamp("2026-03-05T00:00:00Z")`, true, true},
		{`now.getHours() == 5`, true, true}, // UTC
		{`subject.matches("^p.$")`, false, true},
		{strings.Repeat("(", 20) + "true" + strings.Repeat(")", 20), true, true},
		{strings.Repeat("!", 900) + "false", false, false},
	} {
		t.Run(tt.when[:min(len(tt.when), 60)], func(t *testing.T) {
			p := policy(t, "rules:\n  - name: r\n    approvers: 2\n    when: '"+tt.when+"'\n")
			for _, of := range []struct {
				step Step
				want bool
			}{{service(), tt.service}, {datastore(), tt.datapg}} {
				got, err := p.Rules[0].applies(of.step, p, now)
				if err != nil || got != of.want {
					t.Errorf("%s: %v, %v", of.step.ID, got, err)
				}
			}
		})
	}
}

func TestAStepWithoutPreviewIsJudgedToo(t *testing.T) {
	s := service()
	s.Preview = nil
	p := policy(t, "rules:\n  - {name: r, approvers: 2, when: '!preview.exists(p, true)'}\n")
	if got, err := p.Rules[0].applies(s, p, noon(t)); err != nil || !got {
		t.Errorf("%v, %v", got, err)
	}
}

func TestARuleThatCannotBeJudgedLetsNothingBegin(t *testing.T) {
	s, now := service(), noon(t)
	lights := []GreenLight{yes(s, "orders", "ani"), yes(s, "orders", "budi")}
	long := s
	long.Preview = make([]string, 200_000)
	for i := range long.Preview {
		long.Preview[i] = strings.Repeat("x", 100)
	}
	for _, tt := range []struct {
		name, when string
		step       Step
		want       string
	}{
		{"a division by zero", "1 / (wave - 4) > 0", s, "id/service/orders waits\n  rule r cannot be judged: division by zero; mend its condition"},
		{"a list that is shorter", `preview[7] == "a"`, s, "id/service/orders waits\n  rule r cannot be judged: index out of bounds: 7; mend its condition"},
		{"more work than is allowed", `preview.exists(p, p.contains("y"))`, long, "id/service/orders waits\n  rule r cannot be judged: operation cancelled: actual cost limit exceeded; mend its condition"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := policy(t, "rules:\n  - name: r\n    approvers: 2\n    when: '"+tt.when+"'\n")
			begin := time.Now()
			if diff := cmp.Diff(tt.want, lines(Missing(tt.step, lights, nil, p, now))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func FuzzReadingAPolicyEndsInAPolicyOrInLinesToMend(f *testing.F) {
	f.Add(strict)
	f.Add("rules:\n  - name: a\n    when: preview.exists(p, p.contains(\"x\"))\n    freeze: [{from: Friday 16:00, until: Monday 08:00, zone: Asia/Jakarta}]\n")
	f.Add("rules:\n  - {name: a, approvers: 2, when: 'environment.kind == \"vm\" ? wave > 3 : now > timestamp(\"2026-03-05T00:00:00Z\")'}\n")
	f.Add("zone: &z UTC\nrules: [{name: *z, remind: 24h, escalate: [{after: 48h, to: [a]}]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := read(text)
		if err == nil {
			Missing(service(), nil, nil, p, time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC))
			return
		}
		for line := range strings.Lines(err.Error()) {
			if !strings.HasPrefix(line, here+":") || strings.HasPrefix(line, here+":0") {
				t.Errorf("%q has no line", line)
			}
		}
	})
}
