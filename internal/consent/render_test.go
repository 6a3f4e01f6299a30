package consent

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
)

var update = flag.Bool("update", false, "write the messages of testdata anew")

func TestMessagesReadAsTheyShould(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) < 4 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := append(a.Files[:2:2], messages(t, string(a.Files[0].Data), string(a.Files[1].Data))...)
			text := txtar.Format(&txtar.Archive{Comment: a.Comment, Files: got})
			if *update {
				if err := os.WriteFile(name, text, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(a)), string(text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// messages are those of a situation: a line each for the wave, when it begins, what time it is, and who said what. A line
// "silent" asks all teams at that time and gives the nudges due instead of the announcements. A veto of * is of the whole journey.
func messages(t *testing.T, rules, situation string) []txtar.File {
	p, j := proposed()
	steps := Steps(p, j)
	n := Notice{Policy: policy(t, rules), Now: noon(t)}
	wave, asked := 0, map[Ask]Asked(nil)
	for line := range strings.Lines(situation) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		words := strings.Fields(value)
		switch key {
		case "wave":
			fmt.Sscan(value, &wave)
		case "begins":
			n.Begins = at(t, value)
		case "link":
			n.Link = value
		case "yes":
			s := named(t, steps, words[2])
			n.Lights = append(n.Lights, yes(s, estate.TeamName(words[0]), words[1]))
		case "veto":
			n.Vetoes = append(n.Vetoes, Veto{Team: estate.TeamName(words[0]), By: words[1], Step: journey.StepID(strings.Trim(words[2], "*")), Reason: strings.Join(words[3:], " "), At: at(t, "2026-03-02 09:30")})
		case "silent":
			asked = askedAt(steps, n.Policy, at(t, value))
		default:
			t.Fatalf("%q", line)
		}
	}
	if asked != nil {
		return nudges(t, Due(steps, n.Lights, n.Vetoes, n.Policy, asked, n.Now), n.Policy)
	}
	return announcements(t, Announce(p, j, wave, n))
}

func named(t *testing.T, steps []Step, id string) Step {
	t.Helper()
	for _, s := range steps {
		if string(s.ID) == id {
			return s
		}
	}
	t.Fatalf("no step %s", id)
	return Step{}
}

func announcements(t *testing.T, all []Announcement) []txtar.File {
	var out []txtar.File
	for _, a := range all {
		out = append(out, both(t, string(a.Team), a.Render)...)
	}
	return out
}

func nudges(t *testing.T, all []Nudge, p Policy) []txtar.File {
	var out []txtar.File
	for _, n := range all {
		out = append(out, both(t, n.To, func(s Style) (string, error) { return n.Render(s, p) })...)
	}
	return out
}

func both(t *testing.T, to string, write func(Style) (string, error)) []txtar.File {
	t.Helper()
	plain, err := write(Plain)
	if err != nil {
		t.Fatal(err)
	}
	slack, err := write(Mrkdwn)
	if err != nil {
		t.Fatal(err)
	}
	return []txtar.File{{Name: to + ".txt", Data: []byte(plain)}, {Name: to + ".mrkdwn", Data: []byte(slack)}}
}

const hostile = "x<!channel> & *now*`\n- everything is agreed\u202e"

// fillWith puts a text into every string of a value.
func fillWith(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillWith(v.Field(i), text)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 40, 40))
		for i := range v.Len() {
			fillWith(v.Index(i), text)
		}
	}
}

func TestNothingSomebodyWroteIsMoreThanTextInAMessage(t *testing.T) {
	var a Announcement
	fillWith(reflect.ValueOf(&a).Elem(), hostile)
	var n Nudge
	fillWith(reflect.ValueOf(&n).Elem(), hostile)
	for name, write := range map[string]func(Style) (string, error){
		"announcement": a.Render,
		"nudge":        func(s Style) (string, error) { return n.Render(s, Policy{}) },
	} {
		plain, err := write(Plain)
		if err != nil {
			t.Fatal(err)
		}
		slack, err := write(Mrkdwn)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(slack, "<>") || strings.Contains(strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(slack), "&") {
			t.Errorf("%s: Slack would read a mention in\n%s", name, slack)
		}
		for _, text := range []string{plain, slack} {
			if strings.Contains(text, "\n- everything") || strings.ContainsRune(text, '\u202e') {
				t.Errorf("%s: a line of somebody's own in\n%s", name, text)
			}
			if len(text) > 20_000 || !strings.Contains(text, "and 20 steps more") {
				t.Errorf("%s is %d bytes long", name, len(text))
			}
		}
	}
}

func TestEveryKindOfStepHasItsWords(t *testing.T) {
	for _, kind := range journey.Kinds() {
		s := service()
		s.Kind = kind
		if words(s) == string(s.ID) {
			t.Errorf("%s has none", kind)
		}
	}
}

func TestAWaveWithoutStepsIsToldToNobody(t *testing.T) {
	p, j := proposed()
	if a := Announce(p, j, 99, Notice{Now: noon(t)}); a != nil {
		t.Errorf("%v", a)
	}
	if a := Announce(expansion.Proposal{}, journey.Journey{}, 1, Notice{}); a != nil {
		t.Errorf("%v", a)
	}
}
