package testbed

import (
	"context"
	"os"
	"testing"
	"time"
)

// raising is how long a bed may take with nothing in the cache.
const raising = 30 * time.Minute

// Start raises a bed for a test, which is skipped where there can be none unless CARAVAN_TEST_ALL is set, and takes it away
// when the test ends. When it fails, the end of what every program said goes to the test's log, and with CARAVAN_TESTBED_KEEP set the
// bed stays.
func Start(t testing.TB, o Options) *Bed {
	t.Helper()
	if err := Possible(); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if o.Name == "" {
		o.Name = "test" // and no test takes away the bed that somebody works with
	}
	ctx, cancel := context.WithTimeout(t.Context(), raising)
	defer cancel()
	b, err := Up(ctx, o, func(line string) { t.Log(line) })
	t.Cleanup(func() {
		if t.Failed() && b != nil {
			b.quote(t)
		}
		if t.Failed() && os.Getenv("CARAVAN_TESTBED_KEEP") != "" {
			t.Logf("the bed %s is kept, to be looked at", o.Name)
			return
		}
		if err := Down(context.Background(), o.Name); err != nil {
			t.Errorf("take the bed away: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// quote logs the end of every log.
func (b *Bed) quote(t testing.TB) {
	const last = 2 << 10
	entries, err := os.ReadDir(b.Logs())
	if err != nil {
		return
	}
	for _, e := range entries {
		if data, err := os.ReadFile(b.Logs() + "/" + e.Name()); err == nil {
			t.Logf("%s ends in:\n%s", e.Name(), data[max(0, len(data)-last):])
		}
	}
}
