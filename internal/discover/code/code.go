// Package code reads source code lightly, in any language: addresses in literals, declarative clients, routes, the
// defaults of environment variables, and what makes a program a server of some kind. A file goes in, Mentions come out;
// who is meant by a name is for others to find.
//
// It knows lines, not grammars: a line is looked at only when a byte scan finds something in it that could matter, and
// constants are followed within their file. Tests, comments, generated, minified and vendored files are left out.
package code

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// Format is the reader of source code.
func Format() discover.Format {
	return discover.Format{
		Name: "code", Code: true, Wants: Program,
		Claims:   func(discover.File) discover.Claim { return discover.Shares },
		ReadFile: read,
	}
}

// Bounds: larger files and longer lines are generated or packed.
const (
	maxFile = 512 << 10
	maxLine = 5000
)

// foreign folders hold tests, texts, generated or others' code.
var foreign = map[string]bool{
	"test": true, "tests": true, "spec": true, "specs": true, "__tests__": true, "__mocks__": true, "fixtures": true, "mocks": true, "mock": true, "e2e": true,
	"testdata": true, "testing": true, "testFixtures": true, "androidTest": true, "integration-test": true, "integrationTest": true, "integration_tests": true,
	"cypress": true, "stories": true, "benchmark": true, "benchmarks": true, "dist": true, "out": true, "target": true, "obj": true, "vendor": true,
	"third_party": true, "webjars": true, "generated": true, "gen": true, "docs": true, "doc": true, "migrations": true, "migrate": true, "target-idea": true,
}

// chefFolders hold Ruby that describes machines and is read as such.
var chefFolders = map[string]bool{"cookbooks": true, "site-cookbooks": true, "attributes": true, "recipes": true, "roles": true, "environments": true, "data_bags": true}

// vendored begin the names of browser libraries that people copy beside their own scripts.
var vendored = []string{"jquery", "angular", "bootstrap", "react.", "react-dom.", "vue.", "vue-router.", "lodash", "underscore", "moment", "d3.", "chart.", "handlebars", "socket.io", "sockjs", "stomp.", "require.", "modernizr", "backbone", "ember", "select2", "swagger-ui", "highcharts", "three."}

// Program reports whether a file is source code of a program, as its path tells: none of tests, libraries of others or what is generated.
func Program(p string) bool {
	ext := path.Ext(p)
	if languages[ext] == nil {
		return false
	}
	if base := path.Base(p); notProgram(base, ext) {
		return false
	}
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		b := path.Base(d)
		if foreign[b] || ext == ".rb" && chefFolders[b] || b == "build" && scripted[ext] || testFolder(b) || (b == "lib" || b == "libs" || b == "plugins") && served(d) {
			return false
		}
	}
	return true
}

// scripted are languages whose build folder holds what was packed.
var scripted = map[string]bool{".js": true, ".mjs": true, ".cjs": true, ".jsx": true, ".ts": true, ".tsx": true}

func testFolder(b string) bool {
	return strings.HasSuffix(b, "Tests") || strings.HasSuffix(b, "-tests") || strings.HasSuffix(b, "-test") || strings.HasSuffix(b, ".Test") || strings.HasSuffix(b, "_tests")
}

// served reports whether a folder lies in one that a web server hands out as it is.
func served(d string) bool {
	for d = path.Dir(d); d != "." && d != "/"; d = path.Dir(d) {
		switch path.Base(d) {
		case "static", "public", "assets", "wwwroot", "webapp", "www", "resources":
			return true
		}
	}
	return false
}

// testEnds end the stems of test files, whatever the language's habit.
var testEnds = []string{"_test", ".test", ".spec", "-test", "-spec", "Test", "Tests", "TestCase", "IT", "_spec", "Spec", ".stories", ".d", "_pb2", "_pb2_grpc", ".pb", ".min", ".bundle"}

