// Package directory is the target that writes files: a folder for each expansion, ready to be reviewed, committed or
// applied by whatever watches it. It remembers what it made in a manifest beside the files, so a second run changes
// nothing, what vanished is removed, and nothing else is ever touched. Killed at any moment, it is run again and ends in
// the same place.
package directory

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// ManifestName is the file that says what is the target's own.
const ManifestName = ".caravan.json"

// Target writes into one folder. Its methods are for one goroutine; Open keeps other programs out until Close.
type Target struct {
	root     *os.Root
	dir      string
	lock     *os.File
	manifest manifest
	force    bool
	made     bool // the folder, by Open
}

// manifest is what the target made: path → the digest it wrote last. It is written before the files are, so that a file
// which is there and not in the manifest was made by somebody else.
type manifest struct {
	Expansion string                  `json:"expansion"`
	Files     map[string]manifestFile `json:"files"`
}

type manifestFile struct {
	Digest estate.Digest  `json:"digest"`
	Before estate.Digest  `json:"before,omitempty"` // while it is being replaced: what may still be there
	Step   journey.StepID `json:"step"`
}

// Options of a target.
type Options struct {
	Dir       string // made when it does not exist
	Expansion string
	Force     bool // overwrite and remove what was edited since it was made
	Wait      bool // for others that write into it, as long as the context lasts
}

// errBusy is that another program writes into the folder.
var errBusy = errors.New("another program is writing into it")

// turn is how long a folder that others write into is left to them before it is asked for again.
const turn = 5 * time.Millisecond

// Open prepares a folder. Conflict when it belongs to another expansion or another program is writing into it,
// Unavailable when it cannot be written.
func Open(ctx context.Context, o Options) (*Target, error) {
	for {
		t, err := openNow(o)
		busy := errors.Is(err, errBusy) || errors.Is(err, fs.ErrNotExist) // the last who wrote into it took it away
		if err == nil || !o.Wait || !busy {
			return t, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(turn):
		}
	}
}

func openNow(o Options) (*Target, error) {
	_, missing := os.Stat(o.Dir)
	if err := makeDir(o.Dir); err != nil {
		return nil, fault.Newf(fault.Unavailable, "%w; make the folder writable or choose another with --out", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "%w; choose another folder with --out", err)
	}
	t := &Target{root: root, dir: o.Dir, force: o.Force, made: missing != nil}
	if err := t.begin(o.Expansion); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// makeDir makes a folder unless it is there. Others may take it away between a look that finds it and the next.
func makeDir(dir string) error {
	for {
		err := os.MkdirAll(dir, 0o755)
		var at *fs.PathError
		if !errors.Is(err, fs.ErrExist) || !errors.As(err, &at) {
			return err
		}
		if there, missing := os.Lstat(at.Path); missing == nil && !there.IsDir() {
			return err
		}
	}
}

func (t *Target) begin(name string) (err error) {
	if t.lock, err = lock(t.dir); err != nil {
		return err
	}
	if err := t.readManifest(); err != nil {
		return err
	}
	switch {
	case t.manifest.Expansion == "":
		t.manifest = manifest{Expansion: name, Files: map[string]manifestFile{}}
	case t.manifest.Expansion != name:
		return fault.Newf(fault.Conflict, "%s holds the expansion %s; give %s a folder of its own with --out", t.dir, t.manifest.Expansion, name)
	}
	return nil
}

// Close lets others in. A folder that was made for nothing goes again.
func (t *Target) Close() error {
	var err error
	if t.lock != nil {
		err = unlock(t.root, t.lock)
		t.lock = nil
	}
	if t.made {
		_ = os.Remove(t.dir) // unless it holds something
	}
	return errors.Join(err, t.root.Close())
}

func (t *Target) readManifest() error {
	if info, err := t.root.Lstat(ManifestName); err == nil && !info.Mode().IsRegular() {
		return fault.Newf(fault.Conflict, "%s is no file; move it away", filepath.Join(t.dir, ManifestName))
	}
	data, err := t.root.ReadFile(ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.Newf(fault.Unavailable, "%s: %w", t.dir, err)
	}
	if err := json.Unmarshal(data, &t.manifest); err != nil || t.manifest.Files == nil {
		return fault.Newf(fault.Invalid, "%s is damaged; restore it from version control, or remove the folder and move again", filepath.Join(t.dir, ManifestName))
	}
	return nil
}

func (t *Target) writeManifest() error {
	data, err := json.MarshalIndent(t.manifest, "", "  ")
	if err != nil {
		return err
	}
	return t.replace(ManifestName, append(data, '\n'), 0o644)
}

// Preview says what applying files would change, and writes nothing. Conflict, naming every file that is in the way.
func (t *Target) Preview(_ context.Context, files []render.File) ([]journey.Change, error) {
	changes := make([]journey.Change, len(files))
	var inTheWay []error
	for i, f := range files {
		what, err := t.judge(f)
		if err != nil {
			inTheWay = append(inTheWay, err)
		}
		changes[i] = journey.Change{Path: f.Path, What: what}
	}
	return changes, errors.Join(inTheWay...)
}

// Apply writes a step's files, each whole or not at all.
func (t *Target) Apply(ctx context.Context, s journey.Step, files []render.File, _ journey.Tell) ([]journey.Change, error) {
	changes, err := t.Preview(ctx, files)
	if err != nil {
		return nil, err
	}
	if err := t.intend(s.ID, files); err != nil {
		return nil, err
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return changes[:i], err
		}
		if changes[i].What == journey.Unchanged {
			_ = t.root.Remove(temporaryOf(f.Path)) // of a run that was killed, mostly there is none
			continue
		}
		if err := t.replace(f.Path, []byte(f.Text), fs.FileMode(f.Mode)); err != nil {
			return changes[:i], err
		}
	}
	return changes, nil
}

