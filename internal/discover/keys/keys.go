// Package keys reads source code for the configuration that it takes in: environment variables and keys, by name, by the beginning of a name or
// all below one, each with its default. Files of configuration that code names, and variables that placeholders of templates stand for, are told
// as well. A file goes in, Mentions come out; whether anybody sets what is read is for others to find.
//
// It knows tokens, not grammars: comments are gone, texts are whole, and an idiom is a few tokens in a row. What a name is computed from is not
// followed beyond constants of the file and functions of it that hand a name on. Tests and generated files are left out.
package keys

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/code"
	"example.org/caravan/internal/estate"
)

// Format is the reader of keys.
func Format() discover.Format {
	return discover.Format{
		Name: "keys", Code: true, Wants: wants,
		Claims:   func(discover.File) discover.Claim { return discover.Shares },
		ReadFile: read,
	}
}

// Bounds: larger files are generated or packed, longer texts are no keys.
const (
	maxFile    = 512 << 10
	maxKey     = 200
	maxDefault = 512
)

func wants(p string) bool {
	ext := path.Ext(p)
	if templates[ext] {
		return !ofMachines(p)
	}
	l := languages[ext]
	return l != nil && code.Program(p) && (l != shell || startsPrograms(p))
}

// besides are folders of scripts that build, check or keep house.
var besides = map[string]bool{"ci": true, ".ci": true, "hack": true, "build": true, "scripts": true, "script": true, "tools": true, "dev": true, ".github": true, "release": true}

var startWord = regexp.MustCompile(`(?i)entry|start|run|launch|serve|boot|init|main|worker|cron|job|daemon|wait|migrat`)

// startsPrograms reports whether a script may be one that starts a program: not one among those that build it, unless its name says so.
func startsPrograms(p string) bool {
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		if besides[path.Base(d)] {
			return startWord.MatchString(path.Base(p))
		}
	}
	return true
}

// templates are endings of files that are filled in where they are run.
var templates = map[string]bool{".erb": true, ".j2": true, ".tmpl": true, ".template": true, ".ctmpl": true}

// ofMachines reports whether a template is one of Chef, of Ansible or of a chart, which are filled in by whoever deploys.
func ofMachines(p string) bool {
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		switch path.Base(d) {
		case "cookbooks", "site-cookbooks", "roles", "charts", "playbooks":
			return true
		}
	}
	return false
}

func read(f discover.File, r *discover.Report) {
	if len(f.Data) > maxFile {
		return
	}
	ext := path.Ext(f.Path)
	out := &reader{file: f, report: r, ext: ext, said: map[string]bool{}}
	if templates[ext] {
		out.template(string(f.Data))
		return
	}
	l := languages[ext]
	if !hinted(f.Data, l.hints) || code.Generated(f.Data) {
		return
	}
	out.language = l
	if l.read == nil {
		out.shell(string(f.Data))
		return
	}
	out.program(string(f.Data))
}

// hinted reports whether anything that a language reads keys by stands in a file, or the name of a file of configuration.
func hinted(data []byte, hints [][]byte) bool {
	found, named := marked(data)
	return named || found && slices.ContainsFunc(hints, func(h []byte) bool { return bytes.Contains(data, h) })
}

// marked is a quick look at a file: whether a part of any hint stands in it, and whether the name of a file of configuration ends a text.
func marked(data []byte) (found, named bool) {
	for i, c := range data {
		if !telling[c] || i < 5 || i+3 >= len(data) {
			continue
		}
		if c == '"' || c == '\'' {
			if configFile(data[:i]) {
				return true, true
			}
			continue
		}
		found = found || tells(data[i-3:i+4])
	}
	return found, false
}

// telling are the bytes at which hints are told.
var telling = [256]bool{'v': true, 'V': true, 'f': true, 'F': true, 'p': true, '$': true, '_': true, 'S': true, '"': true, '\'': true}

// tells reports whether seven bytes are of a hint, by the one in their middle.
func tells(w []byte) bool {
	switch w[3] {
	case 'v', 'V': // env
		return w[2]|0x20 == 'n' && w[1]|0x20 == 'e'
	case 'f', 'F': // conf, koanf
		return w[2]|0x20 == 'n' && (w[1]|0x20 == 'o' && w[0]|0x20 == 'c' || w[1] == 'a' && w[0] == 'o')
	case 'p': // property, properties, viper
		return w[4] == 'e' && w[5] == 'r' && (w[2] == 'o' && w[1] == 'r' || w[2] == 'i' && w[1] == 'v')
	case '$':
		return true
	case '_': // safe_load, _SERVER
		return w[4] == 'l' && w[5] == 'o' || w[4] == 'S' && w[5] == 'E'
	}
	return w[4] == 'e' && (w[5] == 't' || w[5] == 'c') // Settings, GetSection
}

// configFile reports whether a name of a file of configuration ends here.
func configFile(before []byte) bool {
	switch end := before[len(before)-2:]; string(end) {
	case "ml", "ni", "nf", "fg", "es", "on":
		return slices.ContainsFunc(configEnds, func(e []byte) bool { return bytes.HasSuffix(before, e) })
	}
	return false
}

