package consul

import (
	"bytes"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/discover"
)

// FuzzConsul reads whatever the fuzzer makes of the archives' files: no panic, and no line beyond the file's end.
func FuzzConsul(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name != "want" {
				f.Add(file.Name, file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		lines := bytes.Count(data, []byte{'\n'}) + 1
		for _, s := range read(discover.File{Path: path, Data: data}).Sightings {
			if s.Place.Line < 0 || s.Place.Line > lines {
				t.Errorf("%s of %d lines gives a fact at line %d", path, lines, s.Place.Line)
			}
		}
	})
}
