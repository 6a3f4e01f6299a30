package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// runVariable names, for all that a run starts, the folder that holds the run's temporary files.
// Processes that outlive a run which was killed are known by it.
const runVariable = "CARAVAN_TEST_RUN"

// runFolders is what the names of those folders begin with. They are short, since sockets are in
// them, and directly below /tmp for the same reason.
const runFolders = "/tmp/caravan-test-"

// makeFolder makes the folder of a run, which is held until free is called or the program ends,
// however it does.
func makeFolder(folders string) (dir string, free func(), err error) {
	dir, held, err := makeHeld(folders)
	for errors.Is(err, errTaken) {
		dir, held, err = makeHeld(folders)
	}
	if err != nil {
		return "", nil, err
	}
	return dir, func() {
		if remove(dir) == nil { // else the next run finds it
			_ = held.Close()
		}
	}, nil
}

// errTaken says that another run took the folder for a leftover before it was held.
var errTaken = errors.New("another run has removed the folder")

// makeHeld makes a folder of a name that no run has had, and holds it.
func makeHeld(folders string) (dir string, held *os.File, err error) {
	if dir, err = os.MkdirTemp(filepath.Dir(folders), filepath.Base(folders)); err != nil {
		return "", nil, err
	}
	if err = os.Chmod(dir, 0o755); err == nil { // servers that run as other users look into it
		held, err = hold(dir)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
		return "", nil, errTaken
	}
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		return "", nil, errors.Join(errTaken, held.Close())
	}
	return dir, held, nil
}

// hold locks a run's folder; the error is syscall.EWOULDBLOCK while somebody else holds it.
func hold(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// clearLeftovers takes away what runs of this account that were killed left behind: their processes
// and their temporary files. Beds clear up for themselves.
func clearLeftovers(folders string, tell func(string)) error {
	dirs, err := filepath.Glob(folders + "[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !ours(dir) {
			continue
		}
		f, err := hold(dir)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		tell("take away what a run that was killed left in " + dir)
		if err := errors.Join(remove(dir), f.Close()); err != nil {
			return fmt.Errorf("take away %s: %w; end what uses it, and remove it", dir, err)
		}
	}
	return nil
}

// ours reports whether a folder belongs to this account.
func ours(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// dying is how long processes that are killed may take to end.
const dying = 10 * time.Second

// remove ends the processes of a run and removes its folder.
func remove(dir string) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	limit := time.After(dying)
	for {
		found, err := killProcesses(dir)
		if err != nil {
			return err
		}
		if found == 0 {
			return os.RemoveAll(dir)
		}
		select {
		case <-limit:
			return fmt.Errorf("%d processes do not end", found)
		case <-look.C:
		}
	}
}

// killProcesses kills those that belong to a run by what their environment says, and gives their
// number.
func killProcesses(dir string) (found int, err error) {
	entries, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return 0, err
	}
	sign := []byte("\x00" + runVariable + "=" + dir + "\x00")
	for _, file := range entries {
		environment, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(append([]byte{0}, environment...), sign) {
			continue // it has ended, or is somebody else's
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err == nil && pid != os.Getpid() {
			found++
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return found, nil
}
