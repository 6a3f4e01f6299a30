// Package files is the page of what an expansion renders: files as a tree, one of them to read, and what differs from
// the proposal before. It shows texts; it makes none.
package files

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/web/shell"
)

// View is the files of a plan, one of them opened.
type View struct {
	Expansion string
	Undecided int // edges: until they are decided files lead to names that never resolve
	Compared  bool
	Files     []Entry // of both proposals, by path
	Open      *Opened
}

// Entry is one file of either proposal.
type Entry struct {
	Path  string
	State State
}

// State is what became of a file since the proposal before.
type State string

// The states.
const (
	Same    State = "unchanged"
	Changed State = "changed"
	Added   State = "new"
	Gone    State = "gone"
)

// Opened is the file that is read.
type Opened struct {
	Entry
	Subject string
	Lines   []Line
	Diff    Diff
	AsDiff  bool // the difference is shown instead of the file
}

// Of arranges the files of a plan; before are those of the proposal before it, none when there was none. path is the
// file to open, none when empty; ok is false when no file has it.
func Of(expansion string, now, before []render.File, path string, asDiff bool) (v View, ok bool) {
	v = View{Expansion: expansion, Compared: len(before) > 0}
	old := byPath(before)
	for _, f := range now {
		was, known := old[f.Path]
		e := Entry{Path: f.Path, State: Same}
		switch {
		case v.Compared && !known:
			e.State = Added
		case known && was.Text != f.Text:
			e.State = Changed
		}
		delete(old, f.Path)
		v.Files = append(v.Files, e)
		if f.Path == path {
			v.Open = opened(e, f, was, asDiff)
		}
	}
	for _, f := range old {
		e := Entry{Path: f.Path, State: Gone}
		v.Files = append(v.Files, e)
		if f.Path == path {
			v.Open = opened(e, render.File{Path: f.Path, Subject: f.Subject}, f, true)
		}
	}
	slices.SortFunc(v.Files, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	return v, path == "" || v.Open != nil
}

func byPath(files []render.File) map[string]render.File {
	out := make(map[string]render.File, len(files))
	for _, f := range files {
		out[f.Path] = f
	}
	return out
}

func opened(e Entry, now, before render.File, asDiff bool) *Opened {
	return &Opened{
		Entry: e, Subject: string(now.Subject), AsDiff: asDiff,
		Lines: Highlight(e.Path, now.Text), Diff: Compare(before.Text, now.Text),
	}
}

// count is how many files are in a state.
func (v View) count(s State) int {
	n := 0
	for _, e := range v.Files {
		if e.State == s {
			n++
		}
	}
	return n
}

// with lists the files in a state.
func (v View) with(s State) []Entry {
	return slices.DeleteFunc(slices.Clone(v.Files), func(e Entry) bool { return e.State != s })
}

// summary says how the files differ from those before.
func (v View) summary() string {
	if !v.Compared {
		return shell.Count(len(v.Files), "file") + "; no earlier proposal is kept to compare them with"
	}
	if v.count(Same) == len(v.Files) {
		return shell.Count(len(v.Files), "file") + ", all as in the proposal before"
	}
	parts := []string{shell.Count(len(v.Files)-v.count(Gone), "file")}
	for _, s := range []State{Changed, Added, Gone, Same} {
		if n := v.count(s); n > 0 {
			parts = append(parts, shell.Number(n)+" "+string(s))
		}
	}
	return strings.Join(parts, ", ")
}

// opens tells whether a path is at or below a folder's.
func (v View) opens(folder string) bool {
	return v.Open != nil && strings.HasPrefix(v.Open.Path, folder+"/")
}

func (v View) isOpen(path string) bool { return v.Open != nil && v.Open.Path == path }
