package envoy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite the want part of testdata archives")

// TestReading compares what is seen in the files of each archive with its want part, one fact to a line.
func TestReading(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { compare(t, name) })
	}
}

func compare(t *testing.T, name string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var files []discover.File
	want, at := "", -1
	for i, f := range archive.Files {
		if f.Name == "want" {
			want, at = string(f.Data), i
			continue
		}
		files = append(files, discover.File{Path: f.Name, Data: f.Data})
	}
	got := describe(read(files...))
	if *update && at >= 0 {
		archive.Files[at].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", strings.TrimSpace(string(archive.Comment)), diff)
	}
}

// read gives the files to the format as a scan would.
func read(files ...discover.File) *discover.Report {
	format := Format()
	r := discover.NewReport(format.Name)
	var claimed []discover.File
	for _, f := range files {
		if format.Wants(f.Path) && format.Claims(f) != discover.No {
			claimed = append(claimed, f)
		}
	}
	if format.ReadTree != nil {
		format.ReadTree(claimed, nil, r)
		return r
	}
	for _, f := range claimed {
		format.ReadFile(f, r)
	}
	return r
}

// describe writes facts and doubts one to a line, in the order of their places.
func describe(r *discover.Report) string {
	estate.SortSightings(r.Sightings)
	var b strings.Builder
	for _, s := range r.Sightings {
		fmt.Fprintf(&b, "%s %s", s.Place, s.Fact)
		if s.Subject.Name != "" {
			fmt.Fprintf(&b, " [%s %s]", s.Subject.Space, s.Subject.Name)
		} else if s.Subject.Folder != filepath.ToSlash(filepath.Dir(s.Place.File)) && s.Subject.Folder != "" {
			fmt.Fprintf(&b, " [at %s]", s.Subject.Folder)
		}
		fmt.Fprintf(&b, " %s=%s", s.Key, s.Value)
		if s.Profile != "" {
			fmt.Fprintf(&b, " profile %s", s.Profile)
		}
		if s.Layer != "" {
			fmt.Fprintf(&b, " (%s)", s.Layer)
		}
		b.WriteByte('\n')
	}
	for _, d := range r.Doubts {
		fmt.Fprintf(&b, "%s doubt %s: %s\n", d.Place, d.Topic, d.Text)
	}
	return b.String()
}
