//go:build unix

package app

import (
	"os"
	"syscall"

	"example.org/caravan/internal/fault"
)

// sameOwner gives a file to whom another one belongs.
func sameOwner(f *os.File, as os.FileInfo) error {
	s, ok := as.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := f.Chown(int(s.Uid), int(s.Gid)); err != nil {
		return fault.Newf(fault.Denied, "%s cannot be given to its owner: %w; run this as root, or as its owner", f.Name(), err)
	}
	return nil
}
