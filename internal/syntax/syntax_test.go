package syntax

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsers are all of them, reduced to what they have in common.
var parsers = map[string]func([]byte) ([]Entry, error){
	"YAML": func(data []byte) ([]Entry, error) {
		docs, err := YAML(data)
		var out []Entry
		for _, d := range docs {
			out = append(out, d.Flatten()...)
		}
		return out, err
	},
	"JSON": func(data []byte) ([]Entry, error) {
		n, err := JSON(data)
		return n.Flatten(), err
	},
	"TOML": func(data []byte) ([]Entry, error) {
		n, err := TOML(data)
		return n.Flatten(), err
	},
	"INI":         INI,
	"properties":  Properties,
	"env shell":   func(data []byte) ([]Entry, error) { return Env(data, EnvShell) },
	"env compose": func(data []byte) ([]Entry, error) { return Env(data, EnvCompose) },
	"env systemd": func(data []byte) ([]Entry, error) { return Env(data, EnvSystemd) },
}

type sample struct {
	name string
	in   string
	want []Entry
	bad  int // line of the error, 0 for none, -1 for an error without a line
}

func checkSamples(t *testing.T, parser string, samples []sample) {
	t.Helper()
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			got, err := parsers[parser]([]byte(s.in))
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			checkError(t, err, s.bad)
		})
	}
}

func checkError(t *testing.T, err error, line int) {
	t.Helper()
	var known *Error
	switch {
	case err == nil && line == 0:
	case err == nil:
		t.Error("no error")
	case !errors.As(err, &known):
		t.Errorf("%T is not *Error: %v", err, err)
	case line == 0:
		t.Errorf("error %v", err)
	case line > 0 && known.Line != line:
		t.Errorf("error %v, want line %d", err, line)
	}
}

func TestEveryParserReadsWhatEditorsLeaveBehind(t *testing.T) {
	plain := map[string]string{
		"YAML": "host: db\nport: 5432\n", "JSON": "{\"host\": \"db\",\n\"port\": 5432}\n", "TOML": "host = \"db\"\nport = 5432\n",
		"INI": "host = db\nport = 5432\n", "properties": "host=db\nport=5432\n", "env shell": "host=db\nport=5432\n",
		"env compose": "host=db\nport=5432\n", "env systemd": "host=db\nport=5432\n",
	}
	want := []Entry{{"host", "db", 1}, {"port", "5432", 2}}
	for name, parse := range parsers {
		for how, in := range map[string][]byte{
			"as it is":                 []byte(plain[name]),
			"with a byte order mark":   []byte("\xEF\xBB\xBF" + plain[name]),
			"with Windows line ends":   []byte(strings.ReplaceAll(plain[name], "\n", "\r\n")),
			"in little-endian UTF-16":  utf16With(plain[name], "\xFF\xFE", 0),
			"in big-endian UTF-16":     utf16With(plain[name], "\xFE\xFF", 1),
			"without a last line end":  []byte(strings.TrimSuffix(plain[name], "\n")),
			"with blanks at its lines": []byte(strings.ReplaceAll(plain[name], "\n", "  \n")),
		} {
			got, err := parse(in)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s %s: %v\n%s", name, how, err, diff)
			}
		}
	}
}

func utf16With(s, mark string, low int) []byte {
	out := []byte(mark)
	for i := range len(s) {
		pair := [2]byte{}
		pair[low] = s[i]
		out = append(out, pair[:]...)
	}
	return out
}

