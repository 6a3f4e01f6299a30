package directory

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// slow, in the environment, makes the test's program apply a thousand files below the folder it names and say each.
const slow = "CARAVAN_DIRECTORY_SLOW"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(slow); ok {
		if err := applySlowly(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func files(version string, names ...string) []render.File {
	var out []render.File
	for _, n := range names {
		out = append(out, render.File{Path: n, Text: n + " " + version + "\n", Mode: 0o644})
	}
	return out
}

func open(t *testing.T, dir string, force bool) *Target {
	t.Helper()
	target, err := Open(context.Background(), Options{Dir: dir, Expansion: "indonesia", Force: force})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() })
	return target
}

func apply(t *testing.T, target *Target, f []render.File) string {
	t.Helper()
	changes, err := target.Apply(t.Context(), journey.Step{ID: "id/service/orders"}, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return told(changes)
}

func told(changes []journey.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Path+" "+string(c.What))
	}
	return strings.Join(out, ", ")
}

// content is every file below a folder, without the target's own.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || d.Name() == ManifestName || d.Name() == lockName {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func none(string) bool { return false }

func TestFilesAreMadeThenLeftAloneThenChangedThenTakenAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rendered", "indonesia")
	target := open(t, dir, false)
	if got := apply(t, target, files("1", "a/b.yaml", "c.yaml")); got != "a/b.yaml created, c.yaml created" {
		t.Error(got)
	}
	before, err := os.Stat(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := apply(t, target, files("1", "a/b.yaml", "c.yaml")); got != "a/b.yaml unchanged, c.yaml unchanged" {
		t.Error(got)
	}
	if after, err := os.Stat(filepath.Join(dir, "c.yaml")); err != nil || !os.SameFile(before, after) {
		t.Errorf("an unchanged file was written again: %v", err)
	}
	changed := slices.Concat(files("2", "a/b.yaml"), files("1", "c.yaml"))
	changed[1].Mode = 0o755
	if got := apply(t, target, changed); got != "a/b.yaml updated, c.yaml updated" {
		t.Error(got)
	}
	if info, err := os.Stat(filepath.Join(dir, "c.yaml")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	gone, err := target.Remove(t.Context(), func(path string) bool { return path == "c.yaml" }, nil)
	if err != nil || told(gone) != "a/b.yaml removed" {
		t.Errorf("%v, %v", gone, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder stays: %v", err)
	}
	if gone, err = target.Remove(t.Context(), none, nil); err != nil || told(gone) != "c.yaml removed" {
		t.Errorf("%v, %v", gone, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder stays: %v", err)
	}
}

func TestWhatTheTargetDidNotMakeIsNeverTouched(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "c.yaml"), []byte("mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	target := open(t, dir, false)
	_, err := target.Apply(t.Context(), journey.Step{}, files("1", "a.yaml", "c.yaml"), nil)
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "c.yaml is there and was not made by caravan") {
		t.Fatalf("%v", err)
	}
	if got := content(t, dir); len(got) != 1 || got["c.yaml"] != "mine\n" {
		t.Errorf("%v", got)
	}
	apply(t, target, files("1", "a.yaml"))
	if _, err := target.Remove(t.Context(), none, nil); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir); len(got) != 1 || got["c.yaml"] != "mine\n" {
		t.Errorf("%v", got)
	}
}

func TestAnEditIsNotLostUnlessAskedFor(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir, false)
	apply(t, target, files("1", "a.yaml", "b.yaml"))
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := target.Apply(t.Context(), journey.Step{}, files("2", "a.yaml", "b.yaml"), nil)
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "a.yaml was edited since it was written") {
		t.Fatalf("%v", err)
	}
	if got := content(t, dir); got["b.yaml"] != "b.yaml 1\n" {
		t.Errorf("a step was half done: %v", got)
	}
	for range 2 { // it stays known, so that it can be taken away later
		gone, err := target.Remove(t.Context(), none, nil)
		if err != nil || !strings.HasPrefix(told(gone), "a.yaml kept") {
			t.Errorf("%v, %v", gone, err)
		}
	}
	if there, err := Look(t.Context(), dir, "indonesia"); err != nil || len(there) != 1 || !there[0].Edited {
		t.Errorf("%v, %v", there, err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	forced := open(t, dir, true)
	if got := apply(t, forced, files("3", "a.yaml", "c.yaml")); got != "a.yaml updated, c.yaml created" {
		t.Error(got)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if gone, err := forced.Remove(t.Context(), none, nil); err != nil || told(gone) != "a.yaml removed, c.yaml removed" {
		t.Errorf("%v, %v", gone, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder stays: %v", err)
	}
}

func TestEverythingInTheWayIsNamedBeforeAnythingIsWritten(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir, false)
	apply(t, target, files("1", "a.yaml"))
	for _, name := range []string{"a.yaml", "b.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	changes, err := target.Preview(t.Context(), files("2", "a.yaml", "b.yaml", "c.yaml"))
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "a.yaml was edited") || !strings.Contains(err.Error(), "b.yaml is there") {
		t.Errorf("%v", err)
	}
	if told(changes[2:]) != "c.yaml created" {
		t.Errorf("%v", changes)
	}
	if _, err := os.Stat(filepath.Join(dir, "c.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was written: %v", err)
	}
}

func TestWhatStandsInATemporarysPlaceIsTakenAwayAndNotFollowed(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := errors.Join(os.WriteFile(mine, []byte("mine"), 0o600), os.Symlink("mine", filepath.Join(dir, ".caravan-a.yaml.tmp")), syscall.Mkfifo(filepath.Join(dir, ".caravan-b.yaml.tmp"), 0o600)); err != nil {
		t.Fatal(err)
	}
	target := open(t, dir, false)
	apply(t, target, files("1", "a.yaml", "b.yaml"))
	if got := content(t, dir); got["mine"] != "mine" || got["a.yaml"] != "a.yaml 1\n" || got["b.yaml"] != "b.yaml 1\n" {
		t.Errorf("%v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, ".caravan-a.yaml.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	apply(t, target, files("1", "a.yaml", "b.yaml"))
	if got := content(t, dir); len(got) != 3 {
		t.Errorf("what a killed run left is still there: %v", got)
	}
}

func TestAFolderMadeForNothingGoesAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := open(t, dir, false).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestNoLockIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir, false)
	apply(t, target, files("1", "a.yaml"))
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, lockName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestAFolderIsOfOneExpansionAndOneWriter(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir, false)
	apply(t, target, files("1", "a.yaml"))
	if _, err := Open(context.Background(), Options{Dir: dir, Expansion: "indonesia"}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another program") {
		t.Errorf("two writers: %v", err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), Options{Dir: dir, Expansion: "thailand"}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "holds the expansion indonesia") {
		t.Errorf("another expansion: %v", err)
	}
	if there, err := Look(t.Context(), dir, "thailand"); err != nil || there != nil {
		t.Errorf("%v, %v", there, err)
	}
	if there, err := Look(t.Context(), dir, "indonesia"); err != nil || len(there) != 1 {
		t.Errorf("%v, %v", there, err)
	}
}

func TestAManifestThatIsDamagedSaysSo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ManifestName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), Options{Dir: dir, Expansion: "indonesia"}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
}

