package discover_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/every"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// good is a file that must still be read whatever lies beside it.
const good = "services:\n  web: {image: acme/web, environment: {API: \"http://api:80\"}}\n  api: {image: acme/api}\n"

func scan(t *testing.T, dir string) discover.Reading {
	t.Helper()
	r, err := discover.Scan(context.Background(), []discover.Source{{Name: "here", Dir: dir}}, every.Formats(), discover.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestHostileInputIsADoubtAndTheRestIsRead(t *testing.T) {
	for _, c := range []struct {
		what string
		make func(t *testing.T, dir string)
		file string // where the doubt is
	}{
		{"a YAML bomb", func(t *testing.T, dir string) { put(t, dir, "bomb/application.yml", bomb()) }, "bomb/application.yml"},
		{"a file of a gigabyte", func(t *testing.T, dir string) {
			put(t, dir, "big/application.yml", nil)
			if err := os.Truncate(filepath.Join(dir, "big/application.yml"), 1<<30); err != nil {
				t.Fatal(err)
			}
		}, "big/application.yml"},
		{"a link that leads in a circle", func(t *testing.T, dir string) { link(t, "loop.yml", filepath.Join(dir, "loop.yml")) }, "loop.yml"},
		{"a link to the folder above", func(t *testing.T, dir string) { link(t, "..", filepath.Join(dir, "up")) }, "up"},
		{"a link out of the source", func(t *testing.T, dir string) { link(t, "/etc/hostname", filepath.Join(dir, "out.yml")) }, "out.yml"},
		{"deep nesting in YAML", func(t *testing.T, dir string) {
			put(t, dir, "deep/application.yml", []byte(strings.Repeat("[", 200_000)))
		}, "deep/application.yml"},
		{"deep nesting in JSON", func(t *testing.T, dir string) {
			put(t, dir, "deep/settings.json", []byte(strings.Repeat(`{"a":`, 200_000)))
		}, "deep/settings.json"},
		{"truncated JSON", func(t *testing.T, dir string) {
			put(t, dir, "cut/settings.json", []byte(`{"url": "http://api:80", "x": `))
		}, "cut/settings.json"},
		{"deep folders", func(t *testing.T, dir string) {
			put(t, dir, strings.Repeat("d/", 80)+"application.yml", []byte("a: b\n"))
		}, strings.TrimSuffix(strings.Repeat("d/", 65), "/")},
		{"a FIFO", func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yml"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "pipe.yml"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, "docker-compose.yml", []byte(good))
			c.make(t, dir)
			r := scan(t, dir)
			if !hasDoubt(r, c.file) {
				t.Errorf("no doubt at %s; doubts: %v", c.file, r.Doubts)
			}
			if !hasSighting(r, "API") {
				t.Error("the good file beside it was not read")
			}
		})
	}
}

func TestInvalidUTF8AndCommentsInJSONAreRead(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/application.properties", []byte("name=caf\xe9\napi.url=http://api:80\n"))
	put(t, dir, "b/settings.json", []byte("// where\n{\"api\": {\"url\": \"http://api:80\", /* soon */ \"x\": 1,}}\n"))
	r := scan(t, dir)
	if len(r.Doubts) > 0 {
		t.Errorf("doubts: %v", r.Doubts)
	}
	for _, key := range []string{"api.url"} {
		if !hasSighting(r, key) {
			t.Errorf("%s was not read", key)
		}
	}
}

func TestAFolderWithoutPermissionIsADoubt(t *testing.T) {
	if os.Getuid() == 0 {
		asNobody(t) // root may read everything
		return
	}
	dir := t.TempDir()
	put(t, dir, "docker-compose.yml", []byte(good))
	put(t, dir, "closed/application.yml", []byte("a: b\n"))
	put(t, dir, "shut.yml", []byte("a: b\n"))
	for _, name := range []string{"closed", "shut.yml"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o755) })
	if r := scan(t, dir); !hasDoubt(r, "closed") || !hasDoubt(r, "shut.yml") || !hasSighting(r, "API") {
		t.Errorf("doubts: %v", r.Doubts)
	}
}

