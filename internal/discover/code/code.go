// Package code reads source code lightly, in any language: addresses in literals, declarative clients, routes, the
// defaults of environment variables and the annotations that make a program a server of some kind. Tests, comments,
// generated and vendored files are left out. It reports what it reads and leaves to others who is meant.
package code

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// Format is the reader of source code.
func Format() discover.Format {
	return discover.Format{
		Name: "code", Code: true, Wants: wants,
		Claims:   func(discover.File) discover.Claim { return discover.Shares },
		ReadFile: read,
	}
}

// Bounds: larger files and longer lines are generated.
const (
	maxFile = 512 << 10
	maxLine = 2000
)

// family says how a language writes comments.
type family uint8

const (
	cLike family = iota + 1
	hashLike
	pythonLike
	phpLike
	xmlLike
)

var languages = map[string]family{
	".java": cLike, ".kt": cLike, ".kts": cLike, ".scala": cLike, ".groovy": cLike, ".go": cLike, ".js": cLike, ".mjs": cLike, ".cjs": cLike, ".ts": cLike, ".jsx": cLike, ".tsx": cLike,
	".vue": cLike, ".svelte": cLike, ".cs": cLike, ".fs": cLike, ".rs": cLike, ".swift": cLike, ".dart": cLike, ".c": cLike, ".cc": cLike, ".cpp": cLike, ".clj": hashLike,
	".py": pythonLike, ".rb": hashLike, ".sh": hashLike, ".bash": hashLike, ".ex": hashLike, ".exs": hashLike, ".pl": hashLike, ".erl": hashLike,
	".php": phpLike,
}

// foreign folders hold tests, examples, generated or others' code.
var foreign = map[string]bool{
	"test": true, "tests": true, "spec": true, "specs": true, "__tests__": true, "__mocks__": true, "fixtures": true, "mocks": true, "mock": true, "e2e": true, "testdata": true, "testing": true,
	"dist": true, "vendor": true, "third_party": true, "bower_components": true, "webjars": true, "generated": true, "stories": true, "cypress": true, "benchmark": true, "androidTest": true,
	"integration-test": true, "integrationTest": true, "docs": true, "migrations": true,
}

func wants(p string) bool {
	if languages[path.Ext(p)] == 0 {
		return false
	}
	base := path.Base(p)
	if strings.HasSuffix(base, ".min.js") || strings.HasSuffix(base, ".bundle.js") || testFile(base) {
		return false
	}
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		b := path.Base(d)
		if foreign[b] || strings.HasSuffix(b, ".Tests") || strings.HasSuffix(b, ".UnitTests") || strings.HasSuffix(b, ".FunctionalTests") || strings.HasSuffix(b, ".IntegrationTests") {
			return false
		}
	}
	return true
}

func testFile(base string) bool {
	stem := strings.TrimSuffix(base, path.Ext(base))
	for _, end := range []string{"_test", ".test", ".spec", "Test", "Tests", "TestCase", "IT", "_spec", "Spec", ".stories", ".config", ".d"} {
		if strings.HasSuffix(stem, end) {
			return end != ".config" || base == "karma.config.js" || base == "webpack.config.js" || base == "protractor.config.js"
		}
	}
	return strings.HasPrefix(base, "test_") || base == "conftest.py" || base == "karma.conf.js" || base == "protractor.conf.js" || base == "gulpfile.js" || base == "Gruntfile.js"
}

// hints are the pieces of text one of which every line worth reading has.
var hints = [][]byte{
	[]byte("://"), []byte("@Feign"), []byte("@Enable"), []byte("@SpringBoot"), []byte("process.env"), []byte("env("), []byte("Env("), []byte("environ"), []byte("EnvironmentVariable"), []byte("ENV"),
	[]byte("getInstances("), []byte(".choose("), []byte("lb:"), []byte("@Value"), []byte("Listener"), []byte("RestClient"), []byte("Dial("), []byte("@Ribbon"), []byte("listen("), []byte("ListenAndServe"),
	[]byte("package main"), []byte("__main__"), []byte("CreateBuilder("), []byte("CreateDefaultBuilder("), []byte(":-"), []byte("_channel("), []byte("NewClient("), []byte(".uri("), []byte("LoadBalanced"),
	[]byte("host:"), []byte("host ="), []byte("host="), []byte("Host ="), []byte("hostname:"), []byte("port="), []byte("@RegisterRest"), []byte("NextServer"), []byte("HOST"),
}

