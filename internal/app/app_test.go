package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/store/pgtest"
	"example.org/caravan/internal/synthetic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

func clock() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }

// workspaceDir is a workspace over a synthetic estate.
func workspaceDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := synthetic.Write(filepath.Join(dir, "repos"), synthetic.Size{Services: 20, Edges: 40, Files: 100}); err != nil {
		t.Fatal(err)
	}
	text := "organisation: Made up\nsources:\n  - name: repos\n    dir: repos\n"
	if err := os.WriteFile(filepath.Join(dir, "caravan.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, o Options) *App {
	t.Helper()
	o.Now = clock
	a, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// ended waits for a scan's end.
func ended(t *testing.T, a *App, id ScanID) ScanState {
	t.Helper()
	for {
		st, changed, err := a.Watch(id)
		if err != nil {
			t.Fatal(err)
		}
		if !st.Running() {
			return st
		}
		<-changed
	}
}

func TestAScanIsKeptAndFoundAgainByANewProgram(t *testing.T) {
	dir := workspaceDir(t)
	a := open(t, Options{Workspace: dir})
	st, err := a.StartScan(ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	st = ended(t, a, st.ID)
	if st.State != "done" {
		t.Fatalf("%+v", st)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := open(t, Options{Workspace: dir})
	g, s, err := b.Graph(context.Background(), "latest")
	if err != nil || g.Digest != st.Digest || len(g.Edges) != 40 || s.Source != "Made up" || !s.TakenAt.Equal(clock()) {
		t.Errorf("%d edges, %+v, %v", len(g.Edges), s, err)
	}
}

func TestTwoProgramsShareADatabase(t *testing.T) {
	dir := workspaceDir(t)
	o := Options{Workspace: dir, Database: pgtest.Start(t).Database(t)}
	one, two := open(t, o), open(t, o)
	st, err := one.StartScan(ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	st = ended(t, one, st.ID)
	g, s, err := two.Graph(context.Background(), "")
	if err != nil || g.Digest != st.Digest || s.Source != "Made up" {
		t.Errorf("%s, %+v, %v", g.Digest, s, err)
	}
	scans, err := two.Scans(context.Background(), 0)
	if err != nil || len(scans) != 1 || scans[0].ID != string(st.ID) {
		t.Errorf("%+v, %v", scans, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".caravan")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database of its own was begun beside it: %v", err)
	}
}

func TestASecondScanMustWait(t *testing.T) {
	a := open(t, Options{Workspace: workspaceDir(t)})
	first, err := a.StartScan(ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.StartScan(ScanRequest{})
	st, _ := a.Scan(first.ID)
	if st.Running() && fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second scan beside a running one: %v", err)
	}
	ended(t, a, "")
	if _, err := a.StartScan(ScanRequest{}); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
}

func TestACancelledScanKeepsNothing(t *testing.T) {
	a := open(t, Options{Workspace: workspaceDir(t)})
	st, err := a.StartScan(ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CancelScan(st.ID); err != nil {
		t.Fatal(err)
	}
	st = ended(t, a, st.ID)
	list, err := a.Snapshots(context.Background(), 10)
	if err != nil || (st.State == "cancelled") != (len(list) == 0) {
		t.Errorf("%+v with %d snapshots, %v", st, len(list), err)
	}
	scans, err := a.Scans(context.Background(), 10)
	if err != nil || len(scans) != 1 || scans[0].ID != string(st.ID) || scans[0].State != st.State {
		t.Errorf("%+v noted as %+v, %v", st, scans, err)
	}
}

func TestAScanThatFailsIsNotedWithItsReason(t *testing.T) {
	dir := workspaceDir(t)
	a := open(t, Options{Workspace: dir})
	if err := os.RemoveAll(filepath.Join(dir, "repos")); err != nil {
		t.Fatal(err)
	}
	st, err := a.StartScan(ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	st = ended(t, a, st.ID)
	if st.State != "failed" || st.Kind != "not found" || !strings.Contains(st.Error, "name one that exists") {
		t.Errorf("%+v", st)
	}
	scans, err := a.Scans(context.Background(), 0)
	want := []store.Scan{{ID: string(st.ID), Started: clock(), Ended: clock(), State: "failed", Source: "Made up", Kind: "not found", Error: st.Error}}
	if diff := cmp.Diff(want, scans); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestADefectEndsItsScanAlone(t *testing.T) {
	a := open(t, Options{Workspace: workspaceDir(t)})
	_, _, err := a.readSafely(context.Background(), ScanRequest{}, func(string, discover.Progress) {
		var none []int
		none[0]++
	})
	if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "index out of range") || !strings.Contains(err.Error(), "app_test.go:") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

func TestClosingEndsARunningScan(t *testing.T) {
	a := open(t, Options{Workspace: workspaceDir(t)})
	if _, err := a.StartScan(ScanRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if st, _ := a.Scan(""); st.Running() {
		t.Error("still running")
	}
	if _, err := a.StartScan(ScanRequest{}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a scan of a closed program: %v", err)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for what, o := range map[string]Options{"nothing to read": {}, "no workspace": {Workspace: t.TempDir()}} {
		o.Now = clock
		if _, err := New(context.Background(), o); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestDirectoriesOfTheSameNameAreTwoSources(t *testing.T) {
	top := t.TempDir()
	for _, d := range []string{"a/x", "b/x"} {
		if err := os.MkdirAll(filepath.Join(top, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	a := open(t, Options{Dirs: []string{filepath.Join(top, "a/x"), filepath.Join(top, "b/x")}})
	if a.sources[0].Name == a.sources[1].Name {
		t.Errorf("%v", a.sources)
	}
}
