package ownership

import (
	"path"
	"strings"
)

// maxParts bounds how many folders a pattern or path may have; deeper ones match nothing.
const maxParts = 256

// Match reports whether a CODEOWNERS pattern covers a path, slash-separated and relative to the root. As in gitignore, a
// pattern with a slash that is not its last character starts at the root, any other may start in every folder; "*"
// and "?" stay within one name and "**" does not; a pattern that covers a folder covers everything below it, and one
// that ends in a slash covers nothing but that. "docs/*" covers the files in docs and not those further down.
func Match(pattern, name string) bool {
	pattern, name = strings.TrimSpace(pattern), strings.Trim(path.Clean("/"+name), "/")
	if pattern == "" || name == "" {
		return false
	}
	folder := strings.HasSuffix(pattern, "/")
	anchored := strings.Contains(strings.TrimSuffix(pattern, "/"), "/")
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	have := strings.Split(name, "/")
	if len(want) > maxParts || len(have) > maxParts {
		return false
	}
	if pattern == "/" {
		return true
	}
	if !anchored {
		want = append([]string{"**"}, want...)
	}
	if folder {
		want = append(want, "**", "*")
	}
	return covers(want, have, anchored && want[len(want)-1] == "*" && !folder)
}

// covers matches folder by folder. reach[i] says that the first i parts of the path are matched by the parts of the
// pattern so far, so time grows with the product of both and no faster. A full match of a leading part of the path
// covers the rest, unless exact.
func covers(want, have []string, exact bool) bool {
	reach := make([]bool, len(have)+1)
	reach[0] = true
	for _, part := range want {
		next := make([]bool, len(have)+1)
		for i, ok := range reach {
			switch {
			case !ok:
			case part == "**":
				for j := i; j <= len(have); j++ {
					next[j] = true
				}
			case i < len(have) && matchPart(part, have[i]):
				next[i+1] = true
			}
			if ok && part == "**" {
				break
			}
		}
		reach = next
	}
	if exact {
		return reach[len(have)]
	}
	for i := 1; i <= len(have); i++ {
		if reach[i] {
			return true
		}
	}
	return false
}

// matchPart matches one name; a malformed character class matches only itself.
func matchPart(pattern, name string) bool {
	if pattern == "*" {
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok || err != nil && pattern == name
}
