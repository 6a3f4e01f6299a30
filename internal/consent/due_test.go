package consent

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/journey"
)

const nagging = `zone: Asia/Jakarta
rules:
  - name: silence
    remind: 24h
    escalate:
      - {after: 48h, to: [platform]}
      - {after: 96h, to: [cto@kopi.example, platform]}
  - {name: datastores, when: kind == "datastore", teams: [security], remind: 12h}
`

// many are services of orders and a datastore.
func many(n int) []Step {
	steps := []Step{datastore()}
	for i := range n {
		s := service()
		s.ID = journey.StepID(fmt.Sprintf("id/service/s%02d", i))
		steps = append(steps, s)
	}
	return steps
}

func askedAt(steps []Step, p Policy, when time.Time) map[Ask]Asked {
	out := map[Ask]Asked{}
	for _, a := range Asks(steps, nil, nil, p, when) {
		out[a] = Asked{At: when}
	}
	return out
}

// told is who is told how often of what.
func told(nudges []Nudge) []string {
	var out []string
	for _, n := range nudges {
		counts := map[NudgeKind]int{}
		for _, o := range n.Open {
			counts[o.Kind]++
		}
		out = append(out, fmt.Sprintf("%s: %d reminders, %d escalations", n.To, counts[Reminding], counts[Escalating]))
	}
	return out
}

func TestSilenceIsToldInOneMessageForEachRecipient(t *testing.T) {
	p, steps, when := policy(t, nagging), many(30), noon(t)
	for _, tt := range []struct {
		after time.Duration
		want  []string
	}{
		{11 * time.Hour, nil},
		{12 * time.Hour, []string{"data: 1 reminders, 0 escalations", "security: 1 reminders, 0 escalations"}},
		{24 * time.Hour, []string{"data: 1 reminders, 0 escalations", "orders: 30 reminders, 0 escalations", "security: 1 reminders, 0 escalations"}},
		{48 * time.Hour, []string{"data: 1 reminders, 0 escalations", "orders: 30 reminders, 0 escalations", "platform: 0 reminders, 32 escalations", "security: 1 reminders, 0 escalations"}},
		{96 * time.Hour, []string{"cto@kopi.example: 0 reminders, 32 escalations", "data: 1 reminders, 0 escalations", "orders: 30 reminders, 0 escalations", "platform: 0 reminders, 32 escalations", "security: 1 reminders, 0 escalations"}},
	} {
		t.Run(tt.after.String(), func(t *testing.T) {
			if diff := cmp.Diff(tt.want, told(Due(steps, nil, nil, p, askedAt(steps, p, when), when.Add(tt.after)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatWasToldIsNotDueAgainBeforeItsTime(t *testing.T) {
	p, steps, when := policy(t, nagging), []Step{service()}, noon(t)
	asked := askedAt(steps, p, when)
	var got []string
	for hour := range 24 * 6 {
		now := when.Add(time.Duration(hour) * time.Hour)
		nudges := Due(steps, nil, nil, p, asked, now)
		for _, line := range told(nudges) {
			got = append(got, fmt.Sprintf("%dh %s", hour, line))
		}
		asked = Recorded(asked, nudges, now)
	}
	want := []string{
		"24h orders: 1 reminders, 0 escalations",
		"48h orders: 1 reminders, 0 escalations", "48h platform: 0 reminders, 1 escalations",
		"72h orders: 1 reminders, 0 escalations",
		"96h cto@kopi.example: 0 reminders, 1 escalations", "96h orders: 1 reminders, 0 escalations", "96h platform: 0 reminders, 1 escalations",
		"120h orders: 1 reminders, 0 escalations",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALateReminderDoesNotMoveTheNext(t *testing.T) {
	p, steps, when := policy(t, nagging), []Step{service()}, noon(t)
	asked := askedAt(steps, p, when)
	late := when.Add(40 * time.Hour)
	asked = Recorded(asked, Due(steps, nil, nil, p, asked, late), late)
	if n := Due(steps, nil, nil, p, asked, when.Add(47*time.Hour)); n != nil {
		t.Errorf("at 47h: %v", told(n))
	}
	if n := Due(steps, nil, nil, p, asked, when.Add(48*time.Hour)); len(n) != 2 {
		t.Errorf("at 48h: %v", told(n))
	}
}

func TestNobodyIsNudgedAboutWhatHasItsAnswer(t *testing.T) {
	p, s, when := policy(t, nagging), service(), noon(t)
	steps := []Step{s}
	asked, now := askedAt(steps, p, when), when.Add(500*time.Hour)
	changed := s
	changed.Digest = "sha256:changed"
	for _, tt := range []struct {
		name   string
		steps  []Step
		lights []GreenLight
		vetoes []Veto
		want   int
	}{
		{"silence", steps, nil, nil, 3},
		{"a green light", steps, []GreenLight{yes(s, "orders", "ani")}, nil, 0},
		{"a veto", steps, nil, []Veto{{Team: "orders", Step: s.ID, Reason: "no", At: when}}, 0},
		{"a step that changed and was not asked about again", []Step{changed}, nil, nil, 0},
		{"a step that is gone", nil, nil, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if n := Due(tt.steps, tt.lights, tt.vetoes, p, asked, now); len(n) != tt.want {
				t.Errorf("%v", told(n))
			}
		})
	}
}

func TestEqualQuestionsHaveEqualNudges(t *testing.T) {
	p := policy(t, nagging)
	rapid.Check(t, func(t *rapid.T) {
		steps := many(rapid.IntRange(0, 8).Draw(t, "steps"))
		asked := askedAt(steps, p, moments.Draw(t, "asked"))
		now := moments.Draw(t, "now").Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour)
		want := Due(steps, nil, nil, p, asked, now)
		if diff := cmp.Diff(want, Due(rapid.Permutation(steps).Draw(t, "order"), nil, nil, p, asked, now)); diff != "" {
			t.Error(diff)
		}
		if again := Due(steps, nil, nil, p, Recorded(asked, want, now), now); again != nil {
			t.Errorf("told twice: %v", told(again))
		}
	})
}
