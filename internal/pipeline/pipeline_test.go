package pipeline

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/fault"
)

var update = flag.Bool("update", false, "write what is adopted and refused into the corpus")

// entry of the corpus: the files of a repository as a company wrote them, and what is to become of them.
type example struct {
	name    string
	archive *txtar.Archive
	files   []File
	options Options
}

// corpus reads every archive. Files below want/ are what adopting makes of those given, refused is what is refused and why; a file
// options has a line for each flag.
func corpus(t testing.TB) []example {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d archives, %v: the corpus is to have at least 30", len(names), err)
	}
	var out []example
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(a.Comment)) == 0 {
			t.Errorf("%s does not say why it exists", name)
		}
		e := example{name: strings.TrimSuffix(filepath.Base(name), ".txtar"), archive: a, options: Options{Service: "orders"}}
		for _, f := range a.Files {
			switch {
			case f.Name == "options":
				e.options = optionsOf(t, string(f.Data))
			case f.Name != "refused" && f.Name != "notes" && !strings.HasPrefix(f.Name, "want/"):
				e.files = append(e.files, File{Path: f.Name, Text: string(f.Data)})
			}
		}
		out = append(out, e)
	}
	return out
}

func optionsOf(t testing.TB, text string) Options {
	o := Options{Service: "orders"}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "service":
			o.Service = value
		case "version-from":
			o.Version = value
		case "job":
			o.Jobs = append(o.Jobs, value)
		case "replace":
			o.Replace = true
		default:
			t.Fatalf("no option %q", key)
		}
	}
	return o
}

// given are the files of a test, and what is expected of them.
func (e example) answer(results []Result, err error) *txtar.Archive {
	out := &txtar.Archive{Comment: e.archive.Comment}
	for _, f := range e.archive.Files {
		if f.Name != "refused" && f.Name != "notes" && !strings.HasPrefix(f.Name, "want/") {
			out.Files = append(out.Files, f)
		}
	}
	var notes strings.Builder
	for _, r := range results {
		if r.State == Patched {
			out.Files = append(out.Files, txtar.File{Name: "want/" + r.Path, Data: []byte(r.Text)})
		}
		for _, n := range r.Notes {
			notes.WriteString(r.Path + ": " + n + "\n")
		}
		if r.State == Standing {
			notes.WriteString(r.Path + ": " + string(r.State) + "\n")
		}
	}
	if notes.Len() > 0 {
		out.Files = append(out.Files, txtar.File{Name: "notes", Data: []byte(notes.String())})
	}
	if err != nil {
		out.Files = append(out.Files, txtar.File{Name: "refused", Data: []byte(fault.KindOf(firstOf(err)).String() + "\n" + err.Error() + "\n")})
	}
	return out
}

// firstOf is the first of joined errors.
func firstOf(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()[0]
	}
	return err
}

func TestTheCorpusIsAdoptedOrRefusedAsExpected(t *testing.T) {
	for _, e := range corpus(t) {
		t.Run(e.name, func(t *testing.T) {
			got := txtar.Format(e.answer(Adopt(e.files, e.options)))
			if *update {
				if err := os.WriteFile("testdata/"+e.name+".txtar", got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := txtar.Format(e.archive); !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// shapes are ways in which the same text may be written.
var shapes = map[string]func(string) string{
	"as it is":               func(s string) string { return s },
	"with carriage returns":  func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"without a last newline": func(s string) string { return strings.TrimSuffix(s, "\n") },
}

func TestWhatIsAdoptedCanBeTakenBackAndIsNotAdoptedTwice(t *testing.T) {
	adopted := 0
	for _, e := range corpus(t) {
		for how, shape := range shapes {
			files := slices.Clone(e.files)
			for i := range files {
				files[i].Text = shape(files[i].Text)
			}
			results, _ := Adopt(files, e.options)
			for _, r := range results {
				if r.State != Patched {
					continue
				}
				adopted++
				before := files[slices.IndexFunc(files, func(f File) bool { return f.Path == r.Path })].Text
				check(t, e.name+" "+how, before, r.Text)
				replaceFile(files, r)
			}
			again, err := Adopt(files, e.options)
			for _, r := range again {
				if r.State == Patched {
					t.Errorf("%s %s: %s is adopted twice (%v)", e.name, how, r.Path, err)
				}
			}
		}
	}
	if adopted < 60 {
		t.Errorf("only %d files were adopted", adopted)
	}
}

func replaceFile(files []File, r Result) {
	for i := range files {
		if files[i].Path == r.Path {
			files[i].Text = r.Text
		}
	}
}

// check holds an adopted text to what is promised of it.
func check(t *testing.T, name, before, after string) {
	t.Helper()
	if back, ok := Undo(after); !ok || back != before {
		t.Errorf("%s: undoing gives\n%q\nnot\n%q", name, back, before)
	}
	if missing := lostLine(before, after); missing != "" {
		t.Errorf("%s: the line %q is not there any more", name, missing)
	}
	if strings.Contains(before, "\r\n") && strings.Count(after, "\n") != strings.Count(after, "\r\n") {
		t.Errorf("%s: lines end in two ways", name)
	}
}

// lostLine is the first line of before that after does not have, in the same order, as it was or as a comment.
func lostLine(before, after string) string {
	rest := strings.Split(after, "\n")
	for line := range strings.SplitSeq(before, "\n") {
		line = strings.TrimSuffix(line, "\r")
		i := slices.IndexFunc(rest, func(l string) bool {
			was, _ := unmarked(strings.TrimSuffix(l, "\r"))
			return was == line
		})
		if i < 0 {
			return line
		}
		rest = rest[i+1:]
	}
	return ""
}

// TestUndoWorksOnWhatWasEditedSince adds lines everywhere, as people do, and takes the adoption back.
func TestUndoWorksOnWhatWasEditedSince(t *testing.T) {
	for _, e := range corpus(t) {
		results, _ := Adopt(e.files, e.options)
		for _, r := range results {
			if r.State != Patched {
				continue
			}
			before := e.files[slices.IndexFunc(e.files, func(f File) bool { return f.Path == r.Path })].Text
			edited, _ := Undo("# first\n" + r.Text + "# last\n")
			if want := "# first\n" + before + "# last\n"; edited != want {
				t.Errorf("%s: got\n%s\nwant\n%s", e.name, edited, want)
			}
		}
	}
}
