package settings

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	readertest.Golden(t, Format(), "testdata/*.txtar", *update)
}

func seen(path, data string) *discover.Report {
	r := discover.NewReport("settings")
	Format().ReadFile(discover.File{Path: path, Data: []byte(data)}, r)
	return r
}

func TestLargeFilesKeepOnlyTheirAddresses(t *testing.T) {
	var b strings.Builder
	for i := range maxLeaves {
		fmt.Fprintf(&b, "key%d: value\n", i)
	}
	b.WriteString("url: http://orders:8080\n")
	r := seen("a/large.yaml", b.String())
	if len(r.Sightings) != 1 || r.Sightings[0].Value != "http://orders:8080" {
		t.Errorf("%d settings", len(r.Sightings))
	}
}

func TestListsOfRecordsAreData(t *testing.T) {
	for path, data := range map[string]string{
		"a/hosts.json": `[{"host": "a"}]`,
		"a/hosts.yaml": strings.Repeat("- host: a\n", 21),
	} {
		if r := seen(path, data); len(r.Sightings) > 0 || len(r.Doubts) > 0 {
			t.Errorf("%s: %d settings, %v", path, len(r.Sightings), r.Doubts)
		}
	}
	if r := seen("a/hosts.yaml", "- host: a\n"); len(r.Sightings) != 1 {
		t.Errorf("%d settings of a short list in YAML", len(r.Sightings))
	}
}

func TestTheEndOfANameTellsTheEnvironment(t *testing.T) {
	for path, want := range map[string]string{
		"a/.env": "", "a/.env.test": "test", "a/.env.example": "", "a/env.dev": "dev", "a/config/production.json": "production",
		"a/config-dev.yml": "dev", "a/settings.Staging.yaml": "staging", "a/latest.yml": "", "a/production-settings.yml": "",
	} {
		if got := stageOf(path); got != want {
			t.Errorf("%s is for %q, want %q", path, got, want)
		}
	}
}

func TestHOCON(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []syntax.Entry
		bad      bool
	}{
		{"braces around everything", "{\n a = 1\n b { c : x }\n}\n", []syntax.Entry{{Key: "a", Value: "1", Line: 2}, {Key: "b.c", Value: "x", Line: 3}}, false},
		{"a variable may override", "a = x\na = ${?A}\na = ${?B}\n", []syntax.Entry{{Key: "a", Value: "${B:${A:x}}", Line: 1}}, false},
		{"a URL is no comment", "a = http://x:80/y\nb = \"http://z\"\n", []syntax.Entry{{Key: "a", Value: "http://x:80/y", Line: 1}, {Key: "b", Value: "http://z", Line: 2}}, false},
		{"comments", "# a\n// b\na = 1 // c\nb = 2 # d\n", []syntax.Entry{{Key: "a", Value: "1", Line: 3}, {Key: "b", Value: "2", Line: 4}}, false},
		{"lists over lines", "a = [\n  x\n  \"y\"\n  {b = 1}\n]\n", []syntax.Entry{{Key: "a[0]", Value: "x", Line: 2}, {Key: "a[1]", Value: "y", Line: 3}, {Key: "a[2].b", Value: "1", Line: 4}}, false},
		{"lists that grow", "a += x\n", []syntax.Entry{{Key: "a", Value: "x", Line: 1}}, false},
		{"a block that is not closed", "a {\n b = 1\n", []syntax.Entry{{Key: "a.b", Value: "1", Line: 2}}, true},
		{"a text that is not closed", "a = \"x\nb = 1\n", []syntax.Entry{{Key: "a", Value: "", Line: 1}}, true},
		{"a bracket too many", "a = 1\n}\n", []syntax.Entry{{Key: "a", Value: "1", Line: 1}}, true},
		{"nothing", "", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := hocon([]byte(c.in))
			if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != c.bad {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestHostileFilesEnd(t *testing.T) {
	const size = 4 << 20
	fill := func(head, s string) string { return head + strings.Repeat(s, (size-len(head))/len(s)) }
	for _, f := range []struct{ path, data string }{
		{"a.hocon", fill("", "a{")},
		{"a.hocon", fill("a=", "[")},
		{"a.hocon", fill("a=x\n", "a=${?B}\n")},
		{"a.hocon", fill("a=", "\"x\"")},
		{"a.hocon", fill("", "\"")},
		{"a.hocon", fill("a=", "${")},
		{"a.conf", fill("a {\n", "b = ")},
		{"a.conf", fill("a = b\n", "\n c")},
		{"a.yaml", fill("a: ", "[")},
		{"a.json", fill("", "[")},
		{"a.toml", fill("a=", "[")},
		{"a.properties", fill("a=", "b\\\n")},
		{".env", fill("A='", "b\n")},
	} {
		if r := seen(f.path, f.data); len(r.Doubts) > 1 || len(r.Sightings) > size/4 {
			t.Errorf("%s %.20q: %d doubts, %d settings", f.path, f.data, len(r.Doubts), len(r.Sightings))
		}
	}
}

func TestBinaryUnderATextsNameIsADoubt(t *testing.T) {
	r := seen("a/x.conf", "a=b\x00\x01")
	if len(r.Sightings) > 0 || len(r.Doubts) != 1 || r.Doubts[0].Topic != estate.Unparsable {
		t.Errorf("%v %v", r.Sightings, r.Doubts)
	}
}

func FuzzHOCON(f *testing.F) {
	f.Add([]byte("include \"x\"\na.b { c = [1, \"x\"${Y}, {d: e}], f += 2 }\ng = \"\"\"q\"\"\" // h\ni = ${?J}\n"))
	f.Add([]byte("{a:{b:[[["))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, _ := hocon(data)
		for _, e := range entries {
			if e.Line < 1 || e.Line > strings.Count(string(data), "\n")+1 {
				t.Errorf("%v is on no line", e)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("a.yaml", []byte("a: b\n---\n- c"))
	f.Add("b.conf", []byte("a {\n b = c\n}"))
	f.Add(".env.test", []byte("A='b"))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		if !Format().Wants(path) {
			t.Skip()
		}
		if r := seen(path, string(data)); len(r.Doubts) > 1 {
			t.Errorf("%v", r.Doubts)
		}
	})
}
