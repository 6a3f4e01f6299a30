package vm

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// awkward draws texts of characters that one grammar or another takes for something else.
func awkward() *rapid.Generator[string] {
	runes := []rune("ab7 \t\n\r'\"\\$`%#;=&|<>(){}[]*?!~^:/.,-_@+é…😀\x01\x7f\u2028\ufeff")
	return rapid.StringOf(rapid.SampledFrom(runes))
}

func TestSystemdReadsEveryVariableBack(t *testing.T) {
	tmpfiles := installed(t, "systemd-tmpfiles", "systemd")
	root := t.TempDir()
	put(t, filepath.Join(root, "write.conf"), "f+ /out 0644 - - - %B\n", 0o644)
	rapid.Check(t, func(rt *rapid.T) {
		// Environment files and os-release have one grammar and one parser; this is a way to see what that reads.
		value := "x" + awkward().Draw(rt, "value")
		put(t, filepath.Join(root, "etc/os-release"), "ID=x\n"+assignment("BUILD_ID", value), 0o644)
		if out, ok := run(t, tmpfiles, "--root="+root, "--create", filepath.Join(root, "write.conf")); !ok {
			rt.Fatal(out)
		}
		if got := read(t, filepath.Join(root, "out")); got != value {
			rt.Errorf("%q is read as %q", value, got)
		}
	})
}

func TestAShellReadsEveryVariableBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "variables.env")
	rapid.Check(t, func(rt *rapid.T) {
		value := awkward().Draw(rt, "value")
		put(t, name, assignment("VALUE", value), 0o644)
		got, ok := run(t, "sh", "-c", `. "$0"; printf %s "$VALUE"`, name)
		if !ok || got != value {
			rt.Errorf("%q is read as %q", value, got)
		}
	})
}

func TestAShellReadsEveryWordBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		words := rapid.SliceOfN(awkward(), 1, 5).Draw(rt, "words")
		got, ok := run(t, "sh", "-c", "printf '%s\\n--\\n' "+shellWords(words))
		if want := strings.Join(words, "\n--\n") + "\n--\n"; !ok || got != want {
			rt.Errorf("%q are read as %q", want, got)
		}
	})
}

func TestSystemdReadsEveryWordBack(t *testing.T) {
	analyze := installed(t, "systemd-analyze", "systemd")
	t.Setenv("SYSTEMD_LOG_LEVEL", "debug")
	root := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		words := append([]string{"/bin/true"}, rapid.SliceOfN(awkward(), 1, 20).Draw(rt, "words")...)
		put(t, filepath.Join(root, "etc/systemd/system/x.service"), "[Service]\nExecStart="+unitWords(words)+"\n", 0o644)
		furnish(t, root)
		out, _ := run(t, analyze, "verify", "--man=no", "--root="+root, "x.service")
		_, line, found := strings.Cut(out, "Command Line: ")
		line, _, _ = strings.Cut(line, "\n")
		if got := dumped(line); !found || !slices.Equal(got, words) {
			rt.Errorf("%q are read as %q", words, got)
		}
	})
}

// dumped reads a command line as systemd-analyze shows it: words in double quotes with the escapes of C, $$ not yet made $.
func dumped(line string) []string {
	var out []string
	var word []byte
	quoted, open := false, false
	end := func() {
		if open {
			out = append(out, strings.ReplaceAll(string(word), "$$", "$"))
		}
		word, open = nil, false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted, open = !quoted, true
		case c == ' ' && !quoted:
			end()
		case c == '\\' && i+1 < len(line):
			i++
			open = true
			if n := strings.IndexByte("abfnrtv", line[i]); n >= 0 {
				word = append(word, "\a\b\f\n\r\t\v"[n])
			} else if line[i] >= '0' && line[i] <= '7' && i+2 < len(line) {
				var n int
				fmt.Sscanf(line[i:i+3], "%o", &n)
				word = append(word, byte(n))
				i += 2
			} else {
				word = append(word, line[i])
			}
		default:
			open = true
			word = append(word, c)
		}
	}
	end()
	return out
}

func TestYAMLTextsAreReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := awkward().Draw(rt, "text") + rapid.SampledFrom([]string{"", "\n", "\n\n"}).Draw(rt, "end")
		var got struct{ Content string }
		if err := yaml.Unmarshal([]byte("content: "+yamlText(text, 4)+"\n"), &got); err != nil {
			rt.Fatalf("%q: %v", text, err)
		}
		if got.Content != text {
			rt.Errorf("%q is read as %q", text, got.Content)
		}
	})
}
