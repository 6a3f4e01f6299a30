package expansion

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

var clone = Decision{To: "search", Decide: Clone, By: "storefront", At: time.Date(2026, 3, 3, 9, 30, 0, 0, time.UTC), Why: "too slow: an extra round trip"}

const cloneLines = "  - to: search\n    decide: clone\n    by: storefront\n    at: 2026-03-03T09:30:00Z\n    why: \"too slow: an extra round trip\"\n"

func TestADecisionIsWrittenWhereItBelongsAndNothingElseChanges(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string
		d                   Decision
	}{
		{"a file without decisions", least, least + "\ndecisions:\n" + cloneLines, clone},
		{"an empty list", least + "decisions: []\n# end\n", least + "decisions:\n" + cloneLines + "# end\n", clone},
		{"after the last one, before what follows",
			least + "decisions:\n  # agreed in March\n  - {to: a, decide: drop, by: b, at: 2026-01-01, why: c} # for now\n\n# the order\nwaves: [[orders]]\n",
			least + "decisions:\n  # agreed in March\n  - {to: a, decide: drop, by: b, at: 2026-01-01, why: c} # for now\n" + cloneLines + "\n# the order\nwaves: [[orders]]\n", clone},
		{"in the place of the one before",
			least + "decisions:\n  - to: search\n    decide: drop\n    by: b\n    at: 2026-01-01\n    why: c\n  # next\n  - {to: a, decide: drop, by: b, at: 2026-01-01, why: c}\n",
			least + "decisions:\n" + cloneLines + "  # next\n  - {to: a, decide: drop, by: b, at: 2026-01-01, why: c}\n", clone},
		{"as deep as the others", least + "decisions:\n- {to: a, decide: drop, by: b, at: 2026-01-01, why: c}\n",
			least + "decisions:\n- {to: a, decide: drop, by: b, at: 2026-01-01, why: c}\n" + strings.ReplaceAll(cloneLines[2:], "\n  ", "\n"), clone},
		{"an empty list with a remark", least + "decisions: [] # none yet\n", least + "decisions: # none yet\n" + cloneLines, clone},
		{"a file of Windows", strings.ReplaceAll(least+"decisions:\n  - {to: a, decide: drop, by: b, at: 2026-01-01, why: c}\n", "\n", "\r\n"),
			strings.ReplaceAll(least+"decisions:\n  - {to: a, decide: drop, by: b, at: 2026-01-01, why: c}\n"+cloneLines, "\n", "\r\n"), clone},
		{"a file without a last line end", strings.TrimSuffix(least, "\n"), least + "\ndecisions:\n" + cloneLines, clone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decide([]byte(tt.before), "indonesia", "expansions/indonesia.yaml", tt.d)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.after, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCannotBeAddedToIsLeftAlone(t *testing.T) {
	for name, text := range map[string]string{
		"what is replaced is referred to": least + "decisions:\n  - {to: search, decide: drop, by: &who b, at: 2026-01-01, why: c}\n  - {to: a, decide: drop, by: *who, at: 2026-01-01, why: c}\n",
		"a list in one line":              least + "decisions: [{to: a, decide: drop, by: b, at: 2026-01-01, why: c}]\n",
		"a list by alias":                 strings.Replace(least, "services:", "services: # &s\n", 1) + "decisions: [\n  {to: a, decide: drop, by: b, at: 2026-01-01, why: c}]\n",
	} {
		if got, err := Decide([]byte(text), "indonesia", "expansions/indonesia.yaml", clone); fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	if _, err := Decide([]byte(least), "indonesia", "expansions/indonesia.yaml", Decision{To: "search", Decide: Replace, By: "a", At: clone.At, Why: "b"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a decision that makes no sense: %v", err)
	}
}

func TestAnyDecisionReadsBackAsItWasMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9#:'"{}\[\],&*!|>%@ \\-]{1,30}`).Filter(func(s string) bool { return strings.TrimSpace(s) == s && s != "" })
		d := Decision{To: "search", Decide: CallBack, Through: text.Draw(t, "through"), By: text.Draw(t, "by"), At: clone.At, Why: text.Draw(t, "why")}
		if rapid.Bool().Draw(t, "from") {
			d.From = estate.ServiceName(text.Draw(t, "from"))
		}
		got, err := Decide([]byte(least), "x", "x.yaml", d)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Parse(got, "x", "x.yaml")
		if err != nil || len(e.Decisions) != 1 || !cmp.Equal(e.Decisions[0], d) {
			t.Fatalf("%v\n%s\n%s", err, got, cmp.Diff(d, e.Decisions))
		}
	})
}