func TestAStrayLatinLetterIsReportedButDoesNotHideAFile(t *testing.T) {
	for name, in := range map[string]string{
		"YAML": "host: db\ntown: K\xF6ln\n", "JSON": "{\"host\": \"db\",\n\"town\": \"K\xF6ln\"}", "TOML": "host = \"db\"\ntown = \"K\xF6ln\"\n",
		"INI": "host = db\ntown = K\xF6ln\n", "properties": "host=db\ntown=K\xF6ln\n", "env shell": "host=db\ntown=K\xF6ln\n",
		"env compose": "host=db\ntown=K\xF6ln\n", "env systemd": "host=db\ntown=K\xF6ln\n",
	} {
		got, err := parsers[name]([]byte(in))
		if diff := cmp.Diff([]Entry{{"host", "db", 1}, {"town", "Köln", 2}}, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if name == "properties" {
			checkError(t, err, 0)
		} else {
			checkError(t, err, 2)
		}
	}
}

func TestAFileTooLargeToBeConfigurationIsNotRead(t *testing.T) {
	for name, parse := range parsers {
		got, err := parse(make([]byte, MaxBytes+1))
		if len(got) > 0 || err == nil || !strings.Contains(err.Error(), "MiB") {
			t.Errorf("%s: %d entries, %v", name, len(got), err)
		}
	}
}

// hostile are contents made to exhaust whoever reads them; the size is as much as any parser accepts.
func hostile() map[string]string {
	fill := func(head, s string) string { return head + strings.Repeat(s, (MaxBytes-len(head))/len(s)) }
	var steps, tables strings.Builder
	for depth := 0; steps.Len() < MaxBytes-3000; depth++ {
		steps.WriteString(strings.Repeat(" ", depth) + "a:\n")
	}
	for i := 0; tables.Len() < MaxBytes-20; i++ {
		tables.WriteString("[t" + strings.Repeat("0", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + "]\n")
	}
	return map[string]string{
		"flow lists":           fill("", "["),
		"flow maps":            fill("", "{a: "),
		"objects":              fill("", `{"a":`),
		"compact lists":        fill("", "- "),
		"nested blocks":        steps.String(),
		"one huge scalar":      fill("a: ", "x"),
		"one huge string":      fill(`{"a": "`, "x"),
		"one huge key":         fill("", "k"),
		"items under a key":    fill(strings.Repeat("k", 1<<20)+": [", "1,"),
		"continued lines":      fill("a=", "b\\\n"),
		"indented lines":       fill("a=1\n", " b\n"),
		"quotes":               fill("a=", `"`),
		"single quotes":        fill("a='", "b\n"),
		"escaped quotes":       fill("a=", `\"`),
		"tables":               tables.String(),
		"dotted key":           fill("a", ".a") + "=1",
		"documents":            fill("", "---\n"),
		"tabs":                 fill("a:\n", "\t"),
		"anchors":              fill("a: &a 1\nb: ", "*a "),
		"comments":             fill("", "# a: b\n"),
		"open comment":         fill("/*", "*"),
		"nul bytes":            fill("", "\x00"),
		"carriage returns":     fill("a=b", "\r"),
		"backslashes":          fill("a=", `\`),
		"merge of many":        "a: &a {" + fill("", "k: 1, ")[:MaxBytes/2] + "}\nb:\n  <<: *a\n",
		"an alias of itself":   "a: &a [*a, *a, *a]\n",
		"laughs":               laughs(9),
		"many laughs":          laughs(400),
		"merge keys in a ring": "a: &a\n  <<: *a\n  b: 1\n",
	}
}

func laughs(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 lol\n")
	for i := 1; i <= n; i++ {
		at, below := string(rune('0'+i%10)), string(rune('0'+(i-1)%10))
		b.WriteString("a" + at + ": &a" + at + " [" + strings.TrimSuffix(strings.Repeat("*a"+below+",", 9), ",") + "]\n")
	}
	return b.String()
}

// TestHostileFilesEnd relies on the test's own time limit: what these files try takes hours or gigabytes.
func TestHostileFilesEnd(t *testing.T) {
	for what, in := range hostile() {
		for name, parse := range parsers {
			got, err := parse([]byte(in))
			total := 0
			for _, e := range got {
				total += len(e.Key) + len(e.Value)
			}
			if total > 40*MaxBytes {
				t.Errorf("%s as %s: grew to %d MiB", what, name, total>>20)
			}
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("%s as %s: an error of %d bytes", what, name, len(err.Error()))
			}
		}
	}
}

func TestBombsAndDepthAreNamedInTheError(t *testing.T) {
	all := hostile()
	for what, says := range map[string]string{
		"flow lists": "nested deeper", "flow maps": "nested deeper", "compact lists": "depth", "nested blocks": "nested deeper",
		"laughs": "aliases", "an alias of itself": "nested deeper",
	} {
		_, err := YAML([]byte(all[what]))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", what, err, says)
		}
	}
	if _, err := JSON([]byte(all["objects"])); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("objects: %v", err)
	}
	if _, err := TOML([]byte(all["tables"])); err == nil {
		t.Error("tables: no error")
	}
}

func TestErrorsNeverQuoteTheFile(t *testing.T) {
	const secret = "hunter2canary"
	for _, in := range []string{
		"password: " + secret + ": x\n", "a: \"" + secret + "\n", "{\"a\": " + secret + "}", "a = " + secret + "\n[x", secret, "[" + secret, "a: *" + secret,
		"a: &" + secret + " 1\nb: !!" + secret + " [", "\t" + secret, "a: @" + secret, "%" + secret + "\n---\n", "a: 'x' " + secret, "? [" + secret + "]\n: 1\n",
	} {
		for name, parse := range parsers {
			if _, err := parse([]byte(in)); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s quotes the file: %v", name, err)
			}
		}
	}
}

func TestFlattenJoinsKeysAndLeavesOutWhatIsEmpty(t *testing.T) {
	docs, err := YAML([]byte("a:\n  b.c: 1\n  d: [x, {e: y}]\n  f: {}\n  g:\n  h: ''\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{{"a.b.c", "1", 2}, {"a.d[0]", "x", 3}, {"a.d[1].e", "y", 3}, {"a.h", "", 6}}
	if diff := cmp.Diff(want, docs[0].Flatten()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestANodeIsAskedByPath(t *testing.T) {
	docs, err := YAML([]byte("a: {b: [x, [y], z], c: 1}\na: {b: v, d: }\n"))
	if err != nil {
		t.Fatal(err)
	}
	n := docs[0]
	if got := n.At("a", "b").Strings(); !cmp.Equal(got, []string{"v"}) {
		t.Errorf("the last of two equal keys is %q", got)
	}
	if got := n.Pairs[0].Value.Get("b").Strings(); !cmp.Equal(got, []string{"x", "z"}) {
		t.Errorf("the scalars of a list are %q", got)
	}
	if !n.Get("a").Has("d") || n.Get("a").Has("c") || n.At("a", "d", "e").Kind != Null {
		t.Error("a null value is there, an absent one is not")
	}
}

func fuzz(f *testing.F, parser string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	parse := parsers[parser]
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse(data)
		last := 1
		for _, b := range data {
			if b == '\n' || b == '\r' || b >= 0x80 { // YAML knows more ends of lines, beyond ASCII
				last++
			}
		}
		for _, e := range got {
			if e.Line < 0 || e.Line > last+1 {
				t.Errorf("line %d of %d", e.Line, last)
			}
		}
		var known *Error
		if err != nil && !errors.As(err, &known) {
			t.Errorf("%T is not *Error: %v", err, err)
		}
	})
}
