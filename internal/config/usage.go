package config

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
)

// KeyVerdict says whether a key is read, and whether it is set.
type KeyVerdict string

// Verdicts over keys.
const (
	IsRead    KeyVerdict = "read"       // set, and something reads it
	Loaded    KeyVerdict = "loaded"     // set in a file that code loads as a whole; no place names the key
	NeverRead KeyVerdict = "never read" // set, and no place of the code that was read reads it
	NotSet    KeyVerdict = "unset"      // read without a default, and nothing sets it
	Defaulted KeyVerdict = "defaulted"  // read, nothing sets it, and its default counts
	Unknown   KeyVerdict = "unknown"    // set, and no code of the service was read
)

// Reading is a place that reads a key, all keys that begin so, or a whole file.
type Reading struct {
	Key     string       `json:"key,omitempty"` // "" when a file is read, or when nothing of the key's name is known
	Open    bool         `json:"open,omitempty"`
	File    string       `json:"file,omitempty"`    // as code names it
	Default *string      `json:"default,omitempty"` // secrets masked; "…" when it is computed
	Place   estate.Place `json:"place"`
}

// KeyUse is what becomes of a key that a service is given, or reads.
type KeyUse struct {
	Key     string     `json:"key"`
	Verdict KeyVerdict `json:"verdict" enum:"read,loaded,never read,unset,defaulted,unknown"`
	Why     string     `json:"why,omitempty"`   // in a word or two: what reads it by itself, or why nothing more is known
	Given   *Given     `json:"given,omitempty"` // by the layer that wins
	Reads   []Reading  `json:"reads,omitempty"` // by place
	Default string     `json:"default,omitempty"`
}

// Reader is what is known of a service that reads keys.
type Reader struct {
	Code      bool     // some code of it was read
	Libraries []string // on its build path: "maven:org.springframework.boot:spring-boot-starter-web"
	Given     []string // variables that are set for it, with values that nobody knows
}

// ReadingsOf are the places of code that read keys, and whether any code was read at all.
func ReadingsOf(mentions []estate.Mention) (reads []Reading, code bool) {
	for _, m := range mentions {
		switch m.What {
		case estate.CodeReads:
			r := Reading{Place: m.Place}
			name, fallback, defaulted := strings.Cut(m.Value, "=")
			r.Key, r.Open = strings.CutSuffix(name, "*")
			if defaulted {
				r.Default = &fallback
			}
			reads = append(reads, r)
		case estate.CodeLoads:
			reads = append(reads, Reading{File: m.Value, Place: m.Place})
		case estate.CodeWrites:
			continue
		}
		code = true
	}
	return reads, code
}

// Usage says of each key that a service is given whether anything reads it, and of each that it reads whether anything sets it: by key. A key is
// the same in another spelling. Of what is given in several spellings each has a verdict of its own.
func Usage(e Effective, reads []Reading, by Reader) []KeyUse {
	u := usage{Effective: e, by: by, reads: slices.Clone(reads)}
	slices.SortStableFunc(u.reads, func(x, y Reading) int { return x.Place.Compare(y.Place) })
	u.runtimes = runtimesOf(by.Libraries, u.reads, e)
	var out []KeyUse
	for _, x := range e.Entries {
		out = append(out, u.given(x))
	}
	done := map[string]bool{}
	for _, r := range u.reads {
		spelt := estate.Norm(r.Key)
		if spelt == "" || r.Open || done[spelt] || u.set(r.Key) {
			continue
		}
		done[spelt] = true
		out = append(out, u.missing(r.Key))
	}
	slices.SortStableFunc(out, func(x, y KeyUse) int { return cmp.Compare(x.Key, y.Key) })
	return out
}

type usage struct {
	Effective
	by       Reader
	reads    []Reading
	runtimes map[string]bool
}