// Verify has nothing to wait for: files do nothing by themselves.
func (t *Target) Verify(context.Context, journey.Step, journey.Tell) error { return nil }

// judge says what writing a file will change. Conflict when what is there was not made by this target, or was edited since.
func (t *Target) judge(f render.File) (journey.What, error) {
	there, mode, err := t.read(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return journey.Created, nil
	}
	if err != nil {
		return "", fault.Newf(fault.Conflict, "%s: %w; move it away and run the move again", filepath.Join(t.dir, f.Path), err)
	}
	if there == journey.DigestOf(f) {
		if mode != fs.FileMode(f.Mode) {
			return journey.Updated, nil
		}
		return journey.Unchanged, nil
	}
	made, known := t.manifest.Files[f.Path]
	switch {
	case t.force, known && (there == made.Digest || there == made.Before):
		return journey.Updated, nil
	case known:
		return "", fault.Newf(fault.Conflict, "%s was edited since it was written; move the change into services/ or expansions/, or run again with --force to lose it", filepath.Join(t.dir, f.Path))
	}
	return "", fault.Newf(fault.Conflict, "%s is there and was not made by caravan; move it away, or run again with --force to overwrite it", filepath.Join(t.dir, f.Path))
}

// intend notes what is about to be written.
func (t *Target) intend(step journey.StepID, files []render.File) error {
	changed := false
	for _, f := range files {
		next := manifestFile{Digest: journey.DigestOf(f), Step: step}
		old, known := t.manifest.Files[f.Path]
		if known && old.Digest == next.Digest && old.Step == next.Step {
			continue
		}
		if there, _, err := t.read(f.Path); err == nil && there != next.Digest {
			next.Before = there
		}
		t.manifest.Files[f.Path] = next
		changed = true
	}
	if !changed {
		return nil
	}
	return t.writeManifest()
}

// read is the digest and the mode of what is at a path. It must be a regular file, in a folder that is no link out of the target's.
func (t *Target) read(path string) (estate.Digest, fs.FileMode, error) {
	info, err := t.root.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", 0, err
	case err != nil:
		return "", 0, errors.New("something that is no folder of ours is above it")
	case !info.Mode().IsRegular():
		return "", 0, errors.New("something that is no file is in the way")
	}
	data, err := t.root.ReadFile(path)
	if err != nil {
		return "", 0, err
	}
	return journey.DigestOf(render.File{Text: string(data)}), info.Mode().Perm(), nil
}

// replace puts a file in place in one move. Its folder is made when there is none.
func (t *Target) replace(path string, data []byte, mode fs.FileMode) error {
	if err := t.root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return t.unwritable(path, err)
	}
	temporary := temporaryOf(path)
	if err := t.write(temporary, data, mode); err != nil {
		return t.unwritable(path, err)
	}
	if err := t.root.Rename(temporary, path); err != nil {
		return t.unwritable(path, errors.Join(err, t.root.Remove(temporary)))
	}
	return nil
}

