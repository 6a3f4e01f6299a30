package hclfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/syntax"
)

func TestAttributesAreInFileOrder(t *testing.T) {
	body, err := Parse([]byte("zone = 1\nname = \"a\"\nbeans = 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"zone", "name", "beans"}, Attributes(body)); diff != "" {
		t.Error(diff)
	}
}

func TestBadInputIsAnErrorWithItsLine(t *testing.T) {
	body, err := Parse([]byte("name = \"a\"\nport =\n"))
	var e *syntax.Error
	if !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("got error %v, want one at line 2", err)
	}
	if body == nil || body.Attributes["name"] == nil {
		t.Error("what stands before the error is lost")
	}
}

func TestHostileInputIsNotParsed(t *testing.T) {
	for name, data := range map[string]string{
		"deep brackets":      "a = " + strings.Repeat("[", 100_000),
		"signs in a row":     "a = " + strings.Repeat("! -", 100_000/3),
		"nested conditions":  "a = " + strings.Repeat("a?b:", 100_000/4),
		"more than by hand":  strings.Repeat("a = 1\n", 100_000),
		"templates in depth": `a = "` + strings.Repeat("${", 50_000),
	} {
		t.Run(name, func(t *testing.T) {
			if body, err := Parse([]byte(data)); err == nil || body != nil {
				t.Errorf("parsed, want an error")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("service {\n name = \"a\"\n env { A = \"${b}\" }\n}\n"))
	f.Add([]byte("a = x ? [1, 2] : { b = !c }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := Parse(data)
		if body == nil && err == nil {
			t.Error("neither a body nor an error")
		}
	})
}
