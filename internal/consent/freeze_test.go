package consent

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const weekend = "zone: Asia/Jakarta\nrules:\n  - {name: weekend, freeze: [{from: Friday 16:00, until: Monday 08:00, because: nobody is there}]}\n"

func TestFreezeWindowsHoldByTheClockOnTheWall(t *testing.T) {
	const once = "zone: Asia/Jakarta\nrules:\n  - {name: feast, freeze: [{from: 2026-03-18, until: 2026-03-25 08:00}]}\n"
	const berlin = "rules:\n  - {name: night, freeze: [{from: Saturday 22:00, until: Sunday 06:00, zone: Europe/Berlin}]}\n"
	const sameDay = "rules:\n  - {name: lunch, freeze: [{from: Wednesday 12:00, until: Wednesday 13:00}]}\n"
	const allButLunch = "rules:\n  - {name: lunch, freeze: [{from: Wednesday 13:00, until: Wednesday 12:00}]}\n"
	const joined = "zone: Asia/Jakarta\nrules:\n  - {name: weekend, freeze: [{from: Friday 16:00, until: Monday 08:00}]}\n  - {name: feast, freeze: [{from: 2026-03-09, until: 2026-03-13 17:00}]}\n"
	const always = "rules:\n  - {name: never, freeze: [{from: Monday 00:00, until: Thursday 00:00}, {from: Thursday 00:00, until: Monday 00:00}]}\n"
	for _, tt := range []struct{ name, policy, at, want string }{
		{"before the weekend", weekend, "2026-03-06T15:59:59+07:00", ""},
		{"as it begins", weekend, "2026-03-06T16:00:00+07:00", "frozen until Monday 9 March 2026, 08:00 (Asia/Jakarta) by weekend: nobody is there"},
		{"the same moment, said in another zone", weekend, "2026-03-06T09:00:00Z", "frozen until Monday 9 March 2026, 08:00 (Asia/Jakarta) by weekend: nobody is there"},
		{"in the middle", weekend, "2026-03-08T12:00:00+07:00", "frozen until Monday 9 March 2026, 08:00 (Asia/Jakarta) by weekend: nobody is there"},
		{"its last moment", weekend, "2026-03-09T07:59:59+07:00", "frozen until Monday 9 March 2026, 08:00 (Asia/Jakarta) by weekend: nobody is there"},
		{"as it ends", weekend, "2026-03-09T08:00:00+07:00", ""},
		{"before a date", once, "2026-03-17T23:59:59+07:00", ""},
		{"from midnight of a date", once, "2026-03-18T00:00:00+07:00", "frozen until Wednesday 25 March 2026, 08:00 (Asia/Jakarta) by feast"},
		{"after a date", once, "2026-03-25T08:00:00+07:00", ""},
		{"a night that is an hour shorter", berlin, "2026-03-29T03:59:59Z", "frozen until Sunday 29 March 2026, 06:00 (Europe/Berlin) by night"},
		{"ends by the clock on the wall", berlin, "2026-03-29T04:00:00Z", ""},
		{"a night that is an hour longer", berlin, "2026-10-25T04:59:59Z", "frozen until Sunday 25 October 2026, 06:00 (Europe/Berlin) by night"},
		{"ends by the clock on the wall, in winter too", berlin, "2026-10-25T05:00:00Z", ""},
		{"an hour of one day", sameDay, "2026-03-04T12:30:00Z", "frozen until Wednesday 4 March 2026, 13:00 (UTC) by lunch"},
		{"not before that hour", sameDay, "2026-03-04T11:59:59Z", ""},
		{"all week but an hour, before it", allButLunch, "2026-03-04T11:00:00Z", "frozen until Wednesday 4 March 2026, 12:00 (UTC) by lunch"},
		{"all week but an hour, in it", allButLunch, "2026-03-04T12:30:00Z", ""},
		{"all week but an hour, after it", allButLunch, "2026-03-04T13:00:00Z", "frozen until Wednesday 11 March 2026, 12:00 (UTC) by lunch"},
		{"windows that follow each other are one", joined, "2026-03-07T12:00:00+07:00", "frozen until Monday 16 March 2026, 08:00 (Asia/Jakarta) by weekend"},
		{"windows without a gap", always, "2026-03-04T12:00:00Z", "frozen with no end in sight by never"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			s := service()
			v := Missing(s, []GreenLight{yes(s, "orders", "ani")}, nil, policy(t, tt.policy), now)
			got := ""
			for _, r := range v.Reasons {
				got += r.Text
			}
			if got != tt.want || v.Allowed != (tt.want == "") {
				t.Errorf("got %q, allowed %v", got, v.Allowed)
			}
		})
	}
}

func TestNoGreenLightGetsRoundAFreeze(t *testing.T) {
	p, s := policy(t, weekend), service()
	lights := []GreenLight{yes(s, "orders", "ani"), yes(s, "platform", "gita")}
	if v := Missing(s, lights, nil, p, at(t, "2026-03-07 12:00")); v.Allowed || v.Reasons[0].Kind != Frozen || v.Reasons[0].Until.IsZero() {
		t.Errorf("%+v", v)
	}
}

func TestAWeeklyWindowHoldsOnceAWeekForItsLength(t *testing.T) {
	days := []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom(days).Draw(t, "from") + rapid.SampledFrom([]string{" 00:00", " 08:30", " 23:59"}).Draw(t, "at")
		until := rapid.SampledFrom(days).Draw(t, "until") + rapid.SampledFrom([]string{" 00:00", " 08:30", " 17:00"}).Draw(t, "ends")
		p, err := read("rules:\n  - {name: w, freeze: [{from: " + from + ", until: " + until + "}]}\n")
		if from == until {
			if err == nil {
				t.Fatal("a week without a gap")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		w := p.Rules[0].Freeze[0]
		begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		minutes := 0
		for m := range week * 24 * 60 {
			if _, frozen := w.holds(begin.Add(time.Duration(m) * time.Minute)); frozen {
				minutes++
			}
		}
		of := func(w wall) int { return int(w.day)*24*60 + w.hour*60 + w.minute }
		const all = week * 24 * 60
		if want := (of(w.end) - of(w.begin) + all) % all; minutes != want {
			t.Errorf("%s until %s: %d minutes, want %d", from, until, minutes, want)
		}
	})
}
