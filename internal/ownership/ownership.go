// Package ownership matches the patterns by which teams claim what they own: CODEOWNERS patterns over paths, and plain
// globs over names.
package ownership

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Match reports whether a CODEOWNERS pattern covers a file, given as a slash-separated path from the repository's root.
// The rules are gitignore's: a pattern with a slash anywhere but at its end starts at the root, one without matches at
// any depth, a folder covers all below it, * stays within a folder and ** does not.
func Match(pattern, file string) bool {
	pattern = strings.TrimSpace(pattern)
	if pattern == "" || strings.HasPrefix(pattern, "!") {
		return false
	}
	folder := strings.HasSuffix(pattern, "/")
	pattern = strings.TrimSuffix(pattern, "/")
	if rooted := strings.Contains(pattern, "/"); rooted {
		pattern = strings.TrimPrefix(pattern, "/")
	} else {
		pattern = "**/" + pattern
	}
	if !shallow(pattern) && doublestar.MatchUnvalidated(pattern+"/**/*", file) {
		return true
	}
	return !folder && doublestar.MatchUnvalidated(pattern, file)
}

// shallow reports whether a pattern ends in /*, which covers files of a folder but not those deeper.
func shallow(pattern string) bool { return strings.HasSuffix(pattern, "/*") && pattern != "**/*" }

// Name reports whether a glob covers a name. Letter case does not matter.
func Name(glob, name string) bool {
	return doublestar.MatchUnvalidated(strings.ToLower(glob), strings.ToLower(name))
}