func TestNothingIsWrittenThroughALinkOutOfTheFolder(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	target := open(t, dir, true)
	if _, err := target.Apply(t.Context(), journey.Step{}, files("1", "a/b.yaml"), nil); err == nil {
		t.Error("no error")
	}
	if got := content(t, outside); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	apply(t, target, files("1", "a/b.yaml"))
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "a")), os.Symlink(outside, filepath.Join(dir, "a")), os.WriteFile(filepath.Join(outside, "b.yaml"), []byte("theirs"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if there, err := Look(t.Context(), dir, "indonesia"); err != nil || len(there) != 1 || !there[0].Edited {
		t.Errorf("%v, %v", there, err)
	}
	if gone, err := target.Remove(t.Context(), none, nil); err != nil || told(gone) != "a/b.yaml kept" {
		t.Errorf("%v, %v", gone, err)
	}
	if got := content(t, outside); got["b.yaml"] != "theirs" {
		t.Errorf("%v", got)
	}
	if _, err := target.Apply(t.Context(), journey.Step{}, []render.File{{Path: "../escape", Text: "x", Mode: 0o644}}, nil); err == nil {
		t.Error("no error")
	}
}

func TestACancelledStepIsFinishedByTheNextRun(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := target.Apply(ctx, journey.Step{}, files("1", "a.yaml"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := apply(t, target, files("1", "a.yaml")); got != "a.yaml created" {
		t.Error(got)
	}
}

func many(version string) []render.File {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("dir-%d/file-%d.yaml", i%10, i))
	}
	return files(version, names...)
}

// applySlowly applies one version after another, each file a step of its own, and says what it is about to do.
func applySlowly(dir string) error {
	target, err := Open(context.Background(), Options{Dir: dir, Expansion: "indonesia"})
	if err != nil {
		return err
	}
	for version := 0; ; version++ {
		for i, f := range many(fmt.Sprint(version)) {
			fmt.Println(version*1000 + i)
			if _, err := target.Apply(context.Background(), journey.Step{ID: journey.StepID(f.Path)}, []render.File{f}, nil); err != nil {
				return err
			}
		}
	}
}

func TestKilledAtAnyMomentTheNextRunEndsInTheSamePlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "indonesia")
	for kill := range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), slow+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n <= kill*37 && lines.Scan(); n++ {
			if strings.ContainsAny(lines.Text(), "abcdefghijklmnopqrstuvwxyz") {
				t.Fatal(lines.Text())
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for path, text := range content(t, dir) {
			if !strings.HasPrefix(filepath.Base(path), ".caravan-") && !strings.HasPrefix(text, path+" ") {
				t.Fatalf("after kill %d: %s is half written: %q", kill, path, text)
			}
		}
	}
	target := open(t, dir, false)
	if _, err := target.Apply(t.Context(), journey.Step{}, many("end"), nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range many("end") {
		want[f.Path] = f.Text
	}
	if diff := cmp.Diff(want, content(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := target.Remove(t.Context(), none, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something stays: %v %v", content(t, dir), err)
	}
}

func TestAFolderIsMadeWhileOthersTakeItAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rendered")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				if err := makeDir(dir); err != nil {
					t.Error(err)
					return
				}
				_ = os.Remove(dir) // another was faster
			}
		})
	}
	all.Wait()
	if err := os.Symlink("nowhere", dir); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, filepath.Join(dir, "below")} {
		if err := makeDir(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s, with a link to nowhere in its way: %v", dir, err)
		}
	}
}
