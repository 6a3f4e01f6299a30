package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/store/pgtest"
)

// messagePromises are what every database must keep about messages. Each gets the options of an empty one.
var messagePromises = []struct {
	name  string
	check func(t *testing.T, opts Options)
}{
	{"what is told is told once", toldOnce},
	{"all that waits for one address goes out together, once it is due", goesOutTogether},
	{"what cannot reach anybody is shown and never claimed", showsUnreachable},
	{"a letter is one program's at a time", claimedOnce},
	{"many programs at once send each letter once", sentOnceByMany},
	{"a letter whose program is gone goes to another as it was", takenOver},
	{"what failed is tried again at its time, and given up in the end", triedAgain},
	{"what waits or failed can be hastened", hastened},
	{"reminders answer the announcement", answersAnnouncement},
	{"two programs that find silence at once tell it once", remindedOnce},
	{"each line of the audit is heard once", heardOnce},
	{"a request is taken in once", requestTakenOnce},
}

func TestMessagesAreKeptInSQLite(t *testing.T) {
	for _, p := range messagePromises {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.check(t, Options{Path: filepath.Join(t.TempDir(), "caravan.db")})
		})
	}
}

func TestMessagesAreKeptInPostgreSQL(t *testing.T) {
	cluster := pgtest.Start(t)
	for _, p := range messagePromises {
		t.Run(p.name, func(t *testing.T) { p.check(t, Options{Database: cluster.Database(t)}) })
	}
}

var everywhere = []message.Channel{message.Slack, message.Mail, message.Webhook}

// telling is a message of a wave to a team.
func telling(kind message.Kind, team string, wave int, over message.Channel) message.Message {
	m := message.Message{Kind: kind, Expansion: "indonesia", Wave: wave, Team: estate.TeamName(team), Address: message.Address{Channel: over, To: team + "@kopi.example"},
		At: noon, Due: noon.Add(5 * time.Minute), Title: fmt.Sprintf("%s %d", kind, wave), Text: "text"}
	m.Key = estate.DigestOf(m)
	return m
}

