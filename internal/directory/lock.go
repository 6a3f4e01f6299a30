package directory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"example.org/caravan/internal/fault"
)

// lockName is an empty file that the program which writes holds locked. The lock goes with the program, however it ends; the
// file too, unless it is killed.
const lockName = ".caravan.lock"

func lock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o644)
		if err != nil {
			return nil, fault.Newf(fault.Unavailable, "%w; make the folder writable or choose another with --out", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return nil, errors.Join(fault.Newf(fault.Conflict, "%s: %w; wait for it to end", dir, errBusy), f.Close())
		}
		if stillThere(f, path) {
			return f, nil
		}
		_ = f.Close() // whoever held it before took the file away: lock the one that is there now
	}
}

func stillThere(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(held, there)
}

// unlock takes the file away while it is still locked, so that nobody else's is removed.
func unlock(root *os.Root, f *os.File) error {
	err := root.Remove(lockName)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
