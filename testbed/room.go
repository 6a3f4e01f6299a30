package testbed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Beds of tests share the computer, with those of other checkouts too: a test claims the name of
// its bed and room for it before it raises one. What was claimed is free again when the program
// ends, however it ends.

// nameHere is the name of a bed with a mark of the checkout.
func nameHere(name string) (string, error) {
	root, err := programs()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(root))
	return name + "-" + hex.EncodeToString(sum[:3]), nil
}

// marker is the file that says of a bed that a test raises it: it may be taken away once that
// test's program has ended.
func marker(name string) string { return filepath.Join(home, name+markerEnd) }

const markerEnd = ".test"

// claim waits until nobody else has a bed of that name and there is room for it, says what it waits
// for, and takes away the beds of tests that were killed. Whoever claimed calls leave once the bed
// is gone.
func claim(ctx context.Context, o Options, tell func(string)) (leave func(), err error) {
	held, err := waitToHold(ctx, o.Name, tell)
	if err != nil {
		return nil, err
	}
	free, err := here().take(ctx, o.size(), tell)
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	leave = func() {
		free()
		_ = held.Close()
	}
	if err := errors.Join(os.MkdirAll(home, 0o755), os.WriteFile(marker(o.Name), nil, 0o644)); err != nil {
		leave()
		return nil, err
	}
	removeOrphans(ctx, tell)
	return leave, nil
}

// hold takes the name of a test's bed, which the kernel gives to one program and takes back when
// that ends.
func hold(ctx context.Context, name string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "unix", "@caravan-bed-test."+name)
}

func waitToHold(ctx context.Context, name string, tell func(string)) (held net.Listener, err error) {
	err = wait(ctx, tell, "another test of this checkout to leave the bed "+name, func() (bool, error) {
		var taken error
		held, taken = hold(ctx, name)
		if errors.Is(taken, unix.EADDRINUSE) {
			return false, nil
		}
		return taken == nil, taken
	})
	return held, err
}

// removeOrphans takes away the beds of tests whose program has ended without doing so. One that
// cannot be taken away is told of, and left to the next who tries: it is not the fault of this
// test.
func removeOrphans(ctx context.Context, tell func(string)) {
	found, _ := filepath.Glob(marker("*")) // fails only for a bad pattern
	for _, file := range found {
		if err := removeOrphan(ctx, strings.TrimSuffix(filepath.Base(file), markerEnd), tell); err != nil {
			tell(err.Error())
		}
	}
}

func removeOrphan(ctx context.Context, name string, tell func(string)) (err error) {
	held, err := hold(ctx, name)
	if errors.Is(err, unix.EADDRINUSE) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	if _, err := os.Stat(marker(name)); errors.Is(err, fs.ErrNotExist) {
		return nil // its test has ended meanwhile, and took it away or keeps it
	}
	tell("take away the bed " + name + ", whose test was killed")
	return errors.Join(Down(ctx, name), forgetMarker(name))
}

func forgetMarker(name string) error {
	if err := os.Remove(marker(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// The size of what is raised, in machines.
const (
	sizeOfCluster = 6
	sizePerCore   = 30 // that a computer carries
)

// size is how much room a bed needs, of what the computer has.
func (o Options) size() int {
	return min(here().places, len(o.Machines)+sizeOfCluster*len(o.Clusters))
}

// room is what beds take their places from: a folder with a file for each machine that fits, locked
// by the bed that has the place, and one that is locked by whoever is next.
type room struct {
	dir    string
	places int
}

// here is the room of this computer.
func here() room {
	return room{dir: "/run/lock/caravan-testbed", places: sizePerCore * runtime.NumCPU()}
}

// take waits for its turn and then for room. A large bed that waits for room is not overtaken by
// small ones.
func (r room) take(ctx context.Context, size int, tell func(string)) (free func(), err error) {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, err
	}
	var turn *os.File
	if err := wait(ctx, tell, "other beds that wait for room", func() (ok bool, err error) {
		turn, err = r.lock("turn")
		return turn != nil, err
	}); err != nil {
		return nil, err
	}
	defer func() { _ = turn.Close() }()
	var mine []*os.File
	free = func() {
		for _, f := range mine {
			_ = f.Close()
		}
	}
	err = wait(ctx, tell, fmt.Sprintf("room for a bed of size %d beside others, of %d in all", size, r.places), func() (bool, error) {
		for i := 0; i < r.places && len(mine) < size; i++ {
			f, err := r.lock(fmt.Sprint(i))
			if err != nil {
				return false, err
			}
			if f != nil {
				mine = append(mine, f)
			}
		}
		return len(mine) == size, nil
	})
	if err != nil {
		free()
		return nil, err
	}
	return free, nil
}

// lock locks one of the files of the room; nil when somebody else has it.
func (r room) lock(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, f.Close()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// wait asks until something is so, and says once that it waits, when it has to.
func wait(ctx context.Context, tell func(string), what string, ready func() (bool, error)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for said := false; ; said = true {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		if !said {
			tell("waiting for " + what)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}
