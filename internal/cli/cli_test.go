package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"example.org/caravan/examples"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"caravan": func() { os.Exit(Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
		"full":    func() { os.Exit(Run(context.Background(), os.Args[2:], full{}, os.Stderr)) },
	})
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestCommands runs every script: what a user types, what comes back, and the exit code.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			return os.CopyFS(filepath.Join(e.WorkDir, "kopi"), examples.Kopi())
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"nofiles": nofiles,
			"replace": replaceIn,
		},
	})
}

// exits runs a command and checks its exit code: exits 4 caravan …
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		code = exit.ExitCode()
	}
	if got := string(rune('0' + code)); code > 9 || got != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// replaceIn puts one text in the place of another in a file that holds it: replace old new file.
func replaceIn(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[2])
	old := ts.ReadFile(file)
	if !strings.Contains(old, args[0]) {
		ts.Fatalf("%s holds no %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(file, []byte(strings.ReplaceAll(old, args[0], args[1])), 0o644))
}

// nofiles checks that a directory holds nothing.
func nofiles(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(fs.WalkDir(os.DirFS(ts.MkAbs(args[0])), ".", func(p string, _ fs.DirEntry, err error) error {
		if err == nil && p != "." {
			ts.Fatalf("left behind: %s", p)
		}
		return err
	}))
}
