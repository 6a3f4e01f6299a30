package syntax

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestYAML(t *testing.T) {
	checkSamples(t, "YAML", []sample{
		{"nested maps and lists", "a:\n  b: 1\n  c:\n    - x\n    - y: z\n", []Entry{{"a.b", "1", 2}, {"a.c[0]", "x", 4}, {"a.c[1].y", "z", 5}}, 0},
		{"several documents", "a: 1\n---\n# only a comment\n---\nb: 2\n...\n", []Entry{{"a", "1", 1}, {"b", "2", 5}}, 0},
		{"JSON is YAML", `{"a": {"b": [1, "x"]}}`, []Entry{{"a.b[0]", "1", 1}, {"a.b[1]", "x", 1}}, 0},
		{"anchors and aliases", "a: &x {b: 1}\nc: *x\n", []Entry{{"a.b", "1", 1}, {"c.b", "1", 1}}, 0},
		{"merge keys yield to the map's own", "d: &d {h: db, p: 1}\nx:\n  <<: *d\n  p: 2\n", []Entry{{"d.h", "db", 1}, {"d.p", "1", 1}, {"x.p", "2", 4}, {"x.h", "db", 1}}, 0},
		{"of several merged maps the first wins", "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc:\n  <<: [*a, *b]\n", []Entry{{"a.x", "1", 1}, {"b.x", "2", 2}, {"b.y", "3", 2}, {"c.x", "1", 1}, {"c.y", "3", 2}}, 0},
		{"text as written", "a: 0123\nb: yes\nc: \"1\"\nd: 1e3\ne: |\n  x\n  y\nf: >-\n  x\n  y\n", []Entry{{"a", "0123", 1}, {"b", "yes", 2}, {"c", "1", 3}, {"d", "1e3", 4}, {"e", "x\ny\n", 5}, {"f", "x y", 8}}, 0},
		{"nulls and empty maps are left out", "a:\nb: ~\nc: null\nd: {}\ne: []\nf: ''\n", []Entry{{"f", "", 6}}, 0},
		{"other keys than text", "1: a\ntrue: b\n8080: c\n", []Entry{{"1", "a", 1}, {"true", "b", 2}, {"8080", "c", 3}}, 0},
		{"quoted placeholders", "a: \"{{ host }}\"\nb: ${X:y}\nc: '%{z}'\n", []Entry{{"a", "{{ host }}", 1}, {"b", "${X:y}", 2}, {"c", "%{z}", 3}}, 0},
		{"an empty file", "", nil, 0},
		{"only comments", "# nothing\n", nil, 0},
		{"documents before an error stay", "a: 1\n---\nb: [\n", []Entry{{"a", "1", 1}}, -1},
		{"a template that is a map by accident", "a: 1\nb: {{ .Values.host }}\n", nil, 2},
		{"a template with blocks", "{{- if .Values.on }}\na: 1\n{{- end }}\n", nil, -1},
		{"a Jinja template", "{% for h in hosts %}\n- {{ h }}\n{% endfor %}\n", nil, -1},
		{"a tab for indentation", "a:\n\tb: 1\n", nil, -1},
		{"an alias to nothing", "a: *b\n", nil, -1},
	})
}

