package keys

import "strings"

// rubyReads are the idioms of Ruby.
func rubyReads(r *reader, i int) {
	switch r.word(i) {
	case "ENV":
		switch {
		case r.sign(i+1, "["):
			if end := r.closing(i + 2); !r.writes(end+1) || r.is(end+1, "|", "|") {
				r.take(i + 2)
			}
		case r.sign(i+1, "."):
			r.rubyCall(i)
		}
	case "Settings":
		if !r.sign(i-1, ".") && !r.is(i-2, ":", ":") {
			r.rubySettings(i)
		}
	}
}

func (r *reader) rubyCall(i int) {
	asks := r.is(i+3, "?", "(")
	if !asks && !r.sign(i+3, "(") {
		return
	}
	switch r.word(i + 2) {
	case "fetch", "dig":
		r.take(i + 4)
	case "key", "has_key", "include":
		if t, ok := r.text(i + 5); ok && asks {
			r.see(t.line, t.text, false, computed)
		}
	case "values_at":
		for k, end := i+4, r.closing(i+4); k < end; k = r.comma(k) + 1 {
			if t, ok := r.text(k); ok {
				r.see(t.line, t.text, false, fallback{})
			}
		}
	}
}

// rubySettings reads Settings.a.b of the gem config.
func (r *reader) rubySettings(i int) {
	var name []string
	k := i
	for (r.sign(k+1, ".") || r.is(k+1, "&", ".")) && len(name) < 8 {
		if r.sign(k+1, "&") {
			k++
		}
		if r.word(k+2) == "" || r.sign(k+3, "(") {
			break
		}
		name = append(name, r.word(k+2))
		k += 2
	}
	if len(name) == 0 {
		return
	}
	if len(name) > 1 && rubyMethods[name[len(name)-1]] {
		name = name[:len(name)-1]
	}
	r.see(r.tokens[i].line, strings.Join(name, "."), false, r.alternative(k+1))
}

// rubyMethods are those that values have, not keys.
var rubyMethods = map[string]bool{"to_h": true, "to_hash": true, "to_s": true, "to_i": true, "to_a": true, "to_sym": true, "to_json": true, "each": true, "map": true, "keys": true, "values": true, "presence": true, "present": true, "blank": true, "split": true,
	"strip": true, "freeze": true, "dup": true, "minutes": true, "seconds": true, "hours": true, "days": true, "first": true, "size": true, "any": true, "nil": true}

// phpReads are the idioms of PHP.
func phpReads(r *reader, i int) {
	switch w := r.word(i); w {
	case "getenv":
		if r.sign(i+1, "(") {
			if end := r.comma(i + 2); r.sign(end, ",") { // the second argument is no fallback
				name, open, _, ok := r.argument(i + 2)
				if ok {
					r.see(r.tokens[i].line, name, open, r.alternative(r.closing(i+2)+1))
				}
				return
			}
			r.take(i + 2)
		}
	case "_ENV", "_SERVER":
		t, ok := r.text(i + 2)
		if !r.sign(i+1, "[") || ok && w == "_SERVER" && ofTheRequest(t.text) {
			return
		}
		if end := r.closing(i + 2); !r.writes(end+1) && (ok || w == "_ENV") {
			r.take(i + 2)
		}
	default:
		if r.loaded[w] {
			r.subscripts(i)
		}
	}
}

