package discover

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// walker lists files. Symbolic links to folders are not followed, so no loop can hold it.
type walker struct {
	scan   *scan
	report *Report
	jobs   chan<- job
}

func (w *walker) walkAll(ctx context.Context) error {
	for _, r := range w.scan.roots {
		skip, err := excluder(r.source.Exclude)
		if err != nil {
			return err
		}
		if err := w.folder(ctx, r, ".", skip, 0); err != nil {
			return err
		}
	}
	return nil
}

func excluder(patterns []string) (func(string) bool, error) {
	globs := make([]string, 0, len(patterns))
	for _, p := range patterns {
		p = strings.TrimSuffix(p, "/")
		if !doublestar.ValidatePattern(p) {
			return nil, fault.Newf(fault.Invalid, "exclude %q: not a glob; write a folder or a pattern such as **/testdata", p)
		}
		globs = append(globs, p)
	}
	return func(rel string) bool {
		for _, g := range globs {
			if doublestar.MatchUnvalidated(g, rel) {
				return true
			}
		}
		return false
	}, nil
}

// planned is a file that lies in folders Caravan wrote a plan into: what shall be, not what is.
const planned = ".caravan.json"

func (w *walker) folder(ctx context.Context, r root, rel string, skip func(string) bool, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		w.unread(r, rel, fmt.Sprintf("folders nest deeper than %d; what is below was not read", maxDepth))
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(r.dir, filepath.FromSlash(rel)))
	if err != nil {
		w.unread(r, rel, readable(err).Error())
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == planned }) {
		w.scan.mu.Lock()
		w.scan.leftOut["what was planned"]++
		w.scan.mu.Unlock()
		return nil
	}
	for _, e := range entries {
		child := path.Join(rel, e.Name())
		if skip(child) {
			continue
		}
		if err := w.entry(ctx, r, child, e, skip, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(ctx context.Context, r root, rel string, e fs.DirEntry, skip func(string) bool, depth int) error {
	switch mode := e.Type(); {
	case mode.IsDir():
		if leftOut[e.Name()] {
			w.scan.mu.Lock()
			w.scan.leftOut[e.Name()]++
			w.scan.mu.Unlock()
			return nil
		}
		return w.folder(ctx, r, rel, skip, depth+1)
	case mode.IsRegular():
		w.count()
		if w.scan.files.Load() > maxFiles {
			return fault.Newf(fault.Invalid, "more than %d files; name the folders that hold configuration, or exclude some", maxFiles)
		}
		w.jobs <- job{root: r, rel: rel}
	case mode&fs.ModeSymlink != 0:
		w.link(r, rel)
	default:
		w.unread(r, rel, "a pipe, socket or device, so not read; exclude it if that is as it should be")
	}
	return nil
}

// link reads a symbolic link to a regular file inside the source; anything else is a doubt.
func (w *walker) link(r root, rel string) {
	name := filepath.Join(r.dir, filepath.FromSlash(rel))
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		w.unread(r, rel, "a symbolic link that leads nowhere or in a circle; mend or exclude it")
		return
	}
	base, err := filepath.EvalSymlinks(r.dir)
	if err != nil || !within(base, target) {
		w.unread(r, rel, "a symbolic link that leaves the source, so not followed; add its target as a source if it belongs")
		return
	}
	info, err := os.Stat(target)
	if err != nil || info.IsDir() {
		w.unread(r, rel, "a symbolic link to a folder, so not followed; the folder itself is read where it lies")
		return
	}
	if info.Mode().IsRegular() {
		w.count()
		w.jobs <- job{root: r, rel: rel}
		return
	}
	w.unread(r, rel, "a symbolic link to a pipe, socket or device, so not read; exclude it")
}

func within(base, target string) bool {
	rel, err := filepath.Rel(base, target)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (w *walker) count() {
	n := w.scan.files.Add(1)
	if w.scan.opts.Progress != nil && n%256 == 0 {
		w.scan.opts.Progress(Progress{Files: int(n), Read: int(w.scan.read.Load())})
	}
}

func (w *walker) unread(r root, rel, text string) {
	w.report.Doubt(estate.Unreadable, estate.Place{File: r.path(rel)}, text)
}

// tree opens files for formats that look at several.
type tree struct{ roots []root }

func (t tree) locate(p string) (string, bool) {
	p = path.Clean(p)
	for _, r := range t.roots {
		rel := p
		if r.prefix != "" {
			if !under(p, r.prefix) {
				continue
			}
			rel = strings.TrimPrefix(p, r.prefix+"/")
		}
		if !filepath.IsLocal(filepath.FromSlash(rel)) {
			return "", false
		}
		name := filepath.Join(r.dir, filepath.FromSlash(rel))
		base, err := filepath.EvalSymlinks(r.dir)
		if err != nil {
			return "", false
		}
		target, err := filepath.EvalSymlinks(name)
		if err != nil || !within(base, target) {
			return "", false
		}
		return target, true
	}
	return "", false
}

func (t tree) Exists(p string) bool {
	_, ok := t.locate(p)
	return ok
}

func (t tree) Open(p string) ([]byte, bool) {
	name, ok := t.locate(p)
	if !ok {
		return nil, false
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	data, err := readBounded(name)
	return data, err == nil
}
