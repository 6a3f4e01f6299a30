package vm

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// scriptOf is a script of the service orders in a folder of its own, in which the places of a machine are moved.
func scriptOf(t *testing.T, name string, moved ...string) string {
	t.Helper()
	for _, f := range bundle(t, siteOf(t, "service")).Files {
		if strings.HasSuffix(f.Path, "/services/orders/"+name) {
			text := strings.NewReplacer(moved...).Replace(f.Text)
			if len(moved) > 0 && text == f.Text {
				t.Fatalf("%s has no %s", name, moved[0])
			}
			at := filepath.Join(t.TempDir(), name)
			put(t, at, text, 0o755)
			return at
		}
	}
	t.Fatalf("no script %s", name)
	return ""
}

// process is a shell that does something when it is told to stop. It is waited for from the start, so that it leaves no trace.
func process(t *testing.T, script string) (pid int, ended <-chan error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout = os.Stderr
	ready, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	defer out.Close()
	if _, err := out.Read(make([]byte, 1)); err != nil { // it says when its trap is set
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() { ready.Close(); cmd.Process.Kill() })
	return cmd.Process.Pid, done
}

func TestDrainTakesOutOfBalanceBeforeItStops(t *testing.T) {
	run, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	pid, ended := process(t, fmt.Sprintf(`trap 'ls %s >%s; exit 0' TERM; echo; read -r line & while :; do wait; read -r line; done`, run, seen))
	script := scriptOf(t, "drain", "/run/kopi/orders", run)
	cmd := exec.Command(script, "0", "20")
	cmd.Env = append(os.Environ(), fmt.Sprintf("MAINPID=%d", pid))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := <-ended; err != nil {
		t.Errorf("the process did not end by itself: %v", err)
	}
	if got := strings.TrimSpace(read(t, seen)); got != "drain" {
		t.Errorf("when told to stop, the marks were %q", got)
	}
}

func TestDrainKillsWhatDoesNotStop(t *testing.T) {
	run := t.TempDir()
	pid, ended := process(t, `trap '' TERM; echo; while :; do read -r line || exec sleep 600; done`)
	cmd := exec.Command(scriptOf(t, "drain", "/run/kopi/orders", run), "0", "0")
	cmd.Env = append(os.Environ(), fmt.Sprintf("MAINPID=%d", pid))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended with %v", err)
	}
}

func TestDrainHasNothingToDoForWhatHasEnded(t *testing.T) {
	run := t.TempDir()
	cmd := exec.Command(scriptOf(t, "drain", "/run/kopi/orders", run), "600", "600")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if exists(filepath.Join(run, "drain")) {
		t.Error("it is marked all the same")
	}
}

func TestHealthWaitsUntilTheServiceIsWell(t *testing.T) {
	installed(t, "curl", "curl")
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/actuator/health" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		if asked.Add(1) < 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	script := scriptOf(t, "health", "127.0.0.1:8210", strings.TrimPrefix(server.URL, "http://"))
	if out, ok := run(t, script); ok {
		t.Errorf("asked once it says well: %s", out)
	}
	asked.Store(0)
	if out, ok := run(t, script, "wait", "60"); !ok || asked.Load() != 2 {
		t.Errorf("asked %d times: %s", asked.Load(), out)
	}
}

func TestHealthGivesUp(t *testing.T) {
	installed(t, "curl", "curl")
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	script := scriptOf(t, "health", "127.0.0.1:8210", strings.TrimPrefix(server.URL, "http://"))
	if out, ok := run(t, script, "wait", "0"); ok || !strings.Contains(out, "not well after 0 s") || !strings.Contains(out, "404") {
		t.Errorf("after its time it says: %s", out)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAINPID", fmt.Sprint(ended.Process.Pid))
	if out, ok := run(t, script, "wait", "600"); ok || !strings.Contains(out, "has ended") {
		t.Errorf("of a process that has ended it says: %s", out)
	}
}

// releases is a machine's folder of releases, with a systemctl that finds every release well but those with a file "broken".
func releases(t *testing.T) (root string, release func(version string, files ...string) (string, bool)) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "orders")
	bin := t.TempDir()
	put(t, filepath.Join(bin, "systemctl"), fmt.Sprintf("#!/bin/sh\n[ \"$1\" != restart ] || { echo \"$(readlink %[1]s/current)\" >>%[1]s.log; [ ! -e %[1]s/current/broken ]; }\n", root), 0o755)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	script := scriptOf(t, "release", "/srv/kopi/orders", root)
	return root, func(version string, files ...string) (string, bool) {
		content := t.TempDir()
		for _, f := range files {
			put(t, filepath.Join(content, f), version, 0o644)
		}
		archive := filepath.Join(t.TempDir(), "release.tar.gz")
		if out, ok := run(t, "tar", "-czf", archive, "-C", content, "."); !ok {
			t.Fatal(out)
		}
		return run(t, script, version, archive)
	}
}