// ofTheRequest reports whether a web server sets a variable for each request.
func ofTheRequest(name string) bool {
	for _, p := range []string{"HTTP_", "REQUEST_", "SERVER_", "REMOTE_", "QUERY_", "SCRIPT_", "PHP_", "DOCUMENT_", "CONTENT_", "PATH_", "GATEWAY_", "argv", "argc", "HTTPS", "AUTH_", "ORIG_", "REDIRECT_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return !shouted.MatchString(name)
}

// csharpReads are the idioms of C#.
func csharpReads(r *reader, i int) {
	switch w := r.word(i); w {
	case "GetEnvironmentVariable":
		if r.sign(i+1, "(") {
			name, open, _, ok := r.argument(i + 2)
			if !ok {
				r.hand(i + 2)
				return
			}
			r.see(r.tokens[i].line, strings.ReplaceAll(name, "__", "."), open, r.alternative(r.closing(i+2)+1))
		}
	case "GetValue":
		if k := r.generic(i + 1); r.sign(k, "(") {
			r.take(k + 1)
		}
	case "GetConnectionString":
		if t, ok := r.text(i + 2); ok && r.sign(i+1, "(") {
			r.see(t.line, "ConnectionStrings."+t.text, t.open, r.alternative(r.closing(i+2)+1))
		}
	case "GetSection", "GetRequiredSection", "BindConfiguration":
		if t, ok := r.text(i + 2); ok && r.sign(i+1, "(") {
			r.below(t.line, strings.ReplaceAll(t.text, ":", "."))
		}
	case "AddEnvironmentVariables":
		for k := i + 2; k < i+6; k++ {
			if t, ok := r.text(k); ok && r.sign(i+1, "(") {
				r.see(t.line, t.text, true, fallback{})
				break
			}
		}
	default:
		if t, ok := r.text(i + 2); ok && r.sign(i+1, "[") && configWord.MatchString(w) && !r.writes(r.closing(i+2)+1) {
			r.see(t.line, t.text, t.open || r.joined(i+3), r.alternative(r.closing(i+2)+1))
		}
	}
}

// generic is where the arguments of a call open whose type stands at i: <int>(
func (r *reader) generic(i int) int {
	if !r.sign(i, "<") {
		return i
	}
	for k := i; k < i+12 && k < len(r.tokens); k++ {
		if r.sign(k, "(") {
			return k
		}
	}
	return i
}

// rustReads are the idioms of Rust.
func rustReads(r *reader, i int) {
	switch w := r.word(i); w {
	case "var", "var_os":
		if r.sign(i+1, "(") && (r.word(i-3) == "env" || r.word(i-3) == "dotenvy" || r.word(i-3) == "dotenv") {
			r.take(i + 2)
		}
	case "env", "option_env":
		switch {
		case r.is(i+1, "!", "("):
			if t, ok := r.text(i + 3); ok {
				r.see(t.line, t.text, false, computed) // it counts when it is built
			}
		case r.sign(i+1, "=") && r.inAttribute(i):
			if t, ok := r.text(i + 2); ok {
				r.see(t.line, t.text, false, r.attributeDefault(i))
			}
		case (r.sign(i+1, ",") || r.sign(i+1, ")")) && r.inAttribute(i):
			if name := r.attributed(i); name != "" {
				r.see(r.tokens[i].line, strings.ToUpper(name), false, r.attributeDefault(i))
			}
		}
	case "prefixed", "with_prefix":
		if t, ok := r.text(i + 2); ok && r.sign(i+1, "(") {
			r.see(t.line, t.text, true, fallback{})
		}
	case "from_env":
		if r.word(i-3) == "envy" {
			r.rustStruct(i)
		}
	case "get_string", "get_int", "get_bool", "get_float":
		if r.sign(i+1, "(") && r.sign(i-1, ".") {
			r.take(i + 2)
		}
	case "get":
		if k := i + 1; r.sign(i-1, ".") && r.configures(i-2) {
			if r.sign(k, ":") {
				k = r.generic(k + 2)
			}
			if t, ok := r.text(k + 1); ok && r.sign(k, "(") {
				r.see(t.line, t.text, t.open, r.orElse(k+2))
			}
		}
	}
}

// inAttribute reports whether i is within #[arg(…)] or #[clap(…)].
func (r *reader) inAttribute(i int) bool {
	for k := i - 1; k >= 0 && k > i-60; k-- {
		if r.sign(k, "]") || r.sign(k, ";") || r.sign(k, "{") {
			return false
		}
		if r.sign(k, "#") && r.sign(k+1, "[") {
			return true
		}
	}
	return false
}

func (r *reader) attributeDefault(i int) fallback {
	from := i
	for from > 0 && !r.sign(from, "#") {
		from--
	}
	for k := from; k < r.closing(i); k++ {
		switch r.word(k) {
		case "default_value", "default_value_t":
			if r.sign(k+1, "=") {
				return r.literal(k+2, r.closing(i))
			}
			return computed
		}
	}
	if end := r.closing(i) + 2; r.holds(end, end+8, "Option") {
		return computed
	}
	return fallback{}
}

// attributed is the field that the attribute around i is about.
func (r *reader) attributed(i int) string {
	k := r.closing(i) + 2 // behind )]
	for r.word(k) == "pub" {
		k++
	}
	if r.sign(k+1, ":") {
		return r.word(k)
	}
	return ""
}

// rustStruct reads envy::from_env::<Config>(), where the file declares the struct.
func (r *reader) rustStruct(i int) {
	name := ""
	for k := i + 1; k < i+8; k++ {
		if r.word(k) != "" {
			name = r.word(k)
			break
		}
	}
	for k := range r.tokens {
		if r.word(k) != "struct" || r.word(k+1) != name || !r.sign(k+2, "{") {
			continue
		}
		for m, end := k+3, r.closing(k+3); m < end; m++ {
			if r.word(m) != "" && r.sign(m+1, ":") && !r.sign(m+2, ":") && !r.sign(m-1, ":") {
				f := fallback{}
				if r.word(m+2) == "Option" {
					f = computed
				}
				r.see(r.tokens[m].line, strings.ToUpper(r.word(m)), false, f)
			}
		}
		return
	}
}

var perlHashes = map[string]bool{"conf": true, "config": true, "cfg": true, "settings": true}

// perlReads are the idioms of Perl: $ENV{X}, and $conf{x} of what is read from a file.
func perlReads(r *reader, i int) {
	w := r.word(i)
	if w != "ENV" && !perlHashes[w] || !r.sign(i-1, "$") {
		return
	}
	k := i + 1
	if r.is(k, "-", ">") {
		k += 2
	}
	if !r.sign(k, "{") {
		return
	}
	end := r.closing(k + 1)
	if r.writes(end+1) && !r.is(end+1, "=", "~") {
		return
	}
	switch {
	case r.word(k+1) != "" && end == k+2:
		r.see(r.tokens[i].line, r.word(k+1), false, r.alternative(end+1))
	case w == "ENV":
		r.take(k + 1)
	default:
		if t, ok := r.text(k + 1); ok {
			r.see(t.line, t.text, false, r.alternative(end+1))
		}
	}
}