var configEnds = [][]byte{[]byte(".yaml"), []byte(".yml"), []byte(".toml"), []byte(".ini"), []byte(".conf"), []byte(".cfg"), []byte(".properties"), []byte(".json")}

// reader is a file being read.
type reader struct {
	file      discover.File
	report    *discover.Report
	ext       string
	language  *language
	tokens    []token
	constants map[string]string   // texts that names of the file stand for
	passing   map[string]int      // functions of the file that read the key they are given, and which of their arguments it is
	loaded    map[string]bool     // names that hold what a file of configuration says
	fallbacks map[string]fallback // that are given to keys apart from where they are read
	src       string
	dry       bool // only functions that hand a key on are looked for
	said      map[string]bool
}

// program reads a file of a program: its own tokens, then those within texts. What its functions hand on is found before what they are given.
func (r *reader) program(src string) {
	all := lex(src, r.language)
	r.constants, r.passing, r.loaded, r.fallbacks = map[string]string{}, map[string]int{}, map[string]bool{}, map[string]fallback{}
	r.src = src
	for _, list := range all {
		r.tokens = list
		for i := range list {
			r.prepare(i)
		}
	}
	for _, r.dry = range []bool{true, false} {
		for _, list := range all {
			r.tokens = list
			for i := range list {
				r.at(i)
			}
		}
	}
}

// at looks for all that may begin at a token.
func (r *reader) at(i int) {
	t := r.tokens[i]
	if t.kind == text {
		r.loads(t)
		if r.language.texts != nil {
			r.language.texts(r, i)
		}
		return
	}
	if t.kind != number && !r.passed(i) && !r.environmentCall(i) {
		r.language.read(r, i)
	}
}

// prepare notes the constants of a file, and which of its names hold what files of configuration say.
func (r *reader) prepare(i int) {
	t := r.tokens[i]
	if t.kind == text && !t.open && i >= 2 && r.sign(i-1, "=") {
		if name := r.assigned(i - 1); name != "" && !r.sign(i-3, "(") && !r.sign(i-3, ",") { // else an argument's
			r.define(name, t.text)
		}
	}
	if t.kind == word && loaders[t.text] {
		r.load(i)
	}
	if r.language.prepare != nil {
		r.language.prepare(r, i)
	}
}

// maxConstants bounds what is remembered of a file.
const maxConstants = 1000

// define remembers what a name stands for. One that is given two texts stands for neither.
func (r *reader) define(name, value string) {
	if old, ok := r.constants[name]; ok && old != value {
		value = ""
	}
	if len(r.constants) < maxConstants {
		r.constants[name] = value
	}
}

// assigned is the name that an equals sign at i gives something to; its type may stand between.
func (r *reader) assigned(i int) string {
	if r.sign(i-1, ":") {
		i-- // :=
	}
	if i >= 3 && r.word(i-1) != "" && !r.tokens[i-1].head && r.sign(i-2, ":") {
		return r.word(i - 3)
	}
	return r.word(i - 1)
}

// fallback is what counts when nobody sets a key.
type fallback struct {
	given bool
	text  string
}

// computed is a fallback that is not a literal.
var computed = fallback{true, "…"}

var keyForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.\[\]-]*$`)

// see tells that a key is read, once in a file. Open: only the beginning of its name is known.
func (r *reader) see(line int, name string, open bool, f fallback) {
	if r.dry {
		return
	}
	name = strings.NewReplacer(":", ".", "/", ".").Replace(name)
	if len(name) > maxKey || !keyForm.MatchString(name) {
		if open && name == "" {
			r.tell(estate.CodeReads, "*", line)
		}
		return
	}
	if open {
		r.tell(estate.CodeReads, name+"*", line)
		return
	}
	if f.given && len(f.text) <= maxDefault {
		r.tell(estate.CodeReads, name+"="+f.text, line)
		return
	}
	r.tell(estate.CodeReads, name, line)
}

// below tells that all keys below one are read.
func (r *reader) below(line int, name string) {
	if name = strings.TrimSuffix(name, "."); name != "" {
		r.see(line, name+".", true, fallback{})
	}
}

func (r *reader) tell(what, value string, line int) {
	if r.said[what+value] {
		return
	}
	r.said[what+value] = true
	r.report.See(estate.Sighting{Fact: estate.Mentions, Subject: estate.At(r.file.Dir()), Key: what, Value: value, Place: estate.Place{File: r.file.Path, Line: line}})
}

var fileForm = regexp.MustCompile(`^[\w./~-]*\w\.(?:ya?ml|toml|ini|conf|cfg|properties|json)$`)

// notConfigured are files that only look like configuration.
var notConfigured = []string{"package.json", "tsconfig.json", "manifest.json", "swagger.json", "openapi.yaml", "openapi.yml", "openapi.json"}

// loads tells the name of a file of configuration.
func (r *reader) loads(t token) {
	if !r.dry && !t.open && len(t.text) <= maxKey && strings.Contains(t.text, ".") && fileForm.MatchString(t.text) && !slices.Contains(notConfigured, path.Base(t.text)) {
		r.tell(estate.CodeLoads, t.text, t.line)
	}
}
