// Package targettest is what every target promises, as tests: a package that is a journey.Target gives Run a Place of its kind. What
// goes in are tests of that package, what comes out are their failures; it knows no target.
package targettest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// Place is somewhere a target can put things, and how others reach it. Its methods end the test when they cannot do what they are
// for, and those that are not Open are called by one goroutine.
type Place interface {
	// File is a file that a target of this kind puts in place. Files of other names have nothing to do with each other; a file of
	// another version is another one at the same path.
	File(name, version string) render.File
	// Open opens a target, ready to wait for others that use the place. Files are all of the course.
	Open(ctx context.Context, files []render.File, force bool) (journey.Target, error)
	// Everything is all there is in the place, of the target's own too, each thing with what would tell that it was touched.
	Everything(t *testing.T) map[string]string
	// Edit changes what was made of a file, as somebody would by hand.
	Edit(t *testing.T, f render.File)
	// Lose takes away what was made of a file, as somebody would by hand.
	Lose(t *testing.T, f render.File)
	// Occupy puts something where a file would be put, as somebody would who knows nothing of Caravan.
	Occupy(t *testing.T, f render.File)
	// Interrupt gives a context that ends once targets did n things in the place from now on, such as files written or requests
	// sent; at once for 0.
	Interrupt(ctx context.Context, n int) (context.Context, context.CancelFunc)
}

// Run tests a kind of target, each promise in a place of its own.
func Run(t *testing.T, place func(*testing.T) Place) {
	t.Helper()
	for _, promise := range []struct {
		name string
		test func(bench)
	}{
		{"a preview changes nothing", previewed},
		{"applied twice, nothing changes", appliedTwice},
		{"a newer step replaces an older one", replaced},
		{"some is removed, then all, and everything is as before", removed},
		{"a step that fails can be taken back with all before it", takenBack},
		{"what is in the way is named before anything is changed, and never touched", inTheWay},
		{"what was edited since is not lost unless asked for", edited},
		{"what is lost is not in place, and put there again", lost},
		{"a step killed at any moment is finished by the next run", killedHalfWay},
		{"a step killed at any moment is taken back", killedThenTakenBack},
		{"a removal killed at any moment is finished by the next run", removalKilled},
		{"two steps are done at once, by two programs", atOnce},
		{"closing lets go and leaves what is in place", closed},
	} {
		t.Run(promise.name, func(t *testing.T) { promise.test(bench{t, place(t)}) })
	}
}

// names are those of the files that the tests use.
var names = []string{"a", "b", "c", "d"}

// bench is a place with a test's ways of using it.
type bench struct {
	*testing.T
	Place
}

func (b bench) files(version string, names ...string) []render.File {
	var out []render.File
	for _, n := range names {
		out = append(out, b.File(n, version))
	}
	return out
}

// step is a step that puts files in place.
func step(name string, files []render.File) journey.Step {
	s := journey.Step{ID: journey.StepID("test/service/" + name), Kind: journey.Deploy, Environment: "test"}
	for _, f := range files {
		s.Files = append(s.Files, journey.Written{Path: f.Path, Digest: journey.DigestOf(f), Mode: f.Mode})
	}
	return s
}

// with opens a target for a while.
func (b bench) with(force bool, do func(journey.Target) error) error {
	b.Helper()
	t, err := b.Open(b.Context(), b.files("1", names...), force)
	if err != nil {
		return err
	}
	return errors.Join(do(t), t.Close())
}

func quiet(string) {}

// apply puts files in place as a step, verifies it and gives what changed.
func (b bench) apply(ctx context.Context, force bool, name string, files []render.File) (told string, err error) {
	b.Helper()
	err = b.with(force, func(t journey.Target) error {
		changes, err := t.Apply(ctx, step(name, files), files, quiet)
		told = b.tell(changes)
		if err != nil {
			return err
		}
		return t.Verify(ctx, step(name, files), quiet)
	})
	return told, err
}

