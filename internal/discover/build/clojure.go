package build

import (
	"regexp"
	"strings"

	"example.org/caravan/internal/discover"
)

var (
	ednLibrary = regexp.MustCompile(`([\w.-]+(?:/[\w.-]+)?)\s*\{\s*:(?:mvn/version|git/|local/root)`)
	leinVector = regexp.MustCompile(`\[([\w.-]+(?:/[\w.-]+)?)\s+"`)
	leinName   = regexp.MustCompile(`\(defproject\s+([\w./-]+)`)
)

// readDepsEdn reads the :deps of the Clojure tools; aliases are for development.
func readDepsEdn(f discover.File, m *manifest) error {
	m.clojure(string(f.Data), ":deps", '{', ednLibrary)
	return nil
}

// readProjectClj reads Leiningen's :dependencies; those of profiles are for development.
func readProjectClj(f discover.File, m *manifest) error {
	text := string(f.Data)
	if g := leinName.FindStringSubmatch(text); g != nil {
		m.name = "maven:" + clojureName(g[1])
	}
	if strings.Contains(text, ":main ") || strings.Contains(text, ":uberjar") {
		m.key = runnable
	}
	m.clojure(text, ":dependencies", '[', leinVector)
	return nil
}

// clojure reads the libraries in the first collection after a keyword.
func (m *manifest) clojure(text, keyword string, open byte, library *regexp.Regexp) {
	start := strings.Index(text, keyword)
	if start < 0 {
		return
	}
	body := strings.IndexByte(text[start:], open)
	if body < 0 {
		return
	}
	start += body + 1
	inner := text[start : start+collectionEnd(text[start:])]
	line := 1 + strings.Count(text[:start], "\n")
	at := 0
	for _, g := range library.FindAllStringSubmatchIndex(inner, -1) {
		line += strings.Count(inner[at:g[2]], "\n")
		at = g[2]
		m.needs("maven:"+clojureName(inner[g[2]:g[3]]), line)
	}
}

// clojureName is the Maven coordinate of a library: group/artifact, or one word for both.
func clojureName(name string) string {
	group, artifact, ok := strings.Cut(name, "/")
	if !ok {
		artifact = group
	}
	return group + ":" + artifact
}

// collectionEnd is where a collection that is already open closes.
func collectionEnd(text string) int {
	depth := 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text)
}
