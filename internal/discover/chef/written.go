package chef

import (
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
)

var (
	variableLine  = regexp.MustCompile(`^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)
	unitVariable  = regexp.MustCompile(`^Environment=["']?([A-Za-z_][A-Za-z0-9_]*)=`)
	computedField = regexp.MustCompile(`^["']?#\{\s*([a-z_]\w*)(?:\[[^\[\]]*\]|\.[a-z_]\w*)+\s*\}["']?$`)
)

// emitWritten reports the names of variables that templates of the node's cookbooks write for processes, whatever resource renders them, and the
// paths of files that are rendered over those of a release: who reads them may be sure that they are there.
func (b *bearer) emitWritten() {
	said := map[string]bool{}
	tell := func(value string, at estate.Place) {
		if !said[value] {
			said[value] = true
			b.see(estate.Sighting{Fact: estate.Mentions, Key: estate.CodeWrites, Value: value, Place: at})
		}
	}
	for _, name := range sortedKeys(b.books) {
		book := b.repo.cookbooks.named(name, b.repo.root)
		if book == nil {
			continue
		}
		for _, f := range book.templates {
			if form := formOf(f.Path); form != nil {
				number := 0
				for row := range strings.Lines(string(f.Data)) {
					number++
					if g := form.FindStringSubmatch(strings.TrimSpace(row)); g != nil && len(row) <= maxLine {
						tell(g[1], estate.Place{File: f.Path, Line: number})
					}
				}
			}
		}
	}
	for _, f := range b.facts {
		if target, ok := b.text(f.value); f.kind == rendersFile && ok && strings.Contains(target, "/") && configured[path.Ext(target)] {
			tell(target, f.place)
		}
	}
}

// configured are endings of files of a release in which placeholders stand.
var configured = map[string]bool{".yml": true, ".yaml": true, ".properties": true, ".json": true}

// formOf is what lines look like that give variables in the file that a template makes; nil when it gives none.
func formOf(template string) *regexp.Regexp {
	name := strings.TrimSuffix(path.Base(template), ".erb")
	switch {
	case strings.HasSuffix(name, ".env") || strings.HasPrefix(name, ".env") || name == "env" || name == "environment":
		return variableLine
	case strings.HasSuffix(name, ".service"):
		return unitVariable
	}
	return nil
}

// variables notes what a file resource says whose content is nothing but variables: those taken from a data bag item that stays closed are
// secrets, whatever they are called.
func (w *watcher) variables(in *interpreter, b *bearer, e ruby.Expr) {
	content := property(in, e.Block, "content")
	text, _ := b.text(content)
	var found []fact
	for row := range strings.Lines(text) {
		row = strings.TrimSpace(row)
		if row == "" || strings.HasPrefix(row, "#") {
			continue
		}
		g := variableLine.FindStringSubmatch(row)
		if g == nil {
			return
		}
		v := &value{shape: leaf, pieces: []piece{{text: unquote(g[2])}}, place: content.place, layer: "file"}
		if c := computedField.FindStringSubmatch(g[2]); c != nil {
			if from := in.locals[c[1]]; from != nil && from.shape == unread {
				v.pieces = []piece{{text: discover.Masked}}
			}
		}
		found = append(found, fact{kind: sets, key: "env." + g[1], value: v, place: content.place})
	}
	b.facts = append(b.facts, found...)
}
