package directory

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"example.org/caravan/internal/fault"
)

// lockName is an empty file that the program which writes holds locked. The lock goes with the program, however it ends.
const lockName = ".caravan.lock"

func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "%w; make the folder writable or choose another with --out", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fault.Newf(fault.Conflict, "another program is writing into %s; wait for it to end", dir), f.Close())
	}
	return f, nil
}
