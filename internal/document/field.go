package document

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/agext/levenshtein"

	"example.org/caravan/internal/syntax"
)

// Field is one key of a map: what it is called, whether it must be there, and how its value is taken in.
type Field struct {
	Key      string
	Required bool
	Take     Taker
}

// Required is a key that must be there.
func Required(key string, take Taker) Field { return Field{Key: key, Required: true, Take: take} }

// Optional is a key that may be left out.
func Optional(key string, take Taker) Field { return Field{Key: key, Take: take} }

// Taker takes in the value at a path, or reports what is wrong with it.
type Taker func(r *Reader, n syntax.Node, path string)

// Object takes in a map, key by key.
func (r *Reader) Object(n syntax.Node, path string, fields []Field) {
	if n.Kind != syntax.Map {
		r.Problem(max(n.Line, 1), "%s is %s; write keys and values: %s", r.called(path), shape(n), strings.Join(keysOf(fields), ", "))
		return
	}
	r.lines[path] = n.Line
	seen := map[string]int{}
	for _, pair := range n.Pairs {
		if first, twice := seen[pair.Key]; twice {
			r.Problem(pair.Line, "%q is given in line %d already; keep one", pair.Key, first)
			continue
		}
		seen[pair.Key] = pair.Line
		r.pair(pair, path, fields)
	}
	for _, f := range fields {
		if _, given := seen[f.Key]; f.Required && !given {
			r.Problem(max(n.Line, 1), "%s has no %s; add one", r.called(path), f.Key)
		}
	}
}

func (r *Reader) pair(pair syntax.Pair, path string, fields []Field) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == pair.Key })
	if i < 0 {
		r.unknown(pair, keysOf(fields))
		return
	}
	at := strings.TrimPrefix(path+"."+pair.Key, ".")
	r.lines[at] = pair.Line
	fields[i].Take(r, pair.Value, at)
}

func (r *Reader) unknown(pair syntax.Pair, known []string) {
	if near, ok := Nearest(pair.Key, known); ok {
		r.Problem(pair.Line, "unknown key %q; did you mean %q?", pair.Key, near)
		return
	}
	key := " " + strconv.Quote(pair.Key)
	if !isWord(pair.Key) {
		key = "" // a line of something else than this document, maybe of what is nobody's to read
	}
	r.Problem(pair.Line, "unknown key%s; the keys here are %s", key, strings.Join(known, ", "))
}

// longestWord is how long a key may be that somebody may have meant.
const longestWord = 40

// isWord reports whether a key could be one that somebody meant.
func isWord(key string) bool {
	return len(key) <= longestWord && !strings.ContainsFunc(key, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_./ ", c)
	})
}

func keysOf(fields []Field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.Key
	}
	return keys
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// misleads reports control characters and those that turn the direction of the text after them (Unicode, UAX 9: embeddings,
// overrides and isolates).
func misleads(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// Text takes in a string of one line.
func Text[T ~string](into *T) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		switch {
		case n.Kind == syntax.Null:
			r.At(path, "%s is empty; give it a text, in quotes if it begins with #", r.called(path))
		case n.Kind != syntax.Scalar:
			r.At(path, "%s is %s; write a text", r.called(path), shape(n))
		case n.Tag != "str":
			r.At(path, "%s is %s; put the text in quotes", r.called(path), shape(n))
		case strings.TrimSpace(n.Value) == "":
			r.At(path, "%s is empty; give it a text", r.called(path))
		case len(n.Value) > maxText:
			r.At(path, "%s is longer than %d bytes; shorten it", r.called(path), maxText)
		case strings.ContainsAny(n.Value, "\n\r\x00"):
			r.At(path, "%s spreads over several lines; write one", r.called(path))
		case strings.ContainsFunc(n.Value, misleads):
			r.At(path, "%s holds a character that cannot be seen and changes what can; remove it", r.called(path))
		default:
			*into = T(strings.TrimSpace(n.Value))
		}
	}
}

// MayBeEmpty lets a value be empty.
func MayBeEmpty(take Taker) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		if n.Kind != syntax.Null && (n.Kind != syntax.Scalar || n.Value != "") {
			take(r, n, path)
		}
	}
}

// OneOf takes in one of the allowed texts.
func OneOf[T ~string](into *T, allowed ...T) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		var given T
		Text(&given)(r, n, path)
		if given == "" || slices.Contains(allowed, given) {
			*into = given
			return
		}
		choice := texts(allowed)
		r.At(path, "%s is %q; write %s", r.called(path), string(given), strings.Join(choice, " or "))
	}
}

// Boolean takes in true or false.
func Boolean(into *bool) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		if n.Kind != syntax.Scalar || n.Tag != "bool" {
			r.At(path, "%s is %s; write true or false", r.called(path), shape(n))
			return
		}
		*into = strings.EqualFold(n.Value, "true")
	}
}

// Integer takes in a whole number between least and most.
func Integer(into *int, least, most int) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		v, err := strconv.Atoi(n.Value)
		if n.Kind != syntax.Scalar || n.Tag != "int" || err != nil {
			r.At(path, "%s is %s; write a whole number", r.called(path), shape(n))
			return
		}
		if v < least || v > most {
			r.At(path, "%s is %d; write a number from %d to %d", r.called(path), v, least, most)
			return
		}
		*into = v
	}
}

