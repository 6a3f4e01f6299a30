package testbed

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// raising is how long a bed may take with nothing in the cache.
const raising = 30 * time.Minute

// Start raises a bed for a test, which is skipped where there can be none unless CARAVAN_TEST_ALL
// is set, and takes it away when the test ends. The bed's name is the one asked for ("test" when
// empty) with a mark of the checkout, so that two checkouts on one machine can be tested at once.
// Where others leave no room for it, the test waits until there is some. When it fails, the end of
// what every program said goes to the test's log, and with CARAVAN_TESTBED_KEEP set the bed stays.
func Start(t testing.TB, o Options) *Bed {
	t.Helper()
	if err := Possible(); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var err error
	if o.Name, err = nameHere(cmp.Or(o.Name, "test")); err != nil { // no test takes away the bed that somebody works with
		t.Fatal(err)
	}
	tell := func(line string) { t.Log(line) }
	leave, err := claim(t.Context(), o, tell)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), raising)
	defer cancel()
	b, err := Up(ctx, o, tell)
	t.Cleanup(func() {
		defer leave()
		if t.Failed() && b != nil {
			b.quote(t)
		}
		var err error
		if t.Failed() && os.Getenv("CARAVAN_TESTBED_KEEP") != "" {
			t.Logf("the bed %s is kept, to be looked at", o.Name)
		} else {
			err = Down(context.Background(), o.Name)
		}
		if err := errors.Join(err, forgetMarker(o.Name)); err != nil {
			t.Errorf("take the bed away: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// quotes begins the lines that follow a failed test's own, which internal/suite leaves to its log.
const quotes = "The programs of the bed said last:"

// quote logs the end of every log.
func (b *Bed) quote(t testing.TB) {
	const last = 2 << 10
	entries, err := os.ReadDir(b.Logs())
	if err != nil {
		return
	}
	t.Log(quotes)
	for _, e := range entries {
		if data, err := os.ReadFile(filepath.Join(b.Logs(), e.Name())); err == nil {
			t.Logf("%s ends in:\n%s", e.Name(), data[max(0, len(data)-last):])
		}
	}
}
