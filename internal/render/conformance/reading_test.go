package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// installed is a real program's path. Without it the test is skipped by name, or fails when CARAVAN_TEST_ALL is 1.
func installed(t testing.TB, name, pkg string) string {
	t.Helper()
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if p, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return p
		}
	}
	why := fmt.Sprintf("no %s on this machine; install the package %s", name, pkg)
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
	return ""
}

func put(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// text draws texts of characters that one grammar or another takes for something else. DEL is left out: Kustomize cannot write it.
func text() *rapid.Generator[string] {
	return rapid.StringOf(rapid.SampledFrom([]rune("ab7 \t\n\r'\"\\$`%#;=&|<>(){}[]*?!~^:/.,-_@+é…😀\x01\u2028\ufeff")))
}

func TestEnvironmentFilesAreReadAsSystemdReadsThem(t *testing.T) {
	tmpfiles := installed(t, "systemd-tmpfiles", "systemd")
	root := t.TempDir()
	put(t, filepath.Join(root, "write.conf"), "f+ /out 0644 - - - %B\n", 0o644)
	rapid.Check(t, func(rt *rapid.T) {
		// os-release has the grammar and the parser of environment files, and %B is a way to see what that reads.
		raw := "ID=x\nBUILD_ID=\"x\"" + text().Draw(rt, "raw") + "\n"
		put(t, filepath.Join(root, "etc/os-release"), raw, 0o644)
		if out, err := exec.Command(tmpfiles, "--root="+root, "--create", filepath.Join(root, "write.conf")).CombinedOutput(); err != nil {
			rt.Fatalf("%v: %s", err, out)
		}
		want, err := os.ReadFile(filepath.Join(root, "out"))
		if err != nil {
			rt.Fatal(err)
		}
		if got := environmentFile(raw)["BUILD_ID"]; got != string(want) {
			rt.Errorf("%q: systemd reads %q, this %q", raw, want, got)
		}
	})
}

func TestCommandLinesAreReadAsSystemdReadsThem(t *testing.T) {
	analyze := installed(t, "systemd-analyze", "systemd")
	t.Setenv("SYSTEMD_LOG_LEVEL", "debug")
	root := t.TempDir()
	put(t, filepath.Join(root, "bin/true"), "#!/bin/sh\n", 0o755)
	for _, target := range []string{"sysinit", "basic", "shutdown"} {
		put(t, filepath.Join(root, "usr/lib/systemd/system", target+".target"), "[Unit]\n", 0o644)
	}
	word := rapid.OneOf(
		rapid.StringMatching(`[a-z$%=:@#~{}()é]{1,6}`),
		rapid.StringMatching(`"([a-z $;'#é]|%%|\\n|\\t|\\x41|\\101|\\\\|\\"){0,6}"`),
		rapid.StringMatching(`'([a-z $;"#]|%%){0,6}'`),
	)
	rapid.Check(t, func(rt *rapid.T) {
		raw := "/bin/true " + strings.ReplaceAll(strings.Join(rapid.SliceOfN(word, 1, 8).Draw(rt, "words"), "  "), "%", "%%")
		put(t, filepath.Join(root, "etc/systemd/system/x.service"), "[Service]\nExecStart="+raw+"\n", 0o644)
		var said bytes.Buffer
		cmd := exec.Command(analyze, "verify", "--man=no", "--root="+root, "x.service")
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil {
			rt.Fatalf("%q: %v: %s", raw, err, said.String())
		}
		_, line, found := strings.Cut(said.String(), "Command Line: ")
		line, _, _ = strings.Cut(line, "\n")
		want := unquoted(line) // shown with the quotes and escapes it is read with
		got := unquoted(strings.ReplaceAll(raw, "%%", "%"))
		if !found || !slices.Equal(got, want) {
			rt.Errorf("%s: systemd reads %q, this %q", raw, want, got)
		}
	})
}

func TestAnythingArrivesAsItIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.MapOfN(rapid.StringMatching(`[A-Z][A-Z_]{0,3}`), text(), 1, 5).Draw(rt, "values")
		words := append([]string{"/bin/run"}, rapid.SliceOfN(text(), 1, 5).Draw(rt, "words")...)
		content := text().Draw(rt, "content")
		w := sample{service: with(func(_ *render.Service, c *workload.Container) {
			c.Variables, c.Command, c.Args = asWritten(values), words[:1], words[1:]
			c.Files = map[string]workload.File{"/etc/app.conf": {Content: content, NoExpand: true}}
		})}
		onMachines, inCluster := both(rt, w)
		for world, got := range map[string]process{"on machines": onMachines.Processes["main"], "in a cluster": inCluster.Processes["main"]} {
			if !maps.Equal(got.Variables, values) {
				rt.Errorf("%s, variables %q arrive as %q", world, values, got.Variables)
			}
			if !slices.Equal(got.Words, words) {
				rt.Errorf("%s, words %q arrive as %q", world, words, got.Words)
			}
			if got.Files["/etc/app.conf"].Text != content {
				rt.Errorf("%s, the file %q arrives as %q", world, content, got.Files["/etc/app.conf"].Text)
			}
		}
	})
}