func tell(t *testing.T, s *Store, all ...message.Message) {
	t.Helper()
	if _, err := s.Tell(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func claim(t *testing.T, s *Store, worker string, now time.Time) message.Letter {
	t.Helper()
	l, err := s.Claim(t.Context(), worker, everywhere, now, now.Add(2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func deliveries(t *testing.T, s *Store) []Delivery {
	t.Helper()
	all, err := s.Messages(t.Context(), "indonesia", 0)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func titles(l message.Letter) []string {
	var out []string
	for _, m := range l.Messages {
		out = append(out, m.Title)
	}
	return out
}

func toldOnce(t *testing.T, opts Options) {
	s := open(t, opts)
	m := telling(message.Announcement, "orders", 1, message.Mail)
	for i, want := range []int{1, 0} {
		if n, err := s.Tell(t.Context(), []message.Message{m}); err != nil || n != want {
			t.Errorf("time %d: %d new, %v", i+1, n, err)
		}
	}
	if _, err := s.Ask(t.Context(), "indonesia", nil, []message.Message{m, telling(message.Announcement, "orders", 2, message.Mail)}); err != nil {
		t.Fatal(err)
	}
	all := deliveries(t, s)
	want := Delivery{Kind: message.Announcement, Expansion: "indonesia", Wave: 1, Team: "orders", Channel: message.Mail, To: "orders@kopi.example", Title: "announcement 1", At: noon, State: Waiting, Next: noon.Add(5 * time.Minute)}
	if len(all) != 2 || !cmp.Equal(want, all[1]) {
		t.Errorf("%s", cmp.Diff(want, all[len(all)-1]))
	}
}

func goesOutTogether(t *testing.T, opts Options) {
	s := open(t, opts)
	late := telling(message.News, "orders", 3, message.Mail)
	late.Due = noon.Add(9 * time.Minute)
	late.Key = "late"
	hook := telling(message.Announcement, "orders", 1, message.Webhook)
	hook.Bundle = string(hook.Key)
	tell(t, s, telling(message.Announcement, "orders", 1, message.Mail), telling(message.Announcement, "payments", 1, message.Mail), telling(message.Announcement, "orders", 2, message.Mail), late, hook)
	if l := claim(t, s, "a", noon.Add(4*time.Minute)); l.ID != "" {
		t.Errorf("claimed before it is due: %v", titles(l))
	}
	now := noon.Add(5 * time.Minute)
	l := claim(t, s, "a", now)
	if diff := cmp.Diff([]string{"announcement 1", "announcement 2", "news 3"}, titles(l)); diff != "" || l.To != "orders@kopi.example" || l.ID != message.IDOf(l.Messages) || l.Attempt != 1 {
		t.Errorf("%+v %s", l.Address, diff)
	}
	if only, err := s.Claim(t.Context(), "a", []message.Channel{message.Webhook}, now, now.Add(time.Minute)); err != nil || only.Channel != message.Webhook {
		t.Errorf("%+v, %v", only.Address, err)
	}
	if l := claim(t, s, "a", now); len(l.Messages) != 1 || l.To != "payments@kopi.example" {
		t.Errorf("%+v", l)
	}
	if l := claim(t, s, "a", now); l.ID != "" {
		t.Errorf("claimed twice: %v", titles(l))
	}
}

func showsUnreachable(t *testing.T, opts Options) {
	s := open(t, opts)
	m := telling(message.Announcement, "orders", 1, "")
	m.To, m.Lacks = "", "orders cannot be reached"
	tell(t, s, m)
	if l := claim(t, s, "a", noon.Add(time.Hour)); l.ID != "" {
		t.Errorf("%v", l)
	}
	if all := deliveries(t, s); len(all) != 1 || all[0].State != Undone || all[0].Error != m.Lacks {
		t.Errorf("%+v", all)
	}
}

func claimedOnce(t *testing.T, opts Options) {
	s, other := open(t, opts), open(t, opts)
	tell(t, s, telling(message.Announcement, "orders", 1, message.Mail))
	now := noon.Add(time.Hour)
	l := claim(t, s, "a", now)
	if again := claim(t, other, "b", now.Add(time.Minute)); again.ID != "" {
		t.Fatal("two programs have it")
	}
	if err := other.MarkSent(t.Context(), l.ID, "b", "stolen", now); err != nil {
		t.Fatal(err)
	}
	if d := deliveries(t, s)[0]; d.State != Sending || d.Receipt != "" {
		t.Errorf("%+v", d)
	}
	if err := s.MarkSent(t.Context(), l.ID, "a", "<id@kopi>", now); err != nil {
		t.Fatal(err)
	}
	if d := deliveries(t, s)[0]; d.State != Sent || d.Receipt != "<id@kopi>" || !d.Ended.Equal(now) || d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
	if again := claim(t, other, "b", now.Add(24*time.Hour)); again.ID != "" {
		t.Error("sent again")
	}
}

func sentOnceByMany(t *testing.T, opts Options) {
	s := open(t, opts)
	const letters, programs = 40, 4
	for i := range letters {
		tell(t, s, telling(message.Announcement, fmt.Sprintf("team%d", i), 1, message.Mail))
	}
	handles := make([]*Store, programs)
	for i := range handles {
		handles[i] = open(t, opts)
	}
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for i, h := range handles {
		all.Go(func() {
			worker := fmt.Sprintf("w%d", i)
			for {
				l, err := h.Claim(t.Context(), worker, everywhere, noon.Add(time.Hour), noon.Add(2*time.Hour))
				if err != nil {
					t.Error(err)
					return
				}
				if l.ID == "" {
					return
				}
				mu.Lock()
				got[l.To]++
				mu.Unlock()
				if err := h.MarkSent(t.Context(), l.ID, worker, "r", noon); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for to, n := range got {
		if n != 1 {
			t.Errorf("%s got it %d times", to, n)
		}
	}
	if len(got) != letters {
		t.Errorf("%d of %d sent", len(got), letters)
	}
}

func takenOver(t *testing.T, opts Options) {
	s := open(t, opts)
	tell(t, s, telling(message.Announcement, "orders", 1, message.Mail))
	now := noon.Add(time.Hour)
	first := claim(t, s, "a", now)
	tell(t, s, telling(message.Announcement, "orders", 2, message.Mail))
	second := claim(t, s, "b", now.Add(2*time.Minute))
	if second.ID != first.ID || second.Attempt != 2 || len(second.Messages) != 1 {
		t.Errorf("%+v, then %+v", first, second)
	}
	if third := claim(t, s, "b", now.Add(2*time.Minute)); len(third.Messages) != 1 || third.Messages[0].Wave != 2 {
		t.Errorf("what came later: %+v", third)
	}
}

func triedAgain(t *testing.T, opts Options) {
	s := open(t, opts)
	tell(t, s, telling(message.Announcement, "orders", 1, message.Mail))
	now := noon.Add(time.Hour)
	l := claim(t, s, "a", now)
	if err := s.MarkFailed(t.Context(), l.ID, "a", "421 busy", now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if d := deliveries(t, s)[0]; d.State != Waiting || d.Error != "421 busy" || !d.Next.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v", d)
	}
	if early := claim(t, s, "a", now.Add(59*time.Second)); early.ID != "" {
		t.Error("tried too early")
	}
	again := claim(t, s, "b", now.Add(time.Minute))
	if again.ID != l.ID || again.Attempt != 2 {
		t.Errorf("%+v", again)
	}
	if err := s.MarkFailed(t.Context(), l.ID, "b", "550 no such user", now.Add(time.Minute), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if d := deliveries(t, s)[0]; d.State != Undone || d.Error != "550 no such user" || d.Attempts != 2 || d.Ended.IsZero() {
		t.Errorf("%+v", d)
	}
	if l := claim(t, s, "a", now.Add(24*time.Hour)); l.ID != "" {
		t.Error("tried once more")
	}
}

func hastened(t *testing.T, opts Options) {
	s := open(t, opts)
	other := telling(message.Announcement, "payments", 1, message.Mail)
	other.Expansion = "vietnam"
	tell(t, s, telling(message.Announcement, "orders", 1, message.Mail))
	l := claim(t, s, "a", noon.Add(time.Hour))
	if err := s.MarkFailed(t.Context(), l.ID, "a", "550", noon.Add(time.Hour), time.Time{}); err != nil {
		t.Fatal(err)
	}
	tell(t, s, telling(message.Announcement, "orders", 2, message.Mail), other)
	if n, err := s.Hasten(t.Context(), "indonesia", noon); err != nil || n != 2 {
		t.Fatalf("%d, %v", n, err)
	}
	got := []string{claim(t, s, "a", noon).ID, claim(t, s, "a", noon).ID}
	if !slices.Contains(got, l.ID) || slices.Contains(got, "") {
		t.Errorf("%v, not %s", got, l.ID)
	}
	if l := claim(t, s, "a", noon); l.ID != "" {
		t.Errorf("of another expansion: %v", l)
	}
}

func answersAnnouncement(t *testing.T, opts Options) {
	s := open(t, opts)
	now := noon.Add(time.Hour)
	tell(t, s, telling(message.Announcement, "orders", 1, message.Slack))
	l := claim(t, s, "a", now)
	if err := s.MarkSent(t.Context(), l.ID, "a", "C1:17.5", now); err != nil {
		t.Fatal(err)
	}
	reminder := telling(message.Reminder, "orders", 0, message.Slack)
	reminder.Bundle = "indonesia"
	tell(t, s, reminder)
	if l := claim(t, s, "a", now); l.Thread != "C1:17.5" || l.Messages[0].Kind != message.Reminder {
		t.Errorf("%+v", l)
	}
}

func remindedOnce(t *testing.T, opts Options) {
	s := open(t, opts)
	q := Question{Step: "id/service/orders", Digest: "sha256:1", Team: "orders", At: noon}
	if _, err := s.Ask(t.Context(), "indonesia", []Question{q}, nil); err != nil {
		t.Fatal(err)
	}
	ask, now := consent.Ask{Team: "orders", Step: q.Step, Digest: q.Digest}, noon.Add(25*time.Hour)
	due := func(_ []consent.GreenLight, _ []consent.Veto, asked map[consent.Ask]consent.Asked) ([]consent.Nudge, []message.Message, error) {
		if !asked[ask].At.Equal(noon) {
			t.Errorf("%+v", asked)
		}
		if !asked[ask].Reminded.IsZero() {
			return nil, nil, nil
		}
		m := telling(message.Reminder, "orders", 0, message.Mail)
		m.Key = estate.DigestOf(time.Now().UnixNano()) // even if each would say it in other words
		return []consent.Nudge{{To: "orders", Open: []consent.Open{{Ask: ask, Kind: consent.Reminding}}}}, []message.Message{m}, nil
	}
	var all sync.WaitGroup
	for range 4 {
		h := open(t, opts)
		all.Go(func() {
			if err := h.Remind(t.Context(), "indonesia", now, due); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if told := deliveries(t, s); len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
}

func heardOnce(t *testing.T, opts Options) {
	s := open(t, opts)
	for _, what := range []string{"move started", "move finished"} {
		if err := s.AddEntry(t.Context(), Entry{At: noon, By: "ayu", What: what, Expansion: "indonesia"}); err != nil {
			t.Fatal(err)
		}
	}
	news, after, err := s.Unheard(t.Context(), 0)
	if err != nil || len(news) != 2 || after != 0 {
		t.Fatalf("%v after %d, %v", news, after, err)
	}
	for i, wave := range []int{1, 2} { // the second has read the same lines, and comes too late
		if err := s.Heard(t.Context(), after, news[1].ID, []message.Message{telling(message.News, "orders", wave, message.Mail)}); err != nil {
			t.Fatal(err)
		}
		if told := deliveries(t, s); len(told) != 1 {
			t.Errorf("after %d: %d told", i+1, len(told))
		}
	}
	if news, after, err := s.Unheard(t.Context(), 0); err != nil || len(news) != 0 || after != 2 {
		t.Errorf("%v after %d, %v", news, after, err)
	}
}

func requestTakenOnce(t *testing.T, opts Options) {
	s := open(t, opts)
	for i, want := range []bool{true, false} {
		if first, err := s.TakeOnce(t.Context(), "v0=abc", noon, noon.Add(10*time.Minute)); err != nil || first != want {
			t.Errorf("%d: %v, %v", i, first, err)
		}
	}
	if first, err := s.TakeOnce(t.Context(), "v0=abc", noon.Add(time.Hour), noon.Add(2*time.Hour)); err != nil || !first {
		t.Errorf("it is forgotten in time: %v, %v", first, err)
	}
}