// given is what becomes of a key that the service has.
func (u usage) given(e Entry) KeyUse {
	last := e.Given[len(e.Given)-1]
	out := KeyUse{Key: e.Key, Given: &last}
	for _, r := range u.reads {
		if r.takes(e.Key) {
			out.Reads = append(out.Reads, r)
		}
	}
	if out.Why = u.readByItself(e); out.Why != "" || len(out.Reads) > 0 {
		out.Verdict = IsRead
		return out
	}
	for _, r := range u.reads {
		if r.loads(e) {
			out.Reads = append(out.Reads, r)
		}
	}
	switch {
	case len(out.Reads) > 0:
		out.Verdict, out.Why = Loaded, "with its file"
	case !u.by.Code:
		out.Verdict, out.Why = Unknown, "no code of it was read"
	default:
		out.Verdict = NeverRead
	}
	return out
}

// missing is what becomes of a key that is read and that nothing sets. A file that reads it without a default anywhere needs it.
func (u usage) missing(key string) KeyUse {
	out := KeyUse{Key: key, Verdict: Defaulted}
	fallbacks := map[string]bool{} // by file
	for _, r := range u.reads {
		if r.Open || r.File != "" || estate.Norm(r.Key) != estate.Norm(key) {
			continue
		}
		out.Reads = append(out.Reads, r)
		fallbacks[r.Place.File] = fallbacks[r.Place.File] || r.Default != nil
		if r.Default != nil && out.Default == "" {
			out.Default = *r.Default
		}
	}
	for _, has := range fallbacks {
		if !has {
			out.Verdict, out.Default = NotSet, ""
		}
	}
	return out
}

// set reports whether anything sets a key, or keys below it. What the system sets is always there.
func (u usage) set(key string) bool {
	return slices.ContainsFunc(u.Entries, func(e Entry) bool {
		return slices.ContainsFunc(u.reads, func(r Reading) bool { return r.Key == key && !r.Open && r.takes(e.Key) })
	}) || slices.ContainsFunc(u.by.Given, func(name string) bool { return estate.Norm(name) == estate.Norm(key) }) || ofTheSystem(key)
}

// takes reports whether what is read is a key: the same, one below it, or one that begins so.
func (r Reading) takes(key string) bool {
	if r.Key == "" || !r.mayMean(key) {
		return false
	}
	if r.Open && len(key) >= len(r.Key) && strings.EqualFold(key[:len(r.Key)], r.Key) {
		return true
	}
	want := spelling(strings.TrimRight(r.Key, "._-"))
	if spelling(key) == want {
		return true
	}
	if !r.Open && variable(r.Key) {
		return false // a variable has none below it
	}
	for i := 1; i < len(key); i++ {
		if strings.IndexByte("._-[", key[i]) >= 0 && spelling(key[:i]) == want {
			return key[i] != '-' || !strings.HasSuffix(r.Key, ".")
		}
	}
	return false
}

// relaxed are endings of files in which a key may be given as a variable as well: languages whose libraries look for it under both names.
var relaxed = map[string]bool{".java": true, ".kt": true, ".kts": true, ".scala": true, ".groovy": true, ".cs": true, ".vb": true, ".go": true, ".yml": true, ".yaml": true, ".properties": true}

// mayMean reports whether what is read may be a key at all: a variable of the process and a key of a file are two things, unless a library takes
// the one for the other.
func (r Reading) mayMean(key string) bool {
	switch {
	case variable(r.Key) == variable(key):
		return true
	case variable(key):
		return relaxed[path.Ext(r.Place.File)]
	}
	return !strings.ContainsAny(key, ".[") && strings.EqualFold(r.Key, key) && strings.Contains(key, "_") // http_proxy
}

// variable reports whether a key is written as variables of a process are.
func variable(key string) bool {
	return !strings.Contains(key, "__") && !strings.ContainsFunc(key, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' })
}

// spelling is the form in which keys are compared.
func spelling(key string) string {
	return estate.Norm(strings.NewReplacer(":", "", "[", "", "]", "").Replace(key))
}

// loads reports whether a key stands in the file that is read.
func (r Reading) loads(e Entry) bool {
	if r.File == "" {
		return false
	}
	for _, file := range []string{e.Place().File, e.Form.Path} {
		if file != "" && path.Base(file) == path.Base(r.File) && (path.IsAbs(r.File) || !strings.Contains(r.File, "/") || strings.HasSuffix("/"+file, "/"+path.Clean(r.File))) {
			return true
		}
	}
	return false
}
