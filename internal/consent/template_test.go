package consent

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestATemplateOfACompanysOwnIsUsedInEveryStyle(t *testing.T) {
	own, err := Templates{}.With("announcement", "{{heading .Expansion}} for {{.Team}}\n{{range .Changes}}{{bullet}} {{.Text}}\n{{end}}")
	if err != nil {
		t.Fatal(err)
	}
	a := Announcement{Team: "a<!channel>&b", Expansion: "indonesia", Changes: []Change{{Text: "x\n- y"}}}
	for style, want := range map[Style]string{
		Plain:  "indonesia for a<!channel>&b\n- x - y\n",
		Mrkdwn: "*indonesia* for a&lt;!channel&gt;&amp;b\n• x - y\n",
		HTML:   "<b>indonesia</b> for a&lt;!channel&gt;&amp;b\n• x - y\n",
	} {
		if got, err := own.Announcement(a, style); err != nil || got != want {
			t.Errorf("%d: %q, %v", style, got, err)
		}
	}
	if got, err := own.News(News{Expansion: "indonesia", What: Began}, Plain); err != nil || !strings.Contains(got, "indonesia") {
		t.Errorf("the others are as they were: %q, %v", got, err)
	}
}

func TestATemplateThatCannotBeIsNamedWithItsLine(t *testing.T) {
	for _, tt := range []struct{ name, template, text, want string }{
		{"a word there is not", "announcement", "hello\n{{.Wawe}}\n", "2: <.Wawe>: can't evaluate field Wawe"},
		{"a word of another message", "nudge", "{{range .Open}}\n\n{{.Text}}{{end}}", "3: <.Text>: can't evaluate field Text"},
		{"an end that is missing", "news", "{{if .Back}}\n", "unexpected EOF"},
		{"a function there is not", "announcement", "\n\n{{shout .Team}}", `3: function "shout" not defined`},
		{"more than a message", "announcement", "{{range 100000}}a lot of words{{end}}", "longer than 64 KiB"},
		{"what is only there sometimes", "news", "{{(index .Changes 0).Text}}", "1: "},
		{"a message there is not", "hello", "", `there is no message "hello"; the templates are announcement, nudge, news`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Templates{}.With(tt.template, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNothingSomebodyWroteIsMoreThanTextInNewsOrHTML(t *testing.T) {
	var n News
	fillWith(reflect.ValueOf(&n).Elem(), hostile)
	n.What = Halted
	slack, err := n.Render(Mrkdwn)
	if err != nil || strings.ContainsAny(slack, "<>") {
		t.Errorf("%v: Slack would read a mention in\n%s", err, slack)
	}
	var a Announcement
	fillWith(reflect.ValueOf(&a).Elem(), `<img src=x onerror=alert(1)>&`)
	page, err := a.Render(HTML)
	if err != nil || strings.Contains(page, "<img") || !strings.Contains(page, "&lt;img src=x") {
		t.Errorf("%v: a browser would read markup in\n%s", err, page)
	}
}

func TestNewsSayWhatHappenedToWhom(t *testing.T) {
	p, j := proposed()
	rules := policy(t, "unowned: platform\ncontact: \"#help\"\nrules: [{name: sign-off, when: kind == \"traffic\", teams: [qa]}]\n")
	waves := 0
	for _, s := range j.Steps {
		waves = max(waves, s.Wave)
	}
	told := map[string]bool{}
	for wave := 1; wave <= waves; wave++ {
		for _, n := range Tell(p, j, News{Wave: wave, What: Halted, Why: "the disk is full"}, Notice{Policy: rules, Now: noon(t), Link: "https://c.example"}) {
			text, err := n.Render(Plain)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"has stopped", "the disk is full", "nothing else begins", "https://c.example", "#help"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			told[string(n.Team)] = true
		}
	}
	if !told["qa"] || !told["platform"] || !told["orders"] {
		t.Errorf("told: %v", told)
	}
}

func TestAnAnnouncementHasAnotherDigestWhenAStepOfItChanges(t *testing.T) {
	p, j := proposed()
	n := Notice{Policy: policy(t, "unowned: platform\n"), Now: noon(t)}
	for i, s := range j.Steps {
		if s.Team == "orders" {
			wave := s.Wave
			before := Announce(p, j, wave, n)
			n.Lights = []GreenLight{yes(Steps(p, j)[i], "orders", "ani")}
			agreed := Announce(p, j, wave, n)
			j.Steps[i].Digest = "sha256:changed"
			after := Announce(p, j, wave, n)
			for k := range before {
				if before[k].Digest != agreed[k].Digest {
					t.Errorf("%s: a green light changes what it is about", before[k].Team)
				}
				if changed := before[k].Digest != after[k].Digest; changed != (before[k].Team == "orders") {
					t.Errorf("%s: changed %v", before[k].Team, changed)
				}
			}
			return
		}
	}
	t.Fatal("orders owns nothing")
}

func TestWhoStandsInIsRemindedToo(t *testing.T) {
	p := policy(t, `rules:
  - name: silence
    remind: 24h
    delegates: [{team: orders, for: ani@kopi.example, by: budi@kopi.example, from: 2026-03-01, until: 2026-03-15}, {team: orders, for: ani@kopi.example, by: dewi, from: 2026-03-01}]
`)
	steps, when := []Step{service()}, noon(t)
	asked := askedAt(steps, p, when)
	now := when.Add(25 * time.Hour)
	nudges := Due(steps, nil, nil, p, asked, now)
	if len(nudges) != 2 || nudges[0].To != "budi@kopi.example" || nudges[0].Open[0].Kind != StandingIn || nudges[1].To != "orders" {
		t.Fatalf("%+v", nudges)
	}
	if again := Due(steps, nil, nil, p, Recorded(asked, nudges, now), now); again != nil {
		t.Errorf("told twice: %v", told(again))
	}
	if whom := p.StandsIn("Budi@kopi.example", "orders", now); whom != "ani@kopi.example" {
		t.Errorf("%q", whom)
	}
	if p.StandsIn("budi@kopi.example", "payments", now) != "" || p.StandsIn("budi@kopi.example", "orders", when.AddDate(1, 0, 0)) != "" {
		t.Error("stands in for others, or for ever")
	}
}
