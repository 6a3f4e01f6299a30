package pipeline

import (
	"strings"
	"testing"
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
