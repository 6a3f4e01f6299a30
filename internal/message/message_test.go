package message

import (
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func announcement() consent.Announcement {
	return consent.Announcement{Team: "orders", Expansion: "indonesia", Country: "ID", Wave: 2, Digest: "sha256:d", Todo: []consent.Todo{{Step: "id/service/orders", Want: 1}}}
}

func TestTheSameIsToldOnceAndAnotherThingAgain(t *testing.T) {
	over := []Address{{Slack, "#orders"}, {Mail, "orders@kopi.example"}, {Webhook, ""}}
	keys := map[estate.Digest]string{}
	add := func(what string, told Telling, want int) {
		t.Helper()
		all, err := told.Over(over, noon, Timing{})
		if err != nil {
			t.Fatal(err)
		}
		fresh := 0
		for _, m := range all {
			if _, known := keys[m.Key]; !known {
				fresh++
			}
			keys[m.Key] = what
		}
		if fresh != want {
			t.Errorf("%s: %d new messages, not %d", what, fresh, want)
		}
	}
	a := announcement()
	add("an announcement", OfAnnouncement(a, consent.Templates{}), 3)
	agreed := a
	agreed.Todo, agreed.Waits = nil, []string{"frozen"}
	add("the same when somebody has agreed", OfAnnouncement(agreed, consent.Templates{}), 0)
	changed := a
	changed.Digest = "sha256:e"
	add("a step of it changed", OfAnnouncement(changed, consent.Templates{}), 3)
	next := a
	next.Wave = 3
	add("another wave", OfAnnouncement(next, consent.Templates{}), 3)
	ask := consent.Ask{Team: "orders", Step: "id/service/orders", Digest: "sha256:1"}
	n := consent.Nudge{To: "orders", Expansion: "indonesia", Open: []consent.Open{{Ask: ask, Kind: consent.Reminding, Since: noon, Want: 1}}}
	first := map[consent.Ask]consent.Asked{ask: {At: noon}}
	second := consent.Recorded(first, []consent.Nudge{n}, noon.Add(24*time.Hour))
	add("a reminder", OfNudge(n, first, consent.Policy{}, consent.Templates{}), 3)
	add("the same round", OfNudge(n, first, consent.Policy{}, consent.Templates{}), 0)
	add("the next round", OfNudge(n, second, consent.Policy{}, consent.Templates{}), 3)
	news := consent.News{Team: "orders", Expansion: "indonesia", Wave: 2, What: consent.Began}
	add("news", OfNews(news, "indonesia-1", consent.Templates{}), 3)
	add("the same news", OfNews(news, "indonesia-1", consent.Templates{}), 0)
	add("of another run", OfNews(news, "indonesia-2", consent.Templates{}), 3)
}

func TestWhoCannotBeReachedIsSaid(t *testing.T) {
	all, err := OfAnnouncement(announcement(), consent.Templates{}).Over(nil, noon, Timing{Digest: time.Hour})
	if err != nil || len(all) != 1 || !strings.Contains(all[0].Lacks, "orders cannot be reached") {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestEachChannelHasWhatItNeeds(t *testing.T) {
	all, err := OfAnnouncement(announcement(), consent.Templates{}).Over([]Address{{Slack, "#orders"}, {Mail, "o@x"}, {Webhook, ""}}, noon, Timing{Digest: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	slack, mail, hook := all[0], all[1], all[2]
	if slack.Ask == nil || slack.Ask.Digest != "sha256:d" || len(slack.Ask.Steps) != 1 || !strings.Contains(slack.Text, "*What you need do*") || slack.Bundle != "" {
		t.Errorf("Slack: %+v", slack)
	}
	if mail.Ask != nil || !strings.Contains(mail.HTML, "<b>") || strings.Contains(mail.Text, "<b>") || !mail.Due.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("mail: %+v", mail)
	}
	if len(hook.Value) == 0 || hook.Bundle == "" || !hook.Due.Equal(noon) {
		t.Errorf("webhook: %+v", hook)
	}
}

func TestALetterSaysWhatIsInIt(t *testing.T) {
	one := Message{Kind: Announcement, Expansion: "indonesia", Team: "orders", Title: "Wave 1", Text: "one\n", HTML: "<b>one</b>\n    detail\n"}
	two := Message{Kind: Reminder, Expansion: "indonesia", Team: "orders", Title: "2 questions", Text: "two\n", HTML: "two\n"}
	three := Message{Kind: News, Expansion: "vietnam", Team: "orders", Title: "Wave 2", Text: "three\n"}
	l := Letter{Messages: []Message{one}}
	if l.Subject() != "Wave 1" || l.Text() != "one\n" {
		t.Errorf("%q %q", l.Subject(), l.Text())
	}
	l.Messages = []Message{one, one, two, three}
	if want := "indonesia, vietnam: 2 announcements, 1 reminder, 1 news for orders"; l.Subject() != want {
		t.Errorf("%q", l.Subject())
	}
	if !strings.Contains(l.Text(), "one"+rule+"one"+rule+"two") || strings.Count(l.HTML(), "<hr>") != 3 || !strings.Contains(l.HTML(), "<b>one</b><br>\n&nbsp;&nbsp;&nbsp;&nbsp;detail") {
		t.Errorf("%s\n%s", l.Text(), l.HTML())
	}
	if IDOf([]Message{{Key: "a"}, {Key: "b"}}) != IDOf([]Message{{Key: "b"}, {Key: "a"}}) || IDOf([]Message{{Key: "a"}}) == IDOf([]Message{{Key: "b"}}) {
		t.Error("ids do not tell letters apart")
	}
}

func TestQuietHoursEndInTheMorningOfTheirZone(t *testing.T) {
	jakarta, err := time.LoadLocation("Asia/Jakarta")
	if err != nil {
		t.Fatal(err)
	}
	night := Timing{From: 20 * 60, Until: 7*60 + 30, Zone: jakarta}
	lunch := Timing{From: 12 * 60, Until: 13 * 60, Zone: jakarta}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, jakarta) }
	for _, tt := range []struct {
		when     Timing
		at, want time.Time
	}{
		{night, at(2, 19, 59), at(2, 19, 59)},
		{night, at(2, 20, 0), at(3, 7, 30)},
		{night, at(3, 0, 30), at(3, 7, 30)},
		{night, at(3, 7, 29), at(3, 7, 30)},
		{night, at(3, 7, 30), at(3, 7, 30)},
		{night, at(31, 23, 0), at(32, 7, 30)},
		{lunch, at(2, 12, 30), at(2, 13, 0)},
		{lunch, at(2, 13, 0), at(2, 13, 0)},
		{Timing{}, at(2, 3, 0), at(2, 3, 0)},
		{Timing{Digest: 10 * time.Minute, From: 20 * 60, Until: 7 * 60, Zone: jakarta}, at(2, 19, 55), at(3, 7, 0)},
	} {
		if got := tt.when.Due(Mail, tt.at); !got.Equal(tt.want) {
			t.Errorf("%s: %s, not %s", tt.at, got, tt.want)
		}
		if got := tt.when.Due(Webhook, tt.at); !got.Equal(tt.at) {
			t.Errorf("a program waits until %s", got)
		}
	}
}

func TestPausesGrowToAnHour(t *testing.T) {
	total := time.Duration(0)
	for n := 1; n < MostAttempts; n++ {
		if Pause(n) < time.Minute || Pause(n) > time.Hour || Pause(n+1) < Pause(n) {
			t.Errorf("%d: %s", n, Pause(n))
		}
		total += Pause(n)
	}
	if total < 12*time.Hour || total > 24*time.Hour {
		t.Errorf("given up after %s", total)
	}
}