// notProgram reports whether a file is a test, a build script, generated or a library, as its name tells.
func notProgram(base, ext string) bool {
	stem := base[:len(base)-len(ext)]
	for _, end := range testEnds {
		if strings.HasSuffix(stem, end) {
			return true
		}
	}
	switch base {
	case "conftest.py", "setup.py", "karma.conf.js", "gulpfile.js", "Gruntfile.js", "build.gradle.kts", "settings.gradle.kts", "webpack.config.js", "jest.config.js", "karma.config.js",
		"protractor.conf.js", "mix.exs":
		return true
	}
	if scripted[ext] {
		for _, v := range vendored {
			if strings.HasPrefix(base, v) && ext != ".tsx" && ext != ".ts" {
				return true
			}
		}
	}
	return strings.HasPrefix(base, "test_")
}

func read(f discover.File, r *discover.Report) {
	if len(f.Data) > maxFile {
		return
	}
	found, longest := scan(f.Data)
	ext := path.Ext(f.Path)
	entry := entryMark(ext)
	if entry != nil && bytes.Contains(f.Data, entry) {
		found |= marksEntry
	} else {
		entry = nil
	}
	if found&^marksLiteral == 0 || longest > maxLine || Generated(f.Data) {
		return
	}
	s := &source{file: f, dir: f.Dir(), report: r, ext: ext, entryMark: entry, lexer: lexer{language: languages[ext]}}
	if slices.ContainsFunc(putTogether, func(mark []byte) bool { return bytes.Contains(f.Data, mark) }) {
		s.constantsFirst()
	}
	s.lines()
}

// putTogether are the marks of addresses made from constants, which may stand further down.
var putTogether = [][]byte{[]byte("@Feign"), []byte("@Ribbon"), []byte("@Register"), []byte(`://" +`), []byte(`://"+`)}

// constantsFirst reads the file's string constants before anything else.
func (s *source) constantsFirst() {
	ahead := lexer{language: s.lexer.language}
	for line := range bytes.Lines(s.file.Data) {
		if code := ahead.code(line); bytes.IndexByte(code, '=') >= 0 {
			s.remember(string(code))
		}
	}
}

// Generated reports whether the head of a file says that a program wrote it.
func Generated(data []byte) bool {
	head := data[:min(len(data), 1024)]
	return bytes.Contains(head, []byte("DO NOT EDIT")) || bytes.Contains(head, []byte("@generated")) || bytes.Contains(head, []byte("Code generated"))
}

// source is a file being read.
type source struct {
	file      discover.File
	dir       string
	ext       string
	report    *discover.Report
	lexer     lexer
	number    int               // of the line at hand
	constants map[string]string // string constants of the file, from which addresses are put together
	call      string            // an annotation whose arguments go on in the next lines
	arguments string
	callLine  int    // where it starts
	entryMark []byte // what starts the line that makes the file a program's entry; nil when it has none
	said      map[mention]bool
}

type mention struct{ key, value string }

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
		code := s.lexer.code(line)
		if len(code) == 0 {
			continue
		}
		if s.entryMark != nil && bytes.HasPrefix(code, s.entryMark) {
			s.entry()
		}
		if found, _ := scan(code); found != 0 || s.call != "" {
			s.line(string(code), found)
		}
	}
}

// line looks for everything that the line's marks promise.
func (s *source) line(text string, found mark) {
	if s.call != "" {
		s.moreArguments(text)
		return
	}
	if found&(marksEnv|marksCall) != 0 {
		text = s.fallbacks(text)
	}
	if found&(marksLiteral|marksURL|marksEnv) != 0 {
		s.remember(text)
	}
	if found&marksAnnotation != 0 && s.annotations(text) {
		return
	}
	if found&(marksURL|marksPort|marksHost|marksCall) != 0 {
		s.addresses(text, found)
	}
	if found&(marksCall|marksURL) != 0 {
		s.programs(text)
	}
}

// see reports a mention once for each file.
func (s *source) see(key, value string) {
	m := mention{key, value}
	if s.said[m] {
		return
	}
	if s.said == nil {
		s.said = map[mention]bool{}
	}
	s.said[m] = true
	s.report.See(estate.Sighting{Fact: estate.Mentions, Subject: estate.At(s.dir), Key: key, Value: value, Place: s.place()})
}

func (s *source) place() estate.Place { return estate.Place{File: s.file.Path, Line: s.number} }