func (b bench) mustApply(name string, files []render.File) string {
	b.Helper()
	told, err := b.apply(b.Context(), false, name, files)
	if err != nil {
		b.Fatal(err)
	}
	return told
}

// remove takes away all but what is kept and gives what changed.
func (b bench) remove(ctx context.Context, force bool, kept ...render.File) (told string, err error) {
	b.Helper()
	err = b.with(force, func(t journey.Target) error {
		changes, err := t.Remove(ctx, func(path string) bool {
			return slices.ContainsFunc(kept, func(f render.File) bool { return f.Path == path })
		}, quiet)
		told = b.tell(changes)
		return err
	})
	return told, err
}

func (b bench) mustRemove(kept ...render.File) string {
	b.Helper()
	told, err := b.remove(b.Context(), false, kept...)
	if err != nil {
		b.Fatal(err)
	}
	return told
}

// preview gives what putting files in place would change.
func (b bench) preview(files []render.File) (told string, err error) {
	b.Helper()
	err = b.with(false, func(t journey.Target) error {
		changes, err := t.Preview(b.Context(), files)
		told = b.tell(changes)
		return err
	})
	return told, err
}

// tell is changes in a line, with the names of files instead of their paths.
func (b bench) tell(changes []journey.Change) string {
	var out []string
	for _, n := range names {
		for _, c := range changes {
			if c.Path == b.File(n, "1").Path {
				out = append(out, n+" "+string(c.What))
			}
		}
	}
	return strings.Join(out, ", ")
}

// observe is what is in place, in a line: names, versions, and whether it was edited.
func (b bench) observe() string {
	b.Helper()
	var found []journey.Found
	if err := b.with(false, func(t journey.Target) (err error) {
		found, err = t.Observe(b.Context())
		return err
	}); err != nil {
		b.Fatal(err)
	}
	if !slices.IsSortedFunc(found, func(x, y journey.Found) int { return strings.Compare(x.Path, y.Path) }) {
		b.Errorf("not by path: %v", found)
	}
	var out []string
	for _, n := range names {
		for _, f := range found {
			if f.Path == b.File(n, "1").Path {
				out = append(out, n+b.versionOf(n, f))
			}
		}
	}
	return strings.Join(out, ", ")
}

func (b bench) versionOf(name string, f journey.Found) string {
	b.Helper()
	if f.Edited {
		return " edited"
	}
	for _, version := range []string{"1", "2", "3"} {
		if file := b.File(name, version); f.Digest == journey.DigestOf(file) && f.Mode == file.Mode {
			return " " + version
		}
	}
	return " unknown"
}

