package files

import (
	"strings"
	"testing"

	"example.org/caravan/internal/render"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLinesAreMarkedAndKeepTheirText(t *testing.T) {
	for _, tt := range []struct{ name, file, line, want string }{
		{"a key and a plain value", "a.yaml", "  replicas: 3", "  ‹key replicas›: 3"},
		{"a key in a list", "a.yaml", "- name: orders", "- ‹key name›: orders"},
		{"a key with slashes", "a.yaml", "app.kubernetes.io/name: orders", "‹key app.kubernetes.io/name›: orders"},
		{"a quoted value", "a.yaml", `image: "a@sha256:0f"`, `‹key image›: ‹string "a@sha256:0f"›`},
		{"a comment after a value", "a.yaml", "port: 80 # http", "‹key port›: 80 ‹comment # http›"},
		{"a # inside quotes is none", "a.yml", `a: "x # y"`, `‹key a›: ‹string "x # y"›`},
		{"a # inside a word is none", "a.yaml", "a: x#y", "‹key a›: x#y"},
		{"an address is no key", "a.yaml", "- http://orders:8080", "- http://orders:8080"},
		{"an apostrophe begins no string", "a.yaml", "a: it's here, isn't it", "‹key a›: it's here, isn't it"},
		{"quotes escaped in a string", "a.yaml", `a: "x \" y" # z`, `‹key a›: ‹string "x \" y"› ‹comment # z›`},
		{"a setting", "orders.env", "PORT=8080", "‹key PORT›=8080"},
		{"a comment of settings", "orders.env", "# by hand", "‹comment # by hand›"},
		{"what is not known stays plain", "README.md", `# "Orders": all`, `# "Orders": all`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			for _, s := range Highlight(tt.file, tt.line+"\n")[0].Spans {
				if s.Class == "" {
					b.WriteString(s.Text)
				} else {
					b.WriteString("‹" + s.Class + " " + s.Text + "›")
				}
			}
			if b.String() != tt.want {
				t.Errorf("got %s, want %s", b.String(), tt.want)
			}
		})
	}
}

func TestNoMarkChangesTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-z"'#:\\ {}\[\]=-]{0,24}\n){0,6}`).Draw(t, "text")
		for _, name := range []string{"a.yaml", "a.env", "a.txt"} {
			var b strings.Builder
			for _, l := range Highlight(name, text) {
				for _, s := range l.Spans {
					b.WriteString(s.Text)
				}
				b.WriteString("\n")
			}
			if b.String() != text {
				t.Errorf("%s: %q became %q", name, text, b.String())
			}
		}
	})
}

// TestADifferenceLeadsFromOneTextToTheOther is checked against nothing but the texts themselves.
func TestADifferenceLeadsFromOneTextToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []string {
			return rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 30).Draw(t, name)
		}
		before, now := draw("before"), draw("now")
		var old, made []string
		for _, e := range edits(before, now) {
			if e.Sign != "+" {
				old = append(old, e.Text)
			}
			if e.Sign != "−" {
				made = append(made, e.Text)
			}
		}
		if strings.Join(old, "") != strings.Join(before, "") || strings.Join(made, "") != strings.Join(now, "") {
			t.Errorf("%v and %v became %v and %v", before, now, old, made)
		}
		var shown, touched int
		last := 0
		d := Compare(strings.Join(before, "\n"), strings.Join(now, "\n"))
		for _, h := range d.Hunks {
			for _, e := range h.Lines {
				shown++
				if e.Sign != " " {
					touched++
				}
				if e.New != 0 && e.New <= last {
					t.Errorf("line %d is shown after line %d", e.New, last)
				}
				last = max(last, e.New)
			}
		}
		if touched != d.Added+d.Removed || shown > touched*(2*around+1) {
			t.Errorf("%d of %d differing lines are shown among %d", touched, d.Added+d.Removed, shown)
		}
	})
}

func TestADifferenceShowsAFewLinesAround(t *testing.T) {
	before := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"
	now := strings.Replace(strings.Replace(before, "2\n3", "2\nx", 1), "12\n", "12\n13\n", 1)
	d := Compare(before, now)
	var got []string
	for _, h := range d.Hunks {
		var line []string
		for _, e := range h.Lines {
			line = append(line, strings.TrimSpace(e.Sign+e.Text))
		}
		got = append(got, strings.Join(line, " "))
	}
	want := []string{"1 2 −3 +x 4 5 6", "10 11 12 +13"}
	if diff := cmp.Diff(want, got); diff != "" || d.Added != 2 || d.Removed != 1 {
		t.Errorf("+%d −%d %s", d.Added, d.Removed, diff)
	}
}

func TestFilesKnowWhatBecameOfThem(t *testing.T) {
	now := []render.File{{Path: "id/a.yaml", Text: "a"}, {Path: "id/b.yaml", Text: "b"}, {Path: "id/c.yaml", Text: "c"}}
	before := []render.File{{Path: "id/a.yaml", Text: "a"}, {Path: "id/b.yaml", Text: "x"}, {Path: "id/old.yaml", Text: "y"}}
	for _, tt := range []struct {
		name    string
		before  []render.File
		path    string
		ok      bool
		want    string
		summary string
	}{
		{"against a proposal before", before, "id/b.yaml", true, "unchanged changed new gone", "3 files, 1 changed, 1 new, 1 gone, 1 unchanged"},
		{"a file that is gone can be opened", before, "id/old.yaml", true, "unchanged changed new gone", "3 files, 1 changed, 1 new, 1 gone, 1 unchanged"},
		{"without a proposal before", nil, "", true, "unchanged unchanged unchanged", "3 files; no earlier proposal is kept to compare them with"},
		{"all as before", now, "", true, "unchanged unchanged unchanged", "3 files, all as in the proposal before"},
		{"a path nobody has", nil, "id/d.yaml", false, "unchanged unchanged unchanged", "3 files; no earlier proposal is kept to compare them with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, ok := Of("indonesia", now, tt.before, tt.path, false)
			var states []string
			for _, e := range v.Files {
				states = append(states, string(e.State))
			}
			if got := strings.Join(states, " "); got != tt.want || ok != tt.ok || v.summary() != tt.summary {
				t.Errorf("%s; found %t; %s", got, ok, v.summary())
			}
			if (v.Open != nil) != (tt.ok && tt.path != "") {
				t.Errorf("opened: %v", v.Open)
			}
		})
	}
}

func TestFoldersThatHoldOnlyOneFolderAreOneWithIt(t *testing.T) {
	var files []Entry
	for _, p := range []string{"id/shop/orders/deployment.yaml", "id/shop/orders/service.yaml", "id-data/readme.md"} {
		files = append(files, Entry{Path: p, State: Same})
	}
	files[0].State = Changed
	root := Tree(files)
	if len(root.Folders) != 2 || root.Folders[0].Name != "id/shop/orders" || root.Folders[0].Path != "id/shop/orders" || root.Folders[0].Count != 2 || root.Folders[0].Touched != 1 || root.Count != 3 {
		t.Errorf("%+v", root.Folders[0])
	}
}
