package outbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/store/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// courier keeps what it is given, and answers as it is told to.
type courier struct {
	mu      sync.Mutex
	answers []error
	got     []message.Letter
	before  func()
}

func (c *courier) Send(_ context.Context, l message.Letter) (string, error) {
	if c.before != nil {
		c.before()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, l)
	if len(c.answers) > 0 {
		err := c.answers[0]
		c.answers = c.answers[1:]
		return "", err
	}
	return "receipt " + l.ID, nil
}

func open(t *testing.T, opts store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func file(t *testing.T) store.Options {
	return store.Options{Path: filepath.Join(t.TempDir(), "caravan.db")}
}

func tell(t *testing.T, s *store.Store, over message.Channel, to string, titles ...string) {
	t.Helper()
	for _, title := range titles {
		m := message.Message{Kind: message.Announcement, Expansion: "indonesia", Wave: 1, Team: estate.TeamName(to), Address: message.Address{Channel: over, To: to}, At: noon, Due: noon, Title: title, Text: title}
		m.Key = estate.DigestOf(m)
		if _, err := s.Tell(t.Context(), []message.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
}

func states(t *testing.T, s *store.Store) []string {
	t.Helper()
	all, err := s.Messages(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%s %s %d %s", d.Title, d.State, d.Attempts, d.Error))
	}
	slices.Sort(out)
	return out
}

func run(t *testing.T, o *Outbox, now time.Time) {
	t.Helper()
	if err := o.RunOnce(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func TestWhatFailsForNowIsTriedLaterAndLater(t *testing.T) {
	s := open(t, file(t))
	tell(t, s, message.Mail, "orders", "a")
	c := &courier{answers: []error{
		fault.Newf(fault.Unavailable, "421 busy"),
		&message.Later{After: 30 * time.Minute, Err: fault.Newf(fault.Unavailable, "wait")},
	}}
	o := New(Options{Store: s, Couriers: map[message.Channel]Courier{message.Mail: c}, Now: func() time.Time { return noon }})
	for _, tt := range []struct {
		after time.Duration
		sent  int
	}{{0, 1}, {59 * time.Second, 1}, {time.Minute, 2}, {30 * time.Minute, 2}, {31 * time.Minute, 3}, {time.Hour, 3}} {
		run(t, o, noon.Add(tt.after))
		if len(c.got) != tt.sent {
			t.Errorf("after %s: tried %d times, not %d", tt.after, len(c.got), tt.sent)
		}
	}
	for _, l := range c.got {
		if l.ID != c.got[0].ID {
			t.Error("a second copy could not be recognised")
		}
	}
	if got := states(t, s); got[0] != "a sent 3 " {
		t.Errorf("%v", got)
	}
}

func TestWhatFailsForGoodIsShownAndKeepsNothingElseWaiting(t *testing.T) {
	s := open(t, file(t))
	tell(t, s, message.Mail, "orders", "a")
	tell(t, s, message.Mail, "payments", "b")
	tell(t, s, message.Slack, "#orders", "c")
	c := &courier{answers: []error{fault.Newf(fault.Invalid, "550 no such user\npassword=hunter2-canary-%s", strings.Repeat("x", 500))}}
	down := &courier{answers: []error{fault.Newf(fault.Unavailable, "down")}}
	o := New(Options{Store: s, Couriers: map[message.Channel]Courier{message.Mail: c, message.Slack: down}, Now: func() time.Time { return noon },
		Collect: func(context.Context, time.Time) error { return nil }})
	run(t, o, noon)
	got := states(t, s)
	if !strings.HasPrefix(got[0], "a failed 1 550 no such user") || got[1] != "b sent 1 " || got[2] != "c waiting 1 down" {
		t.Errorf("%q", got)
	}
	if strings.Contains(got[0], "canary") || strings.ContainsRune(got[0], '\n') || len([]rune(got[0])) > mostWhy+20 {
		t.Errorf("kept as it came: %q", got[0])
	}
}

func TestItIsGivenUpInTheEnd(t *testing.T) {
	s := open(t, file(t))
	tell(t, s, message.Mail, "orders", "a")
	c := &courier{}
	for range 100 {
		c.answers = append(c.answers, fault.Newf(fault.Unavailable, "down"))
	}
	o := New(Options{Store: s, Couriers: map[message.Channel]Courier{message.Mail: c}, Now: func() time.Time { return noon }})
	for hour := range 48 {
		for minute := range 60 {
			run(t, o, noon.Add(time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute))
		}
	}
	if got := states(t, s); len(c.got) != message.MostAttempts || got[0] != fmt.Sprintf("a failed %d down", message.MostAttempts) {
		t.Errorf("tried %d times: %v", len(c.got), got)
	}
}

func TestPeopleAreLeftAloneInQuietHoursAndProgramsAreNot(t *testing.T) {
	s := open(t, file(t))
	tell(t, s, message.Mail, "orders", "a")
	tell(t, s, message.Webhook, "", "b")
	mail, hook := &courier{}, &courier{}
	o := New(Options{Store: s, Couriers: map[message.Channel]Courier{message.Mail: mail, message.Webhook: hook}, Now: func() time.Time { return noon },
		Timing: message.Timing{From: 20 * 60, Until: 7 * 60, Zone: time.UTC}})
	night := noon.Add(10 * time.Hour)
	run(t, o, night)
	if len(mail.got) != 0 || len(hook.got) != 1 {
		t.Errorf("%d mails, %d posts", len(mail.got), len(hook.got))
	}
	run(t, o, noon.Add(19*time.Hour))
	if len(mail.got) != 1 {
		t.Errorf("in the morning: %d mails", len(mail.got))
	}
	tell(t, s, message.Mail, "orders", "c")
	if err := o.Flush(t.Context(), night); err != nil || len(mail.got) != 2 {
		t.Errorf("told to: %d mails, %v", len(mail.got), err)
	}
}

func TestSeveralProgramsSendEachLetterOnce(t *testing.T) {
	for name, opts := range map[string]func(*testing.T) store.Options{
		"SQLite":     file,
		"PostgreSQL": func(t *testing.T) store.Options { return store.Options{Database: pgtest.Start(t).Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			where := opts(t)
			s := open(t, where)
			const letters = 30
			for i := range letters {
				tell(t, s, message.Mail, fmt.Sprintf("team%d", i), "x", "y")
			}
			c := &courier{}
			var all sync.WaitGroup
			for range 3 {
				o := New(Options{Store: open(t, where), Couriers: map[message.Channel]Courier{message.Mail: c}, Now: func() time.Time { return noon }})
				all.Go(func() {
					if err := o.RunOnce(t.Context(), noon); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			seen := map[string]int{}
			for _, l := range c.got {
				seen[l.ID]++
				if len(l.Messages) != 2 {
					t.Errorf("%s: %d messages", l.To, len(l.Messages))
				}
			}
			if len(seen) != letters || len(c.got) != letters {
				t.Errorf("%d letters, sent %d times", len(seen), len(c.got))
			}
		})
	}
}

// TestAProgramThatDiesBetweenSendingAndRecordSendsACopyThatIsRecognised takes the store away at the worst moment.
func TestAProgramThatDiesBetweenSendingAndRecordSendsACopyThatIsRecognised(t *testing.T) {
	where := file(t)
	first, second := open(t, where), open(t, where)
	tell(t, first, message.Mail, "orders", "a")
	c := &courier{}
	c.before = func() { _ = first.Close() }
	dying := New(Options{Store: first, Couriers: map[message.Channel]Courier{message.Mail: c}, Now: func() time.Time { return noon }})
	if err := dying.RunOnce(t.Context(), noon); err == nil {
		t.Fatal("it could record it")
	}
	c.before = nil
	tell(t, second, message.Mail, "orders", "b")
	o := New(Options{Store: second, Couriers: map[message.Channel]Courier{message.Mail: c}, Now: func() time.Time { return noon }})
	run(t, o, noon.Add(lease-time.Second))
	run(t, o, noon.Add(lease))
	copies := 0
	for _, l := range c.got {
		if l.ID == c.got[0].ID {
			copies++
		}
	}
	if copies != 2 || len(c.got) != 3 {
		t.Errorf("%d copies among %d letters", copies, len(c.got))
	}
	if got := states(t, second); got[0] != "a sent 2 " || got[1] != "b sent 1 " {
		t.Errorf("%v", got)
	}
}

func TestTheLoopCollectsAndSendsUntilItIsClosed(t *testing.T) {
	s := open(t, file(t))
	sent := make(chan bool, 1)
	c := &courier{before: func() { sent <- true }}
	once := sync.OnceFunc(func() { tell(t, s, message.Mail, "orders", "a") })
	o := New(Options{Store: s, Couriers: map[message.Channel]Courier{message.Mail: c}, Now: func() time.Time { return noon },
		Collect: func(context.Context, time.Time) error { once(); return errors.New("one expansion is broken") }})
	o.Start(t.Context())
	<-sent
	o.Hurry()
	o.Close()
	if len(c.got) != 1 {
		t.Errorf("%d letters", len(c.got))
	}
}