func TestYAMLKeepsTheTagsOthersEvaluate(t *testing.T) {
	docs, err := YAML([]byte("a: !Ref Queue\nb: !Join [x, y]\nc: !vault |\n  1234\nd: 5\ne: !!str 5\nf: 1.5\ng: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range docs[0].Pairs {
		got = append(got, p.Value.Tag)
	}
	if diff := cmp.Diff([]string{"!Ref", "!Join", "!vault", "int", "str", "float", "bool"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	checkSamples(t, "JSON", []sample{
		{"nested values with their lines", "{\n \"a\": {\"b\": 1},\n \"c\": [true,\n null, \"x\"]\n}", []Entry{{"a.b", "1", 2}, {"c[0]", "true", 3}, {"c[2]", "x", 4}}, 0},
		{"comments of both sorts", "// head\n{\n /* a\n b */ \"a\": 1, // why\n \"b\": \"http://x//y\"\n}\n// tail\n", []Entry{{"a", "1", 4}, {"b", "http://x//y", 5}}, 0},
		{"commas at the end", `{"a": [1, 2,], "b": 3,}`, []Entry{{"a[0]", "1", 1}, {"a[1]", "2", 1}, {"b", "3", 1}}, 0},
		{"escapes", `{"a": "q\" s\\ u\u00e9 n\n \ud83d\ude00 \/ \b"}`, []Entry{{"a", "q\" s\\ ué n\n 😀 / \b", 1}}, 0},
		{"numbers as written", `[1, -2.50, 1e6]`, []Entry{{"[0]", "1", 1}, {"[1]", "-2.50", 1}, {"[2]", "1e6", 1}}, 0},
		{"a lone value", `"x"`, []Entry{{"", "x", 1}}, 0},
		{"truncated in an object", "{\"a\": 1,\n\"b\": {\"c\": 2,", []Entry{{"a", "1", 1}, {"b.c", "2", 2}}, 2},
		{"truncated in a string", "{\"a\": 1, \"b\": \"xy", []Entry{{"a", "1", 1}, {"b", "xy", 1}}, 1},
		{"truncated after a key", `{"a": 1, "b"`, []Entry{{"a", "1", 1}}, 1},
		{"a string over two lines", "{\"a\": \"x\ny\"}", []Entry{{"a", "x", 1}}, 1},
		{"something after the value", "{\"a\": 1}\n{\"b\": 2}", []Entry{{"a", "1", 1}}, 2},
		{"a key without quotes", `{a: 1}`, nil, 1},
		{"a word that is nothing", "{\"a\": 1,\n \"b\": maybe}", []Entry{{"a", "1", 1}}, 2},
		{"a bad escape", `{"a": "\u12"}`, []Entry{{"a", "12", 1}}, 1},
		{"a comment that does not end", "{\"a\": 1, /* x", []Entry{{"a", "1", 1}}, 1},
		{"an empty file", "", nil, 1},
	})
}

func TestTOML(t *testing.T) {
	checkSamples(t, "TOML", []sample{
		{"tables and dotted keys", "a = 1\n[b]\nc.d = \"x\"\n[b.e]\nf = true\n", []Entry{{"a", "1", 1}, {"b.c.d", "x", 3}, {"b.e.f", "true", 5}}, 0},
		{"lists of tables", "[[s]]\nn = \"a\"\n[s.x]\ny = 1\n[[s]]\nn = \"b\"\n", []Entry{{"s[0].n", "a", 2}, {"s[0].x.y", "1", 4}, {"s[1].n", "b", 6}}, 0},
		{"inline tables and lists", "a = {b = 1, c.d = 2}\ne = [\n  \"x\",\n  \"y\", # why\n]\n", []Entry{{"a.b", "1", 1}, {"a.c.d", "2", 1}, {"e[0]", "x", 2}, {"e[1]", "y", 2}}, 0},
		{"all sorts of text", "a = 'C:\\x'\nb = \"\\u00e9\\n\"\nc = \"\"\"\nx\ny\"\"\"\n", []Entry{{"a", `C:\x`, 1}, {"b", "é\n", 2}, {"c", "x\ny", 3}}, 0},
		{"quoted keys", "\"a.b\" = 1\n[c.\"d e\"]\nf = 1979-05-27T07:32:00Z\n", []Entry{{"a.b", "1", 1}, {"c.d e.f", "1979-05-27T07:32:00Z", 3}}, 0},
		{"what stands before an error stays", "a = 1\nb = \nc = 3\n", []Entry{{"a", "1", 1}}, -1},
		{"an empty file", "", nil, 0},
	})
}

func FuzzYAML(f *testing.F) {
	fuzz(f, "YAML", "a: &x {b: [1, *x]}\n---\n<<: {c: d}\n", "a: {{ x }}", "- - - !t |\n  x", "? [a]\n: b", "a: &a\n  <<: *a")
}
func FuzzJSON(f *testing.F) {
	fuzz(f, "JSON", `{"a": [1, true, null, "x\u00e9\ud83d\ude00"], /* c */ "b": {},} // d`, `{"a`, `"\`, `"\u`, "[[", "/*")
}
func FuzzTOML(f *testing.F) {
	fuzz(f, "TOML", "a.b = {c = [1, \"x\"]}\n[[t]]\nd = '''x'''\n[t.u]\n", "[", "a = \"", "[[a]]\n[a.b]\n[[a.b]]")
}