func read(f discover.File, r *discover.Report) {
	if len(f.Data) > maxFile || !worthReading(f.Data) {
		return
	}
	s := &source{file: f, report: r, family: languages[path.Ext(f.Path)], constants: map[string]string{}}
	for _, mark := range putTogether {
		if bytes.Contains(f.Data, mark) {
			s.constantsFirst()
			break
		}
	}
	s.lines()
}

// putTogether are the marks of addresses made from constants, which may stand further down.
var putTogether = [][]byte{[]byte("@Feign"), []byte("@Ribbon"), []byte(`://" +`), []byte(`://"+`)}

// constantsFirst reads the file's string constants before anything else.
func (s *source) constantsFirst() {
	for line := range bytes.Lines(s.file.Data) {
		if len(line) <= maxLine && bytes.IndexByte(line, '=') >= 0 {
			s.remember(string(line))
		}
	}
}

// worthReading reports whether any line may hold something: one pass for each hint, without allocation.
func worthReading(data []byte) bool {
	for _, h := range hints {
		if bytes.Contains(data, h) {
			return true
		}
	}
	return false
}

// source is a file being read.
type source struct {
	file      discover.File
	report    *discover.Report
	family    family
	number    int
	inComment bool
	closer    string
	constants map[string]string // string constants of the file, for addresses put together from them
	annotated string            // an annotation whose arguments go on in the next lines
}

func (s *source) lines() {
	rest := s.file.Data
	for len(rest) > 0 {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		s.number++
		if len(line) > maxLine {
			continue
		}
		if text := s.withoutComment(string(line)); strings.TrimSpace(text) != "" {
			s.line(text)
		}
	}
}

func (s *source) mention(what, value string) {
	s.report.See(estate.Sighting{Fact: estate.Mentions, Subject: estate.At(s.file.Dir()), Key: what, Value: value, Place: estate.Place{File: s.file.Path, Line: s.number}})
}

// withoutComment is the line with its comments blanked out, minding strings and comments that span lines.
func (s *source) withoutComment(line string) string {
	if s.inComment {
		i := strings.Index(line, s.closer)
		if i < 0 {
			return ""
		}
		s.inComment = false
		line = line[i+len(s.closer):]
	}
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		if quote != 0 {
			switch c {
			case '\\':
				i++
			case quote:
				quote = 0
			}
			continue
		}
		rest := line[i:]
		switch {
		case s.family == pythonLike && (strings.HasPrefix(rest, `"""`) || strings.HasPrefix(rest, "'''")):
			documentation := strings.TrimSpace(line[:i]) == ""
			if j := strings.Index(rest[3:], rest[:3]); j >= 0 {
				if documentation {
					return s.withoutComment(rest[j+6:])
				}
				i += j + 5
				continue
			}
			if !documentation {
				return line // a long string
			}
			s.inComment, s.closer = true, rest[:3]
			return line[:i]
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case s.family != cLike && c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return line[:i]
		case (s.family == cLike || s.family == phpLike) && strings.HasPrefix(rest, "//") && (i == 0 || line[i-1] != ':'):
			return line[:i]
		case (s.family == cLike || s.family == phpLike) && strings.HasPrefix(rest, "/*"):
			j := strings.Index(rest, "*/")
			if j < 0 {
				s.inComment, s.closer = true, "*/"
				return line[:i]
			}
			return line[:i] + s.withoutComment(rest[j+2:])
		case strings.HasPrefix(rest, "<!--"):
			j := strings.Index(rest, "-->")
			if j < 0 {
				s.inComment, s.closer = true, "-->"
				return line[:i]
			}
			return line[:i] + s.withoutComment(rest[j+3:])
		}
	}
	return line
}
