package testbed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// takes asks for room in a goroutine. What it waits for is on waits, and how it ended on ended.
func takes(ctx context.Context, r room, size int) (waits <-chan string, ended <-chan func(), failed <-chan error) {
	said, free, wrong := make(chan string, 2), make(chan func(), 1), make(chan error, 1)
	go func() {
		f, err := r.take(ctx, size, func(line string) { said <- line })
		if err != nil {
			wrong <- err
			return
		}
		free <- f
	}()
	return said, free, wrong
}

func TestASmallBedDoesNotOvertakeALargeOne(t *testing.T) {
	t.Parallel()
	r := room{dir: t.TempDir(), places: 10}
	first, err := r.take(t.Context(), 8, func(line string) { t.Errorf("the first is %s", line) })
	if err != nil {
		t.Fatal(err)
	}
	waits, large, _ := takes(t.Context(), r, 5)
	if line := <-waits; line != "waiting for room for a bed of size 5 beside others, of 10 in all" {
		t.Error(line)
	}
	behind, small, _ := takes(t.Context(), r, 1)
	if line := <-behind; line != "waiting for other beds that wait for room" {
		t.Errorf("a small bed overtakes a large one: %s", line)
	}
	first()
	(<-large)()
	(<-small)()
}

func TestWhoNoLongerWaitsForRoomHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r := room{dir: t.TempDir(), places: 4}
	first, err := r.take(t.Context(), 3, func(line string) { t.Errorf("the first is %s", line) })
	if err != nil {
		t.Fatal(err)
	}
	defer first()
	ctx, cancel := context.WithCancel(t.Context())
	waits, _, failed := takes(ctx, r, 4)
	<-waits
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "room for a bed of size 4") {
		t.Error(err)
	}
	free, err := r.take(t.Context(), 1, func(line string) { t.Errorf("the next is %s", line) })
	if err != nil {
		t.Fatal(err)
	}
	free()
}

func TestABedWhoseTestWasKilledIsTakenAwayAndOthersStay(t *testing.T) {
	t.Parallel()
	if err := Possible(); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	orphan, err := nameHere("orphan")
	if err != nil {
		t.Fatal(err)
	}
	tested, err := nameHere("tested")
	if err != nil {
		t.Fatal(err)
	}
	held, err := hold(t.Context(), tested)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, name := range []string{orphan, tested} {
		if err := errors.Join(os.MkdirAll(filepath.Join(home, name, "logs"), 0o755), os.WriteFile(marker(name), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		_ = errors.Join(Down(context.Background(), tested), forgetMarker(tested))
	}()
	removeOrphans(t.Context(), func(line string) { t.Log(line) })
	gone := func(path string) (bool, error) {
		_, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
	for _, path := range []string{filepath.Join(home, orphan), marker(orphan)} {
		// A test of another package may be about to take it away.
		if err := wait(t.Context(), func(string) {}, path+" to go", func() (bool, error) { return gone(path) }); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{filepath.Join(home, tested), marker(tested)} {
		if is, err := gone(path); is || err != nil {
			t.Errorf("%s of a bed in use is gone: %v", path, err)
		}
	}
}
