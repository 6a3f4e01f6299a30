// Package readertest tests formats against golden archives: a txtar archive holds a small estate, and its last file,
// called golden, every sighting and doubt a format must see in it. It serves tests only.
package readertest

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// Archive is a tree made of a txtar archive's files.
type Archive []txtar.File

// Files makes an archive of paths and contents, which alternate.
func Files(pathsAndContents ...string) Archive {
	var a Archive
	for i := 0; i+1 < len(pathsAndContents); i += 2 {
		a = append(a, txtar.File{Name: pathsAndContents[i], Data: []byte(pathsAndContents[i+1])})
	}
	return a
}

// Exists reports whether a file, or a folder with files, is in the archive.
func (a Archive) Exists(p string) bool {
	return slices.ContainsFunc(a, func(f txtar.File) bool { return f.Name == p || strings.HasPrefix(f.Name, path.Clean(p)+"/") })
}

// Open returns a file of the archive.
func (a Archive) Open(p string) ([]byte, bool) {
	for _, f := range a {
		if f.Name == p {
			return f.Data, true
		}
	}
	return nil, false
}

// Read runs a format over an archive, as a scan would.
func Read(format discover.Format, a Archive) *discover.Report {
	var files []discover.File
	for _, f := range a {
		file := discover.File{Path: f.Name, Data: f.Data}
		if format.Wants(file.Path) && (format.Claims == nil || format.Claims(file) != discover.No) {
			files = append(files, file)
		}
	}
	slices.SortFunc(files, func(a, b discover.File) int { return strings.Compare(a.Path, b.Path) })
	r := discover.NewReport(format.Name)
	switch {
	case len(files) == 0:
	case format.ReadTree != nil:
		format.ReadTree(files, a, r)
	default:
		for _, f := range files {
			format.ReadFile(f, r)
		}
	}
	estate.SortSightings(r.Sightings)
	return r
}

// Lines prints a report, one fact or doubt a line.
func Lines(r *discover.Report) string {
	var b strings.Builder
	for _, s := range r.Sightings {
		subject := strings.TrimSpace(s.Subject.Space + " " + s.Subject.Name)
		if s.Subject.Folder != "" {
			subject = "at " + s.Subject.Folder
		}
		fmt.Fprintf(&b, "%s %s [%s] %s = %q", s.Place, s.Fact, subject, s.Key, s.Value)
		if s.Profile != "" {
			fmt.Fprintf(&b, " profile %s", s.Profile)
		}
		if s.Layer != "" {
			fmt.Fprintf(&b, " layer %s", s.Layer)
		}
		b.WriteString("\n")
	}
	for _, d := range r.Doubts {
		fmt.Fprintf(&b, "%s doubt %s: %s\n", d.Place, d.Topic, d.Text)
	}
	return b.String()
}

// Golden reads every archive that pattern finds and compares what the format sees with the archive's golden file, or
// rewrites that when update is set.
func Golden(t *testing.T, format discover.Format, pattern string, update bool) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives match %s: %v", pattern, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			last := len(a.Files) - 1
			if last < 1 || a.Files[last].Name != "golden" {
				t.Fatal("the last file must be called golden")
			}
			got := Lines(Read(format, a.Files[:last]))
			if !update {
				if diff := cmp.Diff(string(a.Files[last].Data), got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				return
			}
			a.Files[last].Data = []byte(got)
			if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}
