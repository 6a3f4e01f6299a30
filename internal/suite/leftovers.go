package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// runVariable names, for all that a run starts, the folder that holds the run's temporary files. Processes that outlive a run
// which was killed are known by it.
const runVariable = "CARAVAN_TEST_RUN"

// runFolders begin the names of those folders. They are short, since sockets are in them, and directly below /tmp for the same reason.
const runFolders = "/tmp/caravan-test-"

// begin makes the folder of a run, which is held until end is called or the program ends, however it does.
func begin() (dir string, end func(), err error) {
	dir = runFolders + strconv.Itoa(os.Getpid())
	held, err := makeHeld(dir)
	for errors.Is(err, errTaken) {
		held, err = makeHeld(dir)
	}
	if err != nil {
		return "", nil, err
	}
	return dir, func() {
		_ = endProcesses(dir)
		_ = os.RemoveAll(dir)
		_ = held.Close()
	}, nil
}

// errTaken says that another run took the folder for a leftover before it was held.
var errTaken = errors.New("another run has removed the folder")

// makeHeld makes a run's folder anew and holds it.
func makeHeld(dir string) (*os.File, error) {
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil { // servers that run as other users look into it
		return nil, err
	}
	held, err := hold(dir)
	if errors.Is(err, syscall.EWOULDBLOCK) || os.IsNotExist(err) {
		return nil, errTaken
	}
	if err != nil {
		return nil, err
	}
	now, err := os.Stat(dir)
	mine, statErr := held.Stat()
	if err != nil || statErr != nil || !os.SameFile(now, mine) {
		return nil, errors.Join(errTaken, held.Close())
	}
	return held, nil
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

// clearLeftovers takes away what runs that were killed left behind: their processes and their temporary files. Beds clear up for themselves.
func clearLeftovers(tell func(string)) error {
	dirs, err := filepath.Glob(runFolders + "[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		f, err := hold(dir)
		if errors.Is(err, syscall.EWOULDBLOCK) || os.IsNotExist(err) || os.IsPermission(err) {
			continue
		}
		if err != nil {
			return err
		}
		tell("take away what a run that was killed left in " + dir)
		err = errors.Join(endProcesses(dir), os.RemoveAll(dir), f.Close())
		if err != nil {
			return fmt.Errorf("take away %s: %w", dir, err)
		}
	}
	return nil
}

// endProcesses kills those that belong to a run by what their environment says.
func endProcesses(dir string) error {
	entries, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return err
	}
	sign := []byte(runVariable + "=" + dir + "\x00")
	for _, file := range entries {
		environment, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(append([]byte{0}, environment...), append([]byte{0}, sign...)) {
			continue // it has ended, or is somebody else's
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return nil
}
