package document_test

import (
	"testing"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/syntax"
)

func TestAnEntryIsAddedAndAllElseStays(t *testing.T) {
	for why, c := range map[string]struct {
		text, want string
		ok         bool
	}{
		"after the last of a list":       {"a: 1\nlist:\n- x # first\n- y:\n    z: 1\n# end\nb: 2\n", "a: 1\nlist:\n- x # first\n- y:\n    z: 1\n- new\n# end\nb: 2\n", true},
		"as deep as the others":          {"list:\n    - x\n", "list:\n    - x\n    - new\n", true},
		"after the last of a table":      {"list:\n  x: {a: 1}\n\nb: 2\n", "list:\n  x: {a: 1}\n  - new\n\nb: 2\n", true},
		"where the key is not there":     {"a: 1\n", "a: 1\nlist:\n  - new\n", true},
		"where it is empty":              {"list: []\na: 1\n", "list:\n  - new\na: 1\n", true},
		"with what is said of it":        {"list: []  # none yet\na: 1\n", "list: # none yet\n  - new\na: 1\n", true},
		"where it is nothing":            {"list:\na: 1\n", "list:\n  - new\na: 1\n", true},
		"and not to what is on one line": {"list: [x]\n", "", false},
		"with the ends of lines it has":  {"a: 1\r\nlist:\r\n  - x\r\n", "a: 1\r\nlist:\r\n  - x\r\n  - new\r\n", true},
	} {
		docs, err := syntax.YAML([]byte(c.text))
		if err != nil || len(docs) != 1 {
			t.Fatal(err)
		}
		got, ok := document.Added([]byte(c.text), docs[0], "list", []string{"- new"})
		if ok != c.ok || string(got) != c.want {
			t.Errorf("%s: %t\n%s", why, ok, got)
		}
	}
}
