// Package codeowners reads CODEOWNERS files of GitHub and GitLab: which team owns which paths. Out come the rules in
// file order, of which the last that matches a path holds.
//
// It does not look at the paths themselves, and it does not know whether a team exists.
package codeowners

import (
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// Format is the reader of CODEOWNERS files.
func Format() discover.Format {
	return discover.Format{Name: "codeowners", Wants: wants, ReadFile: read}
}

// folders in which a repository keeps its CODEOWNERS, relative to its root.
var folders = map[string]bool{".github": true, "docs": true, ".gitlab": true, ".bitbucket": true, ".gitea": true, ".forgejo": true}

func wants(p string) bool { return path.Base(p) == "CODEOWNERS" }

// rootOf is the folder that a file's patterns are relative to.
func rootOf(p string) string {
	dir := path.Dir(p)
	if folders[path.Base(dir)] {
		return path.Dir(dir)
	}
	return dir
}

// Bounds: of one line, and of the owners it may name.
const (
	maxLine   = 16 << 10
	maxOwners = 64
)

// section is a GitLab section: rules below it without owners have its owners.
type section struct{ owners []string }

func read(f discover.File, r *discover.Report) {
	root := rootOf(f.Path)
	var current section
	line := 0
	for row := range strings.Lines(strings.TrimPrefix(string(f.Data), "\ufeff")) {
		line++
		at := estate.Place{File: f.Path, Line: line}
		if len(row) > maxLine {
			r.Doubt(estate.Unparsable, at, "this line is longer than any rule; split it")
			continue
		}
		fields := split(row)
		if len(fields) == 0 {
			continue
		}
		if head, ok := sectionHead(row); ok {
			current = head
			continue
		}
		see(r, root, at, fields, current)
	}
}

// see reports one rule, a sighting for each owner, the first owner first.
func see(r *discover.Report, root string, at estate.Place, fields []string, current section) {
	pattern, exempt := strings.CutPrefix(fields[0], "!")
	var owners []string
	for _, field := range fields[1:] {
		owner, ok := ownerOf(field)
		if !ok {
			r.Doubt(estate.Unparsable, at, "this rule names an owner that is neither @team, @user nor a mail address; correct it")
			continue
		}
		owners = append(owners, owner)
	}
	if len(fields) == 1 {
		owners = current.owners
	}
	if len(owners) == 0 || exempt {
		owners = []string{""} // an earlier rule's owner no longer holds
	}
	for _, owner := range owners[:min(len(owners), maxOwners)] {
		r.See(estate.Sighting{Fact: estate.Owns, Key: "codeowners", Value: owner, Profile: under(root, pattern), Place: at})
	}
}

// under makes a pattern relative to the root of the tree.
func under(root, pattern string) string {
	if root == "." {
		return pattern
	}
	if strings.Contains(strings.TrimSuffix(pattern, "/"), "/") {
		return "/" + path.Join(root, pattern) + trailing(pattern)
	}
	return "/" + root + "/**/" + pattern
}

func trailing(pattern string) string {
	if strings.HasSuffix(pattern, "/") {
		return "/"
	}
	return ""
}

// ownerOf is a team's bare name, a user with their @, or a mail address.
func ownerOf(field string) (string, bool) {
	name, at := strings.CutPrefix(field, "@")
	switch {
	case at && name != "":
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			return name[i+1:], i+1 < len(name)
		}
		return field, true
	case strings.Contains(field, "@"):
		return field, true
	}
	return "", false
}

// split cuts a line into words. A backslash keeps a blank or a hash in its word; a hash at a word's start ends the line.
func split(row string) []string {
	var fields []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(row); i++ {
		c := row[i]
		switch {
		case c == '\\' && i+1 < len(row) && (row[i+1] == ' ' || row[i+1] == '#'):
			i++
			word.WriteByte(row[i])
			inWord = true
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if inWord {
				fields = append(fields, word.String())
				word.Reset()
				inWord = false
			}
		case c == '#' && !inWord:
			return fields
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		fields = append(fields, word.String())
	}
	return fields
}

// sectionHead reads "[Name]", "^[Name]", "[Name][2] @owner".
func sectionHead(row string) (section, bool) {
	row = strings.TrimPrefix(strings.TrimSpace(row), "^")
	if !strings.HasPrefix(row, "[") {
		return section{}, false
	}
	end := strings.IndexByte(row, ']')
	if end < 2 {
		return section{}, false
	}
	rest := row[end+1:]
	if strings.HasPrefix(rest, "[") { // how many must approve
		_, after, ok := strings.Cut(rest, "]")
		if !ok {
			return section{}, false
		}
		rest = after
	}
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return section{}, false // a character class at the start of a pattern
	}
	var s section
	for _, field := range split(rest) {
		if owner, ok := ownerOf(field); ok {
			s.owners = append(s.owners, owner)
		}
	}
	return s, true
}
