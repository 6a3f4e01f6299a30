// Package discover reads directories of configuration into sightings. It walks, bounds and dispatches; each
// format is a folder of its own below this one, and Formats are handed in by whoever starts a scan.
//
// What cannot be read becomes a doubt with its place. Every value is redacted before it leaves this package.
package discover

import (
	"path"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/redact"
)

// Format reads one sort of file. Exactly one of ReadFile and ReadTree is set.
type Format struct {
	Name estate.ReaderName
	// Code marks readers of source code, which `--config-only` leaves out.
	Code bool
	// Wants says from the path alone whether the file may be of this format; only wanted files are opened.
	Wants func(path string) bool
	// Claims says from path and content how sure that is. Formats are asked in order. Nil means Owns.
	Claims func(File) Claim
	// ReadFile is called once for each claimed file, from several goroutines at once.
	ReadFile func(File, *Report)
	// ReadTree is called once with all claimed files in path order, for formats whose files refer to each other.
	ReadTree func([]File, Tree, *Report)
}

// Masked stands for a value that a reader cannot see because it is encrypted.
const Masked = redact.Mask

// Claim is how a format answers a file.
type Claim int

// The claims. After Owns no later format sees the file, except readers of code and build manifests,
// which are asked for every file they want.
const (
	No Claim = iota
	Shares
	Owns
)

// File is one file of the tree: a path relative to the root, slash-separated, and its whole content.
type File struct {
	Path string
	Data []byte
}

// Dir is the folder of the file, "." for the root.
func (f File) Dir() string { return path.Dir(f.Path) }

// Base is the file's name.
func (f File) Base() string { return path.Base(f.Path) }

// Ext is the lower-case extension with its dot.
func (f File) Ext() string { return strings.ToLower(path.Ext(f.Path)) }

// Tree gives a ReadTree format the files it was not handed but which its own files name.
type Tree interface {
	// Exists reports whether a file or folder of that root-relative path is in the tree.
	Exists(path string) bool
	// Open returns a file's content, within the same bounds as the scan; false when it cannot be had.
	Open(path string) ([]byte, bool)
}

// Report collects what a format sees in its files. Values are redacted on the way in.
type Report struct {
	by        estate.ReaderName
	Sightings []estate.Sighting
	Doubts    []estate.Doubt
}

// NewReport is a report in the name of one reader.
func NewReport(by estate.ReaderName) *Report { return &Report{by: by} }

// See adds a fact.
func (r *Report) See(s estate.Sighting) {
	s.By = r.by
	switch s.Fact {
	case estate.Sets, estate.Links, estate.Mentions, estate.Process:
		s.Value = redact.Value(s.Key, s.Value)
	default:
		s.Value = redact.URL(s.Value)
	}
	r.Sightings = append(r.Sightings, s)
}

// Doubt adds a question. The text must name what to do and must not quote file content that could be secret.
func (r *Report) Doubt(topic estate.DoubtTopic, place estate.Place, text string) {
	r.Doubts = append(r.Doubts, estate.Doubt{Place: place, Topic: topic, Text: redact.Text(text), By: r.by})
}

// Broken adds the doubt for a file, or the rest of one, that does not parse.
func (r *Report) Broken(f File, line int, err error) {
	r.Doubt(estate.Unparsable, estate.Place{File: f.Path, Line: line}, err.Error())
}
