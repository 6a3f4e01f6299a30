package keys

import (
	"regexp"
	"strings"
)

// word is the word at i; "" when something else stands there.
func (r *reader) word(i int) string {
	if i < 0 || i >= len(r.tokens) || r.tokens[i].kind != word {
		return ""
	}
	return r.tokens[i].text
}

// sign reports whether a sign stands at i.
func (r *reader) sign(i int, s string) bool {
	return i >= 0 && i < len(r.tokens) && r.tokens[i].kind == sign && r.tokens[i].text == s
}

// text is the text at i; false when something else stands there.
func (r *reader) text(i int) (token, bool) {
	if i < 0 || i >= len(r.tokens) || r.tokens[i].kind != text {
		return token{}, false
	}
	return r.tokens[i], true
}

// is reports whether words and signs stand in a row from i on.
func (r *reader) is(i int, row ...string) bool {
	for k, s := range row {
		if i+k < 0 || i+k >= len(r.tokens) || r.tokens[i+k].kind == text || r.tokens[i+k].text != s {
			return false
		}
	}
	return true
}

// maxCall bounds how far the end of a call is looked for.
const maxCall = 400

// closing is where the bracket closes that is open at i, as far as texts and other brackets go; len(tokens) when it does not.
func (r *reader) closing(i int) int {
	depth := 0
	for k := i; k < len(r.tokens) && k < i+maxCall; k++ {
		if r.tokens[k].kind != sign {
			continue
		}
		switch r.tokens[k].text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth < 0 {
				return k
			}
		}
	}
	return len(r.tokens)
}

// comma is the next one at i's depth, or where its bracket closes.
func (r *reader) comma(i int) int {
	end := r.closing(i)
	depth := 0
	for k := i; k < end; k++ {
		if r.tokens[k].kind != sign {
			continue
		}
		switch r.tokens[k].text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ",":
			if depth == 0 {
				return k
			}
		}
	}
	return end
}

// argument is the key that is named at i, and where it ends. Open: only its beginning is known.
func (r *reader) argument(i int) (name string, open bool, next int, ok bool) {
	if r.sign(i, "&") || r.sign(i, "*") {
		i++
	}
	if t, is := r.text(i); is {
		return t.text, t.open || r.joined(i+1), i + 1, true
	}
	last := i
	for r.word(last) != "" && (r.sign(last+1, ".") || r.sign(last+1, ":") && r.sign(last+2, ":")) {
		last++
		for r.sign(last, ".") || r.sign(last, ":") {
			last++
		}
	}
	if value := r.constants[r.word(last)]; value != "" && !r.sign(last+1, "(") && !r.given(i) {
		return value, r.joined(last + 1), last + 1, true
	}
	return "", false, i, false
}

// joined reports whether something is put behind what ends before i.
func (r *reader) joined(i int) bool {
	return r.sign(i, "+") || r.sign(i, ".") && (r.ext == ".php" || r.ext == ".pl" || r.ext == ".pm") || r.is(i, "<", ">") || r.sign(i, "&") && r.ext == ".vb"
}

// take reads the key that is named at i, within a call or in brackets. A word that nothing is known of may be what a function was given.
func (r *reader) take(i int) bool {
	name, open, next, ok := r.argument(i)
	if !ok {
		r.hand(i)
		return false
	}
	r.see(r.tokens[i].line, name, open, r.orElse(next))
	return true
}

// takeAll reads a key that ends at the word at i, no call around it.
func (r *reader) takeWord(i int) { r.see(r.tokens[i].line, r.word(i), false, r.alternative(i+1)) }

// hand remembers the function around i, if it is given what stands there and so reads the key that it is called with. Otherwise the name is computed.
func (r *reader) hand(i int) {
	given := r.word(i)
	if given == "" && r.sign(i, "$") {
		given = r.word(i + 1)
	}
	name, n, ok := r.around(i, given)
	switch {
	case !r.dry && i < len(r.tokens) && !ok:
		r.see(r.tokens[i].line, "", true, fallback{}) // nothing is known of its name
	case r.dry && ok && given != "":
		r.passing[name] = n
	}
}

// given reports whether the word at i is a parameter of the function around it.
func (r *reader) given(i int) bool {
	_, _, ok := r.around(i, r.word(i))
	return ok
}

// around is the function around i, and which of its parameters is called so.
func (r *reader) around(i int, parameter string) (function string, n int, ok bool) {
	for k := i - 1; k >= 0 && k > i-maxCall; k-- {
		open, name := r.declared(k)
		if name == "" || r.closing(open+1) > i {
			continue
		}
		n, ok := r.parameter(open+1, parameter)
		return name, n, ok
	}
	return "", 0, false
}

var declares = map[string]bool{"func": true, "function": true, "def": true, "fn": true, "fun": true, "defp": true}

