package keys

import "strings"

// pythonReads are the idioms of Python.
func pythonReads(r *reader, i int) {
	switch w := r.word(i); w {
	case "environ":
		r.pythonEnvironment(i)
	case "getenv":
		if r.sign(i+1, "(") {
			r.take(i + 2)
		}
	case "config":
		if t, ok := r.text(i + 2); ok && r.sign(i+1, "(") && !r.sign(i-1, ".") && shouted.MatchString(t.text) {
			r.take(i + 2)
		}
	case "env":
		r.djangoURL(i)
	case "Env", "FileAwareEnv":
		if r.sign(i+1, "(") && r.word(i-1) != "class" {
			r.schemes(i + 2)
		}
	case "class":
		r.settingsClass(i)
	default:
		if r.loaded[w] && !r.sign(i-1, ".") {
			r.subscripts(i)
		}
	}
}

func (r *reader) pythonEnvironment(i int) {
	switch {
	case r.sign(i+1, "["):
		if end := r.closing(i + 2); !r.writes(end + 1) {
			r.take(i + 2)
		}
	case r.sign(i+1, ".") && (r.word(i+2) == "get" || r.word(i+2) == "pop") && r.sign(i+3, "("):
		r.take(i + 4)
	case r.word(i-1) == "in" || r.word(i-3) == "in": // "X" in os.environ
		k := i - 2
		if r.word(i-1) != "in" {
			k = i - 4
		}
		if r.word(k) == "not" {
			k--
		}
		if t, ok := r.text(k); ok {
			r.see(t.line, t.text, false, computed)
		}
	}
}

// named by what django-environ reads when it is given no name.
var djangoNames = map[string]string{"db": "DATABASE_URL", "db_url": "DATABASE_URL", "cache": "CACHE_URL", "cache_url": "CACHE_URL", "email_url": "EMAIL_URL", "search_url": "SEARCH_URL"}

func (r *reader) djangoURL(i int) {
	name := djangoNames[r.word(i+2)]
	if name == "" || !r.sign(i+1, ".") || !r.sign(i+3, "(") {
		return
	}
	if _, ok := r.text(i + 4); ok {
		return // it is named
	}
	r.see(r.tokens[i].line, name, false, r.arguments(i+4))
}

// schemes reads environ.Env(DEBUG=(bool, False)).
func (r *reader) schemes(i int) {
	for end := r.closing(i); i < end; i = r.comma(i) + 1 {
		if !shouted.MatchString(r.word(i)) || !r.sign(i+1, "=") {
			continue
		}
		f := fallback{}
		if r.sign(i+2, "(") {
			if second := r.comma(i + 3); r.sign(second, ",") {
				f = r.literal(second+1, r.closing(i+3))
			}
		}
		r.see(r.tokens[i].line, r.word(i), false, f)
	}
}

// subscripts reads settings["a"]["b"], settings["a"].get("b", c) and settings.get("a", "b"), of what a file of configuration says.
func (r *reader) subscripts(i int) {
	var name []string
	k := i + 1
	for r.sign(k, "[") {
		t, ok := r.text(k + 1)
		if !ok || t.open || !r.sign(k+2, "]") {
			r.below(r.tokens[i].line, strings.Join(name, "."))
			return
		}
		name = append(name, t.text)
		k += 3
	}
	if r.writes(k) {
		return
	}
	f := fallback{}
	if r.sign(k, ".") && strings.HasPrefix(r.word(k+1), "get") && r.sign(k+2, "(") {
		m := k + 3
		for {
			t, ok := r.text(m)
			if !ok || t.open || len(name) > 3 {
				break
			}
			name = append(name, t.text)
			m++
			if !r.sign(m, ",") || !r.sections() || len(name) > 1 {
				break
			}
			m++
		}
		f = r.orElse(m)
	}
	if len(name) == 0 {
		return
	}
	r.see(r.tokens[i].line, strings.Join(name, "."), false, f)
}

// sections reports whether what the file loads has sections, whose keys are asked for with both.
func (r *reader) sections() bool { return strings.Contains(r.src, "ConfigParser") }

// settingsClass reads the fields of a class of pydantic that is filled from the environment.
func (r *reader) settingsClass(i int) {
	open := i + 2
	if !r.sign(open, "(") {
		return
	}
	end := r.closing(open + 1)
	if !r.holds(open, end, "BaseSettings") || !r.sign(end+1, ":") {
		return
	}
	body := end + 2
	last := body
	for last < len(r.tokens) && !(r.tokens[last].head && r.tokens[last].column <= r.tokens[i].column) {
		last++
	}
	prefix := r.value(body, last, "env_prefix")
	column := -1
	for k := body; k < last; k++ {
		t := r.tokens[k]
		if !t.head || t.kind != word {
			continue
		}
		if column < 0 {
			column = t.column
		}
		if t.column == column && r.sign(k+1, ":") && t.text != "model_config" && t.text != "class" {
			r.settingsField(k, last, prefix)
		}
	}
}

func (r *reader) holds(from, to int, w string) bool {
	for k := from; k < to; k++ {
		if r.word(k) == w {
			return true
		}
	}
	return false
}

// value is the text that is given to a name between from and to.
func (r *reader) value(from, to int, name string) string {
	for k := from; k < to; k++ {
		if r.word(k) == name && (r.sign(k+1, "=") || r.sign(k+1, ":")) {
			if t, ok := r.text(k + 2); ok {
				return t.text
			}
		}
	}
	return ""
}

// settingsField reads one field: its name, or that which Field(env="X") gives it.
func (r *reader) settingsField(i, last int, prefix string) {
	end := i + 1
	for depth := 0; end < last; end++ {
		t := r.tokens[end]
		if t.head && depth == 0 && end > i+1 {
			break
		}
		if t.kind != sign {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
	}
	name, f := prefix+r.word(i), fallback{}
	for k := i + 2; k < end; k++ {
		if !r.sign(k, "=") {
			continue
		}
		if r.word(k+1) == "Field" && r.sign(k+2, "(") {
			f = r.field(k + 3)
			for _, alias := range []string{"env", "alias", "validation_alias"} {
				if given := r.value(k+3, end, alias); given != "" {
					name = given
				}
			}
		} else {
			f = r.literal(k+1, end)
			if empty[r.word(k+1)] {
				f = computed
			}
		}
		break
	}
	r.see(r.tokens[i].line, strings.ToUpper(name), false, f)
}

// field is the fallback of Field(…): its first argument, or the one called default.
func (r *reader) field(i int) fallback {
	for end := r.closing(i); i < end; i = r.comma(i) + 1 {
		switch {
		case r.sign(i, "."): // Field(...) has none
			return fallback{}
		case r.word(i) == "default" && r.sign(i+1, "="):
			return r.optional(i+2, end)
		case r.word(i) == "default_factory":
			return computed
		case r.word(i) == "" || !r.sign(i+1, "="):
			return r.optional(i, end)
		}
	}
	return fallback{}
}

func (r *reader) optional(i, end int) fallback {
	if empty[r.word(i)] {
		return computed
	}
	return r.literal(i, end)
}