func TestReleaseSwitchesAndPutsBack(t *testing.T) {
	root, release := releases(t)
	if out, ok := release("1.0", "app"); !ok || read(t, filepath.Join(root, "current/app")) != "1.0" {
		t.Fatalf("the first release: %s", out)
	}
	if out, ok := release("1.1", "app"); !ok || read(t, filepath.Join(root, "current/app")) != "1.1" {
		t.Fatalf("the second release: %s", out)
	}
	out, ok := release("1.2", "app", "broken")
	if ok || !strings.Contains(out, "going back to 1.1") {
		t.Errorf("a release that is not well: %s", out)
	}
	if got := read(t, filepath.Join(root, "current/app")); got != "1.1" {
		t.Errorf("after that %s is current", got)
	}
	if got := read(t, root+".log"); got != "releases/1.0\nreleases/1.1\nreleases/1.2\nreleases/1.1\n" {
		t.Errorf("started were %s", got)
	}
}

func TestAReleaseIsFoundWhereItWasCopiedTo(t *testing.T) {
	root, _ := releases(t)
	script := scriptOf(t, "release", "/srv/kopi/orders", root)
	home := t.TempDir()
	put(t, filepath.Join(home, "app"), "1.0", 0o644)
	t.Chdir(home)
	if out, ok := run(t, "tar", "-czf", "orders-1.0.tar.gz", "app"); !ok {
		t.Fatal(out)
	}
	if out, ok := run(t, script, "1.0", "orders-1.0.tar.gz"); !ok || read(t, filepath.Join(root, "current/app")) != "1.0" {
		t.Errorf("from the folder it is in: %s", out)
	}
}

func TestFirstReleaseThatIsNotWellLeavesNone(t *testing.T) {
	root, release := releases(t)
	if out, ok := release("1.0", "broken"); ok || !strings.Contains(out, "no release to go back to") {
		t.Errorf("it says %s", out)
	}
	if exists(filepath.Join(root, "current")) {
		t.Error("it is current all the same")
	}
}

func TestReleasesAreKept(t *testing.T) {
	root, release := releases(t)
	for i := range 8 {
		if out, ok := release(fmt.Sprintf("1.%d", i), "app"); !ok {
			t.Fatal(out)
		}
	}
	left, err := filepath.Glob(filepath.Join(root, "releases/*"))
	if err != nil || len(left) != keptReleases {
		t.Errorf("left are %v (%v)", left, err)
	}
	if got := read(t, filepath.Join(root, "current/app")); got != "1.7" {
		t.Errorf("%s is current", got)
	}
}

func TestReleaseRefusesOddVersions(t *testing.T) {
	root, release := releases(t)
	for _, version := range []string{"", ".", "..", "../x", "a b", "x.part", "$(id)"} {
		if out, ok := release(version, "app"); ok || !strings.Contains(out, "usage") {
			t.Errorf("%q: %s", version, out)
		}
	}
	if exists(root) {
		t.Error("something was made all the same")
	}
}

func TestReleaseOfABrokenArchiveChangesNothing(t *testing.T) {
	root, release := releases(t)
	if out, ok := release("1.0", "app"); !ok {
		t.Fatal(out)
	}
	broken := filepath.Join(t.TempDir(), "x.tar")
	put(t, broken, "no archive", 0o644)
	if out, ok := run(t, scriptOf(t, "release", "/srv/kopi/orders", root), "1.1", broken); ok {
		t.Errorf("it is taken: %s", out)
	}
	if got := read(t, filepath.Join(root, "current/app")); got != "1.0" || exists(filepath.Join(root, "releases/1.1")) {
		t.Errorf("%s is current", got)
	}
}

func TestAgentAnswersWhatIsMarked(t *testing.T) {
	marks := t.TempDir()
	var text string
	for _, f := range bundle(t, siteOf(t, "environment")).Files {
		if strings.HasSuffix(f.Path, "/agent/agent") {
			text = strings.ReplaceAll(f.Text, "/run/kopi", marks)
		}
	}
	script := filepath.Join(t.TempDir(), "agent")
	put(t, script, text, 0o755)
	put(t, filepath.Join(marks, "orders/drain"), "", 0o644)
	for _, tt := range []struct{ name, ask, want string }{
		{"a service that is being stopped", "orders\n", "drain\n"},
		{"one that is not", "pricing\n", "ready\n"},
		{"a name that leads elsewhere", "../orders\n", ""},
		{"nothing", "\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("sh", script)
			cmd.Stdin = strings.NewReader(tt.ask)
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != tt.want {
				t.Errorf("it answers %q (%v), not %q", out, err, tt.want)
			}
		})
	}
}
