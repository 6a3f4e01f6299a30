package testbed

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Every machine watches some files, and the kernel counts the watchers of all machines together: they have one root.
const (
	watchers     = "/proc/sys/fs/inotify/max_user_instances"
	enough       = 2048
	watchersOnce = home + "/watchers" // how many there may be without beds
)

// allowWatchers lets machines watch files, where the kernel allows less than many machines need.
func allowWatchers() error {
	text, err := os.ReadFile(watchers)
	if err != nil {
		return nil //nolint:nilerr // a kernel that does not count them
	}
	now, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || now >= enough {
		return err
	}
	if _, err := os.Stat(watchersOnce); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(home, 0o755), os.WriteFile(watchersOnce, text, 0o644)); err != nil {
			return err
		}
	}
	return os.WriteFile(watchers, []byte(strconv.Itoa(enough)), 0o644)
}

// restoreWatchers lets the kernel be as it was, once the last bed is gone.
func restoreWatchers() error {
	text, err := os.ReadFile(watchersOnce)
	if errors.Is(err, fs.ErrNotExist) || len(Names()) > 0 {
		return nil
	}
	return errors.Join(err, os.WriteFile(watchers, text, 0o644), os.Remove(watchersOnce), removeEmpty(filepath.Dir(watchersOnce)))
}

// removeEmpty removes a folder with nothing in it.
func removeEmpty(dir string) error {
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return err
	}
	return os.Remove(dir)
}
