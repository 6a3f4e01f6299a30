// Package ownership matches the patterns by which teams claim what they own: CODEOWNERS patterns over paths, and plain
// globs over names.
package ownership

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Name reports whether a glob covers a name. Letter case does not matter.
func Name(glob, name string) bool {
	return doublestar.MatchUnvalidated(strings.ToLower(glob), strings.ToLower(name))
}