// temporaryOf is where a file is written before it is moved into its place. A killed program may leave one behind, which
// the next run writes over or takes away.
func temporaryOf(path string) string {
	return filepath.Join(filepath.Dir(path), ".caravan-"+filepath.Base(path)+".tmp")
}

func (t *Target) write(path string, data []byte, mode fs.FileMode) error {
	if err := t.root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := t.root.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

func (t *Target) unwritable(path string, err error) error {
	return fault.Newf(fault.Unavailable, "write %s: %w; nothing of this file was changed, so mend that and run the move again", filepath.Join(t.dir, path), err)
}

// Observe lists the files that are in place and were made by this target, as they are now.
func (t *Target) Observe(context.Context) ([]journey.Found, error) {
	var out []journey.Found
	for _, path := range t.paths() {
		digest, mode, err := t.read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		made := t.manifest.Files[path]
		out = append(out, journey.Found{
			Written: journey.Written{Path: path, Digest: digest, Mode: uint32(mode)},
			Edited:  err != nil || digest != made.Digest && digest != made.Before,
		})
	}
	return out, nil
}

func (t *Target) paths() []string {
	out := make([]string, 0, len(t.manifest.Files))
	for path := range t.manifest.Files {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// Remove takes away the files that are not kept. One that was edited since it was made stays, and stays known, unless the
// target was opened with Force.
func (t *Target) Remove(ctx context.Context, keep func(path string) bool, _ journey.Tell) ([]journey.Change, error) {
	var changes []journey.Change
	for _, path := range t.paths() {
		if err := ctx.Err(); err != nil {
			return changes, err
		}
		if keep(path) {
			continue
		}
		what, err := t.remove(path)
		if err != nil {
			return changes, err
		}
		if what != "" {
			changes = append(changes, journey.Change{Path: path, What: what})
		}
		if what != journey.Kept {
			delete(t.manifest.Files, path)
		}
	}
	switch {
	case len(t.manifest.Files) == 0:
		return changes, t.leave()
	case len(changes) == 0:
		return nil, nil
	}
	return changes, t.writeManifest()
}

func (t *Target) remove(path string) (journey.What, error) {
	if err := t.root.Remove(temporaryOf(path)); err == nil {
		defer t.removeEmpty(filepath.Dir(path))
	}
	there, _, err := t.read(path)
	made := t.manifest.Files[path]
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil, !t.force && there != made.Digest && there != made.Before:
		return journey.Kept, nil
	}
	if err := t.root.Remove(path); err != nil {
		return "", fault.Newf(fault.Unavailable, "remove %s: %w; mend that and run it again", filepath.Join(t.dir, path), err)
	}
	t.removeEmpty(filepath.Dir(path))
	return journey.Removed, nil
}

// removeEmpty takes away folders that hold nothing any more.
func (t *Target) removeEmpty(dir string) {
	for ; dir != "." && dir != string(filepath.Separator); dir = filepath.Dir(dir) {
		if t.root.Remove(dir) != nil {
			return // it holds something
		}
	}
}

// leave takes away the manifest, and the folder if nothing of others is in it.
func (t *Target) leave() error {
	if err := t.root.Remove(ManifestName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Newf(fault.Unavailable, "remove %s: %w; mend that and run it again", filepath.Join(t.dir, ManifestName), err)
	}
	err := unlock(t.root, t.lock)
	t.lock = nil
	if err != nil {
		return fault.Newf(fault.Unavailable, "%w", err)
	}
	if err := os.Remove(t.dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
		return fault.Newf(fault.Unavailable, "%w", err)
	}
	return nil
}

// Look lists what a folder holds that this target made for an expansion, as it is now, by path, without locking or making
// anything; nothing when there is no such folder.
func Look(ctx context.Context, dir, expansion string) ([]journey.Found, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "%w; make the folder readable", err)
	}
	t := &Target{root: root, dir: dir}
	defer func() { _ = root.Close() }()
	if err := t.readManifest(); err != nil {
		return nil, err
	}
	if t.manifest.Expansion != expansion {
		return nil, nil
	}
	return t.Observe(ctx)
}