// declared is the function that is declared at k, and where its parameters open; "" when none is.
func (r *reader) declared(k int) (open int, name string) {
	switch {
	case declares[r.word(k)]:
		k++
		if r.sign(k, "(") { // the receiver of a method
			k = r.closing(k+1) + 1
		}
		if r.sign(k+1, "(") {
			return k + 1, r.word(k)
		}
	case r.sign(k, "=") && (r.sign(k+1, "(") || r.is(k+1, "async", "(")):
		open = k + 1
		if !r.sign(open, "(") {
			open++
		}
		end := r.closing(open + 1)
		if r.is(end+1, "=", ">") || r.sign(end+1, ":") {
			return open, r.assigned(k)
		}
	case r.sign(k, "=") && r.is(k+2, "=", ">"):
		return k, r.assigned(k)
	case r.word(k) != "" && r.sign(k+1, "(") && (r.word(k-1) != "" || r.sign(k-1, ">")) && r.word(k-1) != "return" && r.word(k-1) != "new":
		if end := r.closing(k + 2); r.sign(end+1, "{") || r.word(end+1) == "throws" {
			return k + 1, r.word(k)
		}
	}
	return 0, ""
}

// parameter is which of the parameters from i on is called so.
func (r *reader) parameter(i int, name string) (int, bool) {
	n := 0
	for k, end := i, max(r.closing(i), i+1); k < end && k < len(r.tokens); k++ {
		if r.word(k) == name {
			return n, true
		}
		if r.sign(k, ",") {
			n++
		}
	}
	return 0, false
}

// passed reads the key that a function of the file is given, which reads it.
func (r *reader) passed(i int) bool {
	n, ok := r.passing[r.word(i)]
	if !ok || !r.sign(i+1, "(") || declares[r.word(i-1)] {
		return false
	}
	if _, declared := r.declared(i); declared != "" {
		return false
	}
	k := i + 2
	for range n {
		if k = r.comma(k); !r.sign(k, ",") {
			return false
		}
		k++
	}
	return r.take(k)
}

var (
	shouted = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)
	reads   = regexp.MustCompile(`(?i)^(?:\w*(?:get|read|look_?up|fetch|must|required?|need|parse|from|int|bool|str|string|duration|value|or)_?)?env`)
	writes  = regexp.MustCompile(`(?i)^(?:un|re)?(?:set|put|load|delete|del|add|with|stub|clear|write|export|mock|patch|use|new)_?`)
)

// ofLanguages are calls that the idioms of languages know better.
var ofLanguages = map[string]bool{"Getenv": true, "LookupEnv": true, "getenv": true, "GetEnvironmentVariable": true}

// environmentCall reads what functions are given that are called like those that read the environment, wherever they are declared:
// getEnv("X"), envOr("X", "y"), env.str("X").
func (r *reader) environmentCall(i int) bool {
	w := r.word(i)
	if w == "" || !aboutEnvironment(w) || !reads.MatchString(w) || writes.MatchString(w) || declares[r.word(i-1)] || ofLanguages[w] || w == "ENV" && r.ext == ".rb" {
		return false
	}
	k := i + 1
	if r.sign(k, ".") && r.word(k+1) != "" {
		if !strings.EqualFold(w, "env") && !strings.EqualFold(w, "dotenv") || writes.MatchString(r.word(k+1)) {
			return false
		}
		k += 2
	}
	if r.sign(k, "!") {
		k++
	}
	if r.sign(k, "<") { // env<string>("X")
		for k < len(r.tokens) && !r.sign(k, "(") && k < i+8 {
			k++
		}
	}
	if !r.sign(k, "(") {
		return false
	}
	t, ok := r.text(k + 1)
	if !ok || !shouted.MatchString(t.text) {
		return false
	}
	return r.take(k + 1)
}

// aboutEnvironment reports whether a word has env in it, in any case.
func aboutEnvironment(w string) bool {
	for i := 2; i < len(w); i++ {
		if w[i]|0x20 == 'v' && w[i-1]|0x20 == 'n' && w[i-2]|0x20 == 'e' {
			return true
		}
	}
	return false
}

// loaders are calls whose result holds what a file of configuration says.
var loaders = map[string]bool{"ConfigParser": true, "RawConfigParser": true, "SafeConfigParser": true, "safe_load": true, "load": true, "load_file": true, "parse_ini_file": true, "loads": true}

// load remembers the name that is given what a loader makes.
func (r *reader) load(i int) {
	if !r.sign(i+1, "(") || r.tokens[i].text == "loads" && r.word(i-2) != "toml" && r.word(i-2) != "tomllib" {
		return
	}
	k := i - 1
	for r.sign(k, ".") || r.sign(k, ":") || r.word(k) != "" && r.sign(k-1, ".") {
		k--
	}
	if r.word(k) != "" && r.sign(k-1, "=") {
		k--
	}
	if r.sign(k, "=") {
		if name := r.assigned(k); name != "" {
			r.loaded[name] = true
		}
	}
}
