// Package examples carries the sample company, so that the program can show itself without any estate at hand. It
// gives out the files below kopi and knows nothing of what they mean.
package examples

import (
	"embed"
	"io/fs"
	"strings"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

//go:embed all:kopi
var files embed.FS

// modules holds the folders that embedding leaves out, because each is a Go module of its own.
//
//go:embed kopi-modules.txtar
var modules string

// Kopi is the sample company: the content of the folder kopi, to the byte, held in memory. kopi.md tells its story.
// Each call gives a file system of its own; if one cannot be made, opening anything in it says why.
func Kopi() fs.FS {
	kopi := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(modules)).Files {
		kopi[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o444}
	}
	if err := addEmbedded(kopi); err != nil {
		return unreadable{err}
	}
	return kopi
}

func addEmbedded(kopi fstest.MapFS) error {
	return fs.WalkDir(files, "kopi", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		kopi[strings.TrimPrefix(name, "kopi/")] = &fstest.MapFile{Data: data, Mode: 0o444}
		return err
	})
}

// unreadable is a file system that answers everything with the reason it could not be made.
type unreadable struct{ err error }

func (u unreadable) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: u.err}
}
