package vm

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/render"
)

var update = flag.Bool("update", false, "rewrite the rendered part of testdata archives")

// archive is a golden archive: why it exists, which files of the bundle it shows, a site, and those files.
type archive struct {
	name string
	text *txtar.Archive
	site render.Site
	show []string
}

func archives(t testing.TB) []archive {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archive in testdata: %v", err)
	}
	out := make([]archive, len(names))
	for i, name := range names {
		text, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = archive{name: name, text: text}
		for _, f := range text.Files {
			switch f.Name {
			case "show":
				out[i].show = strings.Fields(string(f.Data))
			case "site.json":
				if err := json.Unmarshal(f.Data, &out[i].site); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
	}
	return out
}

// shown are the files of a bundle that an archive shows, without the folder they share.
func (a archive) shown(b render.Bundle) []txtar.File {
	var out []txtar.File
	for _, f := range b.Files {
		name := strings.TrimPrefix(f.Path, "vm/"+string(a.site.Environment)+"/")
		if slices.ContainsFunc(a.show, func(s string) bool { return strings.HasPrefix(name, s) }) {
			out = append(out, txtar.File{Name: name, Data: []byte(f.Text)})
		}
	}
	return out
}

func TestGolden(t *testing.T) {
	for _, a := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(a.name), ".txtar"), func(t *testing.T) {
			if len(strings.TrimSpace(string(a.text.Comment))) < 20 {
				t.Error("the archive does not begin with why it exists")
			}
			got := a.shown(bundle(t, a.site))
			if len(got) == 0 {
				t.Fatalf("nothing of the bundle is shown by %v", a.show)
			}
			if *update {
				a.text.Files = append(slices.DeleteFunc(a.text.Files, func(f txtar.File) bool { return f.Name != "show" && f.Name != "site.json" }), got...)
				if err := os.WriteFile(a.name, txtar.Format(a.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var want []txtar.File
			for _, f := range a.text.Files {
				if f.Name != "show" && f.Name != "site.json" {
					want = append(want, f)
				}
			}
			if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
				t.Errorf("(-want +got; -update rewrites)\n%s", diff)
			}
		})
	}
}

func texts(files []txtar.File) map[string]string {
	out := map[string]string{}
	for _, f := range files {
		out[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
	}
	return out
}

func bundle(t testing.TB, s render.Site) render.Bundle {
	t.Helper()
	b, err := Render(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