func (b bench) is(what, got, want string) {
	b.Helper()
	if got != want {
		b.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// same reports what differs from before.
func (b bench) same(what string, before map[string]string) {
	b.Helper()
	if diff := cmp.Diff(before, b.Everything(b.T)); diff != "" {
		b.Errorf("%s (-before +now):\n%s", what, diff)
	}
}

func (b bench) conflicts(err error, about ...render.File) {
	b.Helper()
	if fault.KindOf(err) != fault.Conflict {
		b.Fatalf("no conflict: %v", err)
	}
	for _, f := range about {
		if !strings.Contains(err.Error(), f.Path) {
			b.Errorf("%s is not named: %v", f.Path, err)
		}
	}
}

func previewed(b bench) {
	before := b.Everything(b.T)
	told, err := b.preview(b.files("1", "a", "b"))
	if err != nil {
		b.Fatal(err)
	}
	b.is("a preview of all", told, "a created, b created")
	b.same("a preview changed something", before)
	b.mustApply("one", b.files("1", "a", "b"))
	before = b.Everything(b.T)
	told, err = b.preview(append(b.files("2", "a"), b.files("1", "b", "c")...))
	if err != nil {
		b.Fatal(err)
	}
	b.is("a preview of a change", told, "a updated, b unchanged, c created")
	b.same("a preview changed something", before)
}

func appliedTwice(b bench) {
	b.is("the first time", b.mustApply("one", b.files("1", "a", "b")), "a created, b created")
	before := b.Everything(b.T)
	b.is("the second time", b.mustApply("one", b.files("1", "a", "b")), "a unchanged, b unchanged")
	b.same("the second time changed something", before)
	b.is("in place", b.observe(), "a 1, b 1")
}

func replaced(b bench) {
	before := b.Everything(b.T)
	b.mustApply("one", b.files("1", "a", "b"))
	b.is("a newer step", b.mustApply("one", append(b.files("2", "a"), b.files("1", "b", "c")...)), "a updated, b unchanged, c created")
	b.is("in place", b.observe(), "a 2, b 1, c 1")
	b.is("and back", b.mustApply("one", b.files("1", "a", "b", "c")), "a updated, b unchanged, c unchanged")
	b.mustRemove()
	b.same("something stays", before)
}

func removed(b bench) {
	before := b.Everything(b.T)
	b.is("removed from nothing", b.mustRemove(), "")
	b.same("removing from nothing changed something", before)
	b.mustApply("one", b.files("1", "a", "b"))
	b.mustApply("two", b.files("1", "c"))
	b.is("removed", b.mustRemove(b.File("b", "1")), "a removed, c removed")
	b.is("in place", b.observe(), "b 1")
	b.is("removed", b.mustRemove(), "b removed")
	b.is("in place", b.observe(), "")
	b.same("something stays", before)
	b.is("removed again", b.mustRemove(), "")
	b.same("removing again changed something", before)
}

func takenBack(b bench) {
	b.Occupy(b.T, b.File("c", "1"))
	before := b.Everything(b.T)
	b.mustApply("one", b.files("1", "a"))
	_, err := b.apply(b.Context(), false, "two", b.files("1", "b", "c"))
	b.conflicts(err, b.File("c", "1"))
	b.is("in place", b.observe(), "a 1")
	b.is("taken back", b.mustRemove(), "a removed")
	b.same("not as before", before)
}

func inTheWay(b bench) {
	b.Occupy(b.T, b.File("b", "1"))
	b.Occupy(b.T, b.File("c", "1"))
	before := b.Everything(b.T)
	_, err := b.preview(b.files("1", "a", "b", "c"))
	b.conflicts(err, b.files("1", "b", "c")...)
	_, err = b.apply(b.Context(), false, "one", b.files("1", "a", "b", "c"))
	b.conflicts(err, b.files("1", "b", "c")...)
	b.same("a step with something in the way was half done", before)
	b.is("removed", b.mustRemove(), "")
	b.same("what others made was touched", before)
	if _, err := b.apply(b.Context(), true, "one", b.files("1", "a", "b")); err != nil {
		b.Fatalf("overwritten when asked for: %v", err)
	}
	b.is("in place", b.observe(), "a 1, b 1")
}

func edited(b bench) {
	empty := b.Everything(b.T)
	b.mustApply("one", b.files("1", "a", "b"))
	b.Edit(b.T, b.File("a", "1"))
	before := b.Everything(b.T)
	b.is("in place", b.observe(), "a edited, b 1")
	b.same("looking changed something", before)
	for _, version := range []string{"1", "2"} {
		_, err := b.apply(b.Context(), false, "one", b.files(version, "a", "b"))
		b.conflicts(err, b.File("a", "1"))
		b.same("an edited step was half done", before)
	}
	for _, want := range []string{"a kept, b removed", "a kept"} { // it stays known, so that it can be taken away later
		b.is("removed", b.mustRemove(), want)
	}
	told, err := b.apply(b.Context(), true, "one", b.files("2", "a", "b"))
	if err != nil {
		b.Fatal(err)
	}
	b.is("applied with force", told, "a updated, b created")
	b.is("in place", b.observe(), "a 2, b 2")
	b.Edit(b.T, b.File("a", "2"))
	told, err = b.remove(b.Context(), true)
	if err != nil {
		b.Fatal(err)
	}
	b.is("removed with force", told, "a removed, b removed")
	b.same("something stays", empty)
}

func lost(b bench) {
	before := b.Everything(b.T)
	b.mustApply("one", b.files("1", "a", "b"))
	b.Lose(b.T, b.File("a", "1"))
	b.is("in place", b.observe(), "b 1")
	b.is("put there again", b.mustApply("one", b.files("1", "a", "b")), "a created, b unchanged")
	b.Lose(b.T, b.File("b", "1"))
	b.is("removed", b.mustRemove(), "a removed")
	b.same("something stays", before)
}

// moments are more than any step of these tests has.
const moments = 300

// interrupted does something with an open target that ends at the n-th moment, for every n until it is done before. Before and after
// each, the place is looked after.
func (b bench) interrupted(prepare func(), do func(context.Context, journey.Target) error, after func()) {
	b.Helper()
	for n := range moments {
		prepare()
		ended := false
		err := b.with(false, func(t journey.Target) error {
			ctx, cancel := b.Interrupt(b.Context(), n)
			defer cancel()
			err := do(ctx, t)
			ended = ctx.Err() != nil
			return err
		})
		if err != nil && !ended {
			b.Fatalf("at moment %d: %v", n, err)
		}
		after()
		if b.Failed() {
			b.Fatalf("at moment %d", n)
		}
		if !ended {
			return
		}
	}
	b.Fatalf("not done after %d moments", moments)
}

func (b bench) applying(files []render.File) func(context.Context, journey.Target) error {
	return func(ctx context.Context, t journey.Target) error {
		_, err := t.Apply(ctx, step("one", files), files, quiet)
		return err
	}
}

func nothing() {}

func killedHalfWay(b bench) {
	empty := b.Everything(b.T)
	one, two := b.files("1", "a", "b", "c"), append(b.files("2", "a", "b"), b.files("1", "c")...)
	b.interrupted(func() { b.mustApply("one", one) }, b.applying(two), func() {
		b.mustApply("one", two)
		b.is("finished", b.observe(), "a 2, b 2, c 1")
		b.mustRemove()
		b.same("something stays", empty)
	})
}

func killedThenTakenBack(b bench) {
	empty := b.Everything(b.T)
	b.interrupted(nothing, b.applying(b.files("1", "a", "b", "c")), func() {
		b.mustRemove()
		b.same("something stays", empty)
	})
}

func removalKilled(b bench) {
	empty := b.Everything(b.T)
	b.interrupted(func() { b.mustApply("one", b.files("1", "a", "b", "c")) }, func(ctx context.Context, t journey.Target) error {
		_, err := t.Remove(ctx, func(string) bool { return false }, quiet)
		return err
	}, func() {
		b.mustRemove()
		b.same("something stays", empty)
	})
}

func atOnce(b bench) {
	before := b.Everything(b.T)
	var all sync.WaitGroup
	failed := make([]error, len(names))
	for i, n := range names {
		all.Go(func() { _, failed[i] = b.apply(b.Context(), false, n, b.files("1", n)) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		b.Fatal(err)
	}
	b.is("in place", b.observe(), "a 1, b 1, c 1, d 1")
	for i, n := range names {
		others := slices.DeleteFunc(b.files("1", names...), func(f render.File) bool { return f.Path == b.File(n, "1").Path })
		all.Go(func() { _, failed[i] = b.remove(b.Context(), false, others...) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		b.Fatal(err)
	}
	b.same("something stays", before)
}

func closed(b bench) {
	before := b.Everything(b.T)
	if err := b.with(false, func(journey.Target) error { return nil }); err != nil {
		b.Fatal(err)
	}
	b.same("a target that did nothing left something", before)
	b.mustApply("one", b.files("1", "a"))
	there := b.Everything(b.T)
	for range 2 {
		if err := b.with(false, func(t journey.Target) error {
			_, err := t.Observe(b.Context())
			return err
		}); err != nil {
			b.Fatal(fmt.Errorf("opened again: %w", err))
		}
	}
	b.same("opening and closing changed something", there)
}