// Number takes in a number that is not negative.
func Number(into *float64) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != syntax.Scalar || n.Tag != "int" && n.Tag != "float" || err != nil || v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
			r.At(path, "%s is %s; write a number that is not negative", r.called(path), shape(n))
			return
		}
		*into = v
	}
}

// Moment takes in a date, or a date with a time in RFC 3339, quoted or not.
func Moment(into *time.Time) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if at, err := time.Parse(layout, n.Value); err == nil && n.Kind == syntax.Scalar {
				*into = at.UTC()
				return
			}
		}
		r.At(path, "%s is no date; write it as 2026-03-01 or 2026-03-01T09:30:00Z", r.called(path))
	}
}

// Duration takes in a length of time such as 10s, 90s or 4h.
func Duration(into *time.Duration) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		d, err := time.ParseDuration(n.Value)
		if n.Kind != syntax.Scalar || err != nil || d < 0 {
			r.At(path, "%s is no length of time; write it as 10s, 90s or 4h", r.called(path))
			return
		}
		*into = d
	}
}

// Into takes in a map, key by key.
func Into(fields ...Field) Taker {
	return func(r *Reader, n syntax.Node, path string) { r.Object(n, path, fields) }
}

// Table takes in a map whose keys are the file's own, each once, with a text each. Numbers and truth values count as
// texts, as written.
func Table(into *map[string]string) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		r.Entries(n, path, func(key string, v syntax.Node, at string) {
			if v.Kind != syntax.Scalar {
				r.At(at, "%s is %s; write a text", r.called(at), shape(v))
				return
			}
			if *into == nil {
				*into = map[string]string{}
			}
			(*into)[key] = v.Value
		})
	}
}

// Entries calls use for each entry of a map whose keys are the file's own, in the order of the file. An empty key is an
// empty map.
func (r *Reader) Entries(n syntax.Node, path string, use func(key string, v syntax.Node, at string)) {
	switch {
	case n.Kind == syntax.Null:
		return
	case n.Kind != syntax.Map:
		r.At(path, "%s is %s; write keys and values", r.called(path), shape(n))
		return
	case len(n.Pairs) > maxItems:
		r.At(path, "%s has more than %d keys; split the file", r.called(path), maxItems)
		return
	}
	seen := map[string]int{}
	for _, pair := range n.Pairs {
		if first, twice := seen[pair.Key]; twice {
			r.Problem(pair.Line, "%q is given in line %d already; keep one", pair.Key, first)
			continue
		}
		seen[pair.Key] = pair.Line
		at := strings.TrimPrefix(path+"."+pair.Key, ".")
		r.lines[at] = pair.Line
		use(pair.Key, pair.Value, at)
	}
}

// Texts takes in a list of strings.
func Texts(into *[]string) Taker {
	return List(into, func(r *Reader, n syntax.Node, path string) (s string) {
		Text(&s)(r, n, path)
		return s
	})
}

// List takes in a list, item by item; an empty key is an empty list.
func List[T any](into *[]T, item func(*Reader, syntax.Node, string) T) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		switch {
		case n.Kind == syntax.Null:
		case n.Kind != syntax.List:
			r.At(path, "%s is %s; write a list, each item after a dash", r.called(path), shape(n))
		case len(n.Items) > maxItems:
			r.At(path, "%s has more than %d items; split the file", r.called(path), maxItems)
		default:
			for i, v := range n.Items {
				at := fmt.Sprintf("%s[%d]", path, i)
				r.lines[at] = max(v.Line, 1)
				*into = append(*into, item(r, v, at))
			}
		}
	}
}

// NonEmpty wants at least one item.
func NonEmpty(take Taker) Taker {
	return func(r *Reader, n syntax.Node, path string) {
		if n.Kind == syntax.Null || n.Kind == syntax.List && len(n.Items) == 0 {
			r.At(path, "%s is empty; add at least one", r.called(path))
			return
		}
		take(r, n, path)
	}
}

// Bounds that keep a hostile file from costing more than a moment.
const (
	maxItems     = 5000 // in one list
	maxText      = 1000 // bytes of one text
	maxGuessed   = 40   // bytes of a mistyped word that is worth a guess
	maxGuessFrom = 200  // words to guess from
)

func shape(n syntax.Node) string {
	switch n.Kind {
	case syntax.Map:
		return "a map"
	case syntax.List:
		return "a list"
	case syntax.Null:
		return "empty"
	}
	switch n.Tag {
	case "int", "float":
		return "a number"
	case "bool":
		return "true or false"
	case "timestamp":
		return "a date"
	}
	return "a text"
}

// Nearest is the known word that a mistyped one most likely means. Of short words, half of whose letters differ, the first must be right.
func Nearest(word string, known []string) (string, bool) {
	if len(word) > maxGuessed || len(known) > maxGuessFrom {
		return "", false
	}
	best, least := "", 3
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil); d < least && d < len(k) && (2*d <= max(len(word), len(k)) || strings.EqualFold(word[:1], k[:1])) {
			best, least = k, d
		}
	}
	return best, best != ""
}
