package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// seed gives a fuzz target the corpus.
func seed(f *testing.F, d Dialect) {
	for _, e := range corpus(f) {
		for _, file := range e.files {
			if DialectOf(file.Path) == d {
				f.Add(file.Text, false)
				f.Add(strings.ReplaceAll(file.Text, "\n", "\r\n"), true)
			}
		}
	}
}

// holds checks what is promised of any text: what is adopted can be taken back to the byte, and is not adopted twice.
func holds(t *testing.T, name, text string, replace bool) {
	t.Helper()
	o := Options{Service: "orders", Version: "$V", Replace: replace}
	results, _ := Adopt([]File{{Path: name, Text: text}}, o)
	for _, r := range results {
		if r.State != Patched {
			continue
		}
		if back, ok := Undo(r.Text); !ok || back != text {
			t.Errorf("undoing gives\n%q\nnot\n%q\nof\n%q", back, text, r.Text)
		}
		again, err := Adopt([]File{{Path: name, Text: r.Text}}, o)
		if err != nil || len(again) != 1 || again[0].State != Standing || again[0].Text != r.Text {
			t.Errorf("adopted again: %v, %v\n%q", again, err, r.Text)
		}
	}
}

func FuzzGitHub(f *testing.F) {
	seed(f, GitHub)
	f.Fuzz(func(t *testing.T, text string, replace bool) { holds(t, ".github/workflows/x.yml", text, replace) })
}

func FuzzGitLab(f *testing.F) {
	seed(f, GitLab)
	f.Fuzz(func(t *testing.T, text string, replace bool) {
		Includes(text)
		holds(t, ".gitlab-ci.yml", text, replace)
	})
}

func FuzzJenkins(f *testing.F) {
	seed(f, Jenkins)
	for _, text := range groovyTexts {
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, replace bool) { holds(t, "Jenkinsfile", text, replace) })
}

func FuzzCommands(f *testing.F) {
	for _, script := range []string{"a && b | c; d", "if [ x ]; then a; fi", "ssh h <<'E'\n$x\nE\n", "a \\\n b", "case $x in a) b;; esac", "f() { a; }", "x=$(a \"b)\") `c`", "<<<", "\"", "${{ a"} {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		lines := strings.Count(script, "\n") + 1
		for _, c := range commands(script) {
			if len(c.words) == 0 || c.line < 0 || c.end < c.line || c.end >= lines {
				t.Errorf("%+v in %q", c, script)
			}
			deedOf(c, "deploy")
			versionsOf(c)
		}
	})
}

func FuzzUndo(f *testing.F) {
	f.Add("a\n# -caravan: b\nc # +caravan\n")
	f.Add("a\r\n  // -caravan:\r\nc // +caravan")
	f.Fuzz(func(t *testing.T, text string) {
		before, ok := Undo(text)
		if ok != Adopted(text) {
			t.Errorf("Undo says %v of %q", ok, text)
		}
		if !ok && before != text {
			t.Errorf("%q became %q without a mark", text, before)
		}
	})
}

// TestHostileTextsAreDoneWithSoon gives each dialect what would take a naive reader for ever.
func TestHostileTextsAreDoneWithSoon(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, MostBytes/2/len(s)) }
	var laughs strings.Builder
	laughs.WriteString(".a0: &a0 [./deploy.sh]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&laughs, ".a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	var parents strings.Builder
	for i := 1; i < 300; i++ {
		fmt.Fprintf(&parents, ".b%d:\n  extends: [.b%d, .b%d, .b%d]\n", i, i-1, i-1, (i+7)%300)
	}
	begun := time.Now()
	for name, texts := range map[string][]string{
		".gitlab-ci.yml": {laughs.String() + "deploy:\n  script: *a29\n", parents.String() + "deploy:\n  extends: .b299\n  script: [x]\n", "deploy:\n  script:\n    - " + many("$("), "deploy:\n  script:\n    - " + many("a;"),
			"deploy:\n  script: " + many("["), many("a: {script: [./deploy.sh]}\n"), "deploy:\n  script:\n    - |\n      " + many("./deploy.sh $CI_SHA;")},
		".github/workflows/x.yml": {"jobs:\n  a:\n    steps:\n" + many("      - run: ./deploy.sh $GITHUB_SHA\n"), "jobs:\n  a:\n    steps:\n      - run: " + many("${{"), "jobs:\n  a:\n    steps:\n      - run: \"" + many("`") + "\""},
		"Jenkinsfile":             {"pipeline {" + many("x { sh './deploy.sh $A' }\n") + "}", "pipeline { steps { sh \"" + many("${") + "\" } }", many("{"), "pipeline {" + many("/a") + "}", "pipeline { steps {\n" + many("sh './deploy.sh $GIT_COMMIT'\n") + "} }"},
	} {
		for _, text := range texts {
			_, _ = Adopt([]File{{Path: name, Text: text}}, Options{Service: "orders"})
			if took := time.Since(begun); took > 2*time.Minute {
				t.Fatalf("%s took until %s: %.60q", name, took, text)
			}
		}
	}
}
