package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.org/caravan/internal/soak"
)

func TestEveryExperimentIsATestThatIsThere(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, e := range soak.All() {
		dir := filepath.Join("../..", e.Module, e.Package)
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(e.Test, "/")
		pattern, found := regexp.MustCompile(first), false
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range declared.FindAllSubmatch(text, -1) {
				found = found || pattern.Match(m[1])
			}
		}
		if !found {
			t.Errorf("%s has no test %s", dir, e.Test)
		}
	}
}

func TestAnExperimentThatRanNothingHasNotPassed(t *testing.T) {
	for says, want := range map[string]string{
		"echo '=== RUN   TestA'; echo '--- PASS: TestA (0.1s)'":         passed,
		"echo 'testing: warning: no tests to run'":                      "failed: there is no such test",
		"echo '=== RUN   TestA'; echo '--- FAIL: TestA (0.1s)'; exit 1": "failed: TestA",
		"echo '=== RUN   TestA'; exit 3":                                "failed: exit status 3",
		"echo 'fuzz: elapsed: 3s, execs: 12'":                           passed,
	} {
		e := experiment{step: step{argv: []string{"/bin/sh", "-c", says}}}
		if got := e.carryOut(t.Context(), io.Discard, nil); got != want {
			t.Errorf("%s: %q, want %q", says, got, want)
		}
	}
}

func TestThePageOfExperimentsKeepsWhatIsNotFoundAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "soak.md")
	const text = "# Soak\n\n" + experimentsTitle + "\nNot run yet.\n\n## More\n\nText.\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := experiment{promise: "a", count: "2 kills"}, experiment{promise: "b", count: "3 kills"}
	for _, do := range []func(*page){
		func(p *page) { p.note(a, "passed | 1 | c1 | 2026-01-01") },
		func(p *page) { p.note(b, "passed | 2 | c1 | 2026-01-01") },
		func(p *page) { p.note(a, "failed: TestA | 3 | c2 | 2026-01-02") },
	} {
		p, err := readSoak(path)
		if err != nil {
			t.Fatal(err)
		}
		do(p)
		if err := p.write(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "# Soak\n\n" + experimentsTitle + "\n" + tableHead +
		"| a | 2 kills | failed: TestA | 3 | c2 | 2026-01-02 |\n| b | 3 kills | passed | 2 | c1 | 2026-01-01 |\n\n## More\n\nText.\n"
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSoakNeedsThePageItWritesTo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, git := range [][]string{{"init", "-q"}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "a"}} {
		if err := command(t.Context(), nil, step{argv: append([]string{"git"}, git...)}).Run(); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := runSoak(context.Background(), &out, io.Discard, nil); err == nil || out.Len() > 0 {
		t.Errorf("it begins without a page: %v %s", err, out.String())
	}
}