// asNobody runs the calling test again as a user without rights, from a copy of the test's program that it may read.
func asNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "program")
	if err := os.WriteFile(name, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, []string{"TMPDIR=" + dir, "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

func TestConcurrencyAndOrderChangeNothing(t *testing.T) {
	dir := filepath.Join("..", "..", "examples", "kopi")
	read := func(workers int) discover.Reading {
		r, err := discover.Scan(context.Background(), []discover.Source{{Dir: dir}}, every.Formats(), discover.Options{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	one := read(1)
	for _, workers := range []int{2, 7} {
		if diff := cmp.Diff(one, read(workers)); diff != "" {
			t.Errorf("%d workers:\n%.2000s", workers, diff)
		}
	}
}

func TestCodeIsLeftAloneWhenOnlyConfigurationIsWanted(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "web/package.json", []byte(`{"name":"web","scripts":{"start":"node s.js"}}`))
	put(t, dir, "web/s.js", []byte("const api = process.env.API || 'http://api:80';\n"))
	r, err := discover.Scan(context.Background(), []discover.Source{{Dir: dir}}, every.Formats(), discover.Options{ConfigOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Sightings {
		if s.Fact == estate.Mentions {
			t.Errorf("code was read: %v", s)
		}
	}
}

func TestSeveralSourcesKeepTheirFilesApart(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	put(t, a, "docker-compose.yml", []byte(good))
	put(t, b, "application.yml", []byte("x: http://api:80\n"))
	r, err := discover.Scan(context.Background(), []discover.Source{{Name: "code", Dir: a}, {Name: "config", Dir: b, Environment: "live"}}, every.Formats(), discover.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Sightings {
		inConfig := strings.HasPrefix(s.Place.File, "config/")
		if !inConfig && !strings.HasPrefix(s.Place.File, "code/") || inConfig != (s.Environment == "live") {
			t.Errorf("%+v", s)
		}
	}
}

func TestASourceThatIsNoDirectoryIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	put(t, filepath.Dir(file), "x", nil)
	for dir, kind := range map[string]fault.Kind{file: fault.Invalid, file + "-not-there": fault.NotFound} {
		_, err := discover.Scan(context.Background(), []discover.Source{{Dir: dir}}, every.Formats(), discover.Options{})
		if fault.KindOf(err) != kind {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestACancelledScanEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := discover.Scan(ctx, []discover.Source{{Dir: t.TempDir()}}, every.Formats(), discover.Options{}); err == nil {
		t.Error("no error")
	}
}

func TestExcludedFoldersAreNotRead(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "old/docker-compose.yml", []byte(good))
	r, err := discover.Scan(context.Background(), []discover.Source{{Dir: dir, Exclude: []string{"old/"}}}, every.Formats(), discover.Options{})
	if err != nil || len(r.Sightings) > 0 {
		t.Errorf("%v %v", r.Sightings, err)
	}
}

func TestWhatWasPlannedIsNotTakenForWhatIs(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "rendered/indonesia/docker-compose.yml", []byte(good))
	put(t, dir, "rendered/indonesia/.caravan.json", []byte("{}"))
	r, err := discover.Scan(context.Background(), []discover.Source{{Dir: dir}}, every.Formats(), discover.Options{})
	if err != nil || len(r.Sightings) > 0 || r.LeftOut["what was planned"] != 1 {
		t.Errorf("%v %v %v", r.Sightings, r.LeftOut, err)
	}
}

func hasDoubt(r discover.Reading, file string) bool {
	for _, d := range r.Doubts {
		if d.Place.File == file {
			return true
		}
	}
	return false
}

func hasSighting(r discover.Reading, key string) bool {
	for _, s := range r.Sightings {
		if s.Key == key {
			return true
		}
	}
	return false
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

// bomb is a few lines of YAML that stand for billions of values.
func bomb() []byte {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		b.WriteString("a" + string(rune('a'+i)) + ": &a" + string(rune('a'+i)) + " [")
		prev := "a0"
		if i > 1 {
			prev = "a" + string(rune('a'+i-1))
		}
		b.WriteString(strings.TrimSuffix(strings.Repeat("*"+prev+",", 10), ",") + "]\n")
	}
	return []byte(b.String())
}
