package shell

import (
	"testing"
	"time"
)

func TestMomentsAreSaidAsPeopleSayThem(t *testing.T) {
	now := time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		age  time.Duration
		want string
		old  bool
	}{
		{0, "just now", false},
		{44 * time.Second, "just now", false},
		{50 * time.Second, "1 minute ago", false},
		{3 * time.Minute, "3 minutes ago", false},
		{89 * time.Minute, "89 minutes ago", false},
		{2 * time.Hour, "2 hours ago", false},
		{25 * time.Hour, "25 hours ago", true},
		{50 * time.Hour, "2 days ago", true},
		{-time.Minute, "just now", false}, // another machine's clock
	} {
		m := MomentOf(now.Add(-tt.age), now)
		if m.Ago != tt.want || m.Old != tt.old {
			t.Errorf("after %s: %q, old %t; want %q, %t", tt.age, m.Ago, m.Old, tt.want, tt.old)
		}
	}
	if m := MomentOf(now, now); m.Absolute != "2 March 2026, 09:30 UTC" || m.ISO != "2026-03-02T09:30:00Z" {
		t.Errorf("absolute %q, %q", m.Absolute, m.ISO)
	}
	if m := MomentOf(time.Time{}, now); m != (Moment{}) {
		t.Errorf("the zero time is said as %+v", m)
	}
}

func TestNumbersHaveCommasBetweenThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0 edges", 1: "1 edge", 999: "999 edges", 1000: "1,000 edges", 1234567: "1,234,567 edges"} {
		if got := Count(n, "edge"); got != want {
			t.Errorf("%d is said as %q, want %q", n, got, want)
		}
	}
}

func TestAddressesKeepTheSnapshotAndEscapeNames(t *testing.T) {
	f := Frame{Base: "/portal", Snapshot: "sha256:ab"}
	for got, want := range map[string]string{
		f.URL("/doubts"):                 "/portal/doubts?snapshot=sha256%3Aab",
		f.OnMap("a&b"):                   "/portal/?select=a%26b&snapshot=sha256%3Aab",
		Frame{}.Service("a/b?c#d"):       "/services/a%2Fb%3Fc%23d",
		Frame{Base: "/x"}.Service("..."): "/x/services/...",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
