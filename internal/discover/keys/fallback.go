package keys

import "strings"

// orElse is what counts when nobody sets the key that ends before i, in a call or in brackets: its next argument, or what comes behind.
func (r *reader) orElse(i int) fallback {
	if r.sign(i, ",") {
		if f := r.arguments(i + 1); f.given {
			return f
		}
	}
	return r.alternative(r.closing(i) + 1)
}

var (
	named = map[string]bool{"default": true, "fallback": true, "defaultValue": true, "default_value": true, "defaultvalue": true, "or": true, "def": true}
	gives = map[string]bool{"throw": true, "die": true, "raise": true, "abort": true, "panic": true, "fail": true, "exit": true, "croak": true, "confess": true, "error": true}
	empty = map[string]bool{"None": true, "null": true, "nil": true, "undefined": true, "undef": true, "NULL": true}
)

// arguments is the fallback among the arguments from i on: the first that is not named otherwise, or a type.
func (r *reader) arguments(i int) fallback {
	for {
		end := r.comma(i)
		f, named := r.argumentAt(i, end)
		if f.given || named {
			return f
		}
		if !r.sign(end, ",") {
			return fallback{}
		}
		i = end + 1
	}
}

// argumentAt is the fallback that one argument gives. Done: none after it gives one.
func (r *reader) argumentAt(i, end int) (f fallback, done bool) {
	if i >= end {
		return fallback{}, false
	}
	if r.word(i) != "" && (r.sign(i+1, "=") || r.sign(i+1, ":")) && !r.is(i+1, ":", ":") && !r.is(i+1, "=", "=") && !r.is(i+1, "=", ">") {
		if !named[r.word(i)] {
			return fallback{}, false
		}
		return r.literal(i+2, end), true
	}
	if r.is(end-2, ".", "class") || r.is(end-3, ":", "class") || r.word(i) == "typeof" {
		return fallback{}, false
	}
	if r.sign(i, "{") { // options
		for k := i + 1; k < end; k = r.comma(k) + 1 {
			if f, done := r.argumentAt(k, min(r.comma(k), end)); done {
				return f, true
			}
		}
		return fallback{}, false
	}
	return r.literal(i, end), true
}

// literal is what stands between i and end: a text, a number, or what is computed.
func (r *reader) literal(i, end int) fallback {
	if i >= len(r.tokens) || i >= end {
		return fallback{}
	}
	t := r.tokens[i]
	switch {
	case t.kind == text && !t.open:
		return fallback{true, t.text}
	case t.kind == number:
		return fallback{true, t.text}
	case t.kind == word && (empty[t.text] || gives[t.text]), t.kind == sign && t.text == "!":
		return fallback{}
	case t.kind == word && (strings.EqualFold(t.text, "true") || strings.EqualFold(t.text, "false")):
		return fallback{true, t.text}
	case t.kind == sign && t.text == "-" && i+1 < len(r.tokens) && r.tokens[i+1].kind == number:
		return fallback{true, "-" + r.tokens[i+1].text}
	}
	if value := r.constants[t.text]; t.kind == word && value != "" && !r.sign(i+1, ".") && !r.sign(i+1, "(") {
		return fallback{true, value}
	}
	return computed
}

var alternatives = [][]string{{"|", "|", "="}, {"?", "?", "="}, {"/", "/", "="}, {"|", "|"}, {"?", "?"}, {"?", ":"}, {"/", "/"}, {"or"}}

var chained = map[string]bool{"orElse": true, "orElseGet": true, "getOrElse": true, "unwrap_or": true, "unwrap_or_else": true, "unwrap_or_default": true, "default": true, "or": true, "or_else": true, "map_or": true, "withDefault": true}

// alternative is what is taken in place of the key that ends before i, if nobody sets it: || "x", ?? "x", .orElse("x"), { "x" } of Ruby.
func (r *reader) alternative(i int) fallback {
	for {
		for r.sign(i, ")") || r.sign(i, "!") || r.sign(i, "?") && r.sign(i+1, ".") || r.sign(i, "]") {
			i++
		}
		if r.sign(i, ",") && i+2 < len(r.tokens) && r.tokens[i+1].kind == number && r.sign(i+2, ")") { // parseInt(…, 10)
			i += 3
		}
		for _, a := range alternatives {
			if r.is(i, a...) {
				return r.literal(i+len(a), len(r.tokens))
			}
		}
		if r.ext == ".rb" && r.sign(i, "{") {
			return r.literal(i+1, len(r.tokens))
		}
		if !r.sign(i, ".") || r.word(i+1) == "" || !r.sign(i+2, "(") {
			return fallback{}
		}
		if chained[r.word(i+1)] {
			return r.within(i + 3)
		}
		i = r.closing(i+3) + 1
	}
}

// within is the first literal of a call's arguments, that of a function that gives it included.
func (r *reader) within(i int) fallback {
	end := r.closing(i)
	for k := i; k < end; k++ {
		if gives[r.word(k)] {
			return fallback{}
		}
		if f := r.literal(k, end); f.given && f != computed {
			return f
		}
	}
	return computed
}
