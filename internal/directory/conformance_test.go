package directory

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/journey/targettest"
	"example.org/caravan/internal/render"
)

func TestADirectoryKeepsWhatTargetsPromise(t *testing.T) {
	targettest.Run(t, func(t *testing.T) targettest.Place { return folder(t.TempDir()) })
}

// folder is a folder that others write into, too.
type folder string

func (d folder) at(f render.File) string { return filepath.Join(string(d), filepath.FromSlash(f.Path)) }

func (folder) File(name, version string) render.File {
	return render.File{Path: name + "/file.yaml", Text: name + " " + version + "\n", Mode: 0o644}
}

func (d folder) Open(ctx context.Context, _ []render.File, force bool) (journey.Target, error) {
	return Open(ctx, Options{Dir: string(d), Expansion: "indonesia", Force: force, Wait: true})
}

func (d folder) Everything(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(string(d), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || path == string(d) {
			return nil
		}
		if err != nil || entry.IsDir() {
			out[path] = "folder"
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		out[path] = string(text) + info.Mode().String() + info.ModTime().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (d folder) Edit(t *testing.T, f render.File) {
	t.Helper()
	if err := os.WriteFile(d.at(f), []byte("edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (d folder) Lose(t *testing.T, f render.File) {
	t.Helper()
	if err := os.RemoveAll(filepath.Dir(d.at(f))); err != nil {
		t.Fatal(err)
	}
}

func (d folder) Occupy(t *testing.T, f render.File) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(d.at(f)), 0o755), os.WriteFile(d.at(f), []byte("mine\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func (folder) Interrupt(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	c := &counted{Context: ctx, cancel: cancel}
	c.left.Store(int64(n))
	return c, cancel
}

// counted ends when it was asked for its end so many times.
type counted struct {
	context.Context

	left   atomic.Int64
	cancel context.CancelFunc
}

func (c *counted) Err() error {
	if c.left.Add(-1) < 0 {
		c.cancel()
	}
	return c.Context.Err()
}
