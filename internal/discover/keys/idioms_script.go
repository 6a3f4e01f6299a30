package keys

import "strings"

// scriptReads are the idioms of JavaScript and TypeScript.
func scriptReads(r *reader, i int) {
	switch r.word(i) {
	case "process", "meta", "Bun":
		if k := r.environment(i); k > 0 {
			r.scriptEnvironment(i, k)
		}
	case "Deno":
		if r.is(i, "Deno", ".", "env", ".", "get", "(") {
			r.take(i + 6)
		}
	case "get", "has", "getOrThrow":
		r.scriptConfig(i)
	case "config":
		r.scriptMembers(i)
	case "env":
		if t, ok := r.text(i + 2); ok && r.sign(i+1, ":") && shouted.MatchString(t.text) {
			r.see(t.line, t.text, false, r.convict(i))
		}
	case "object":
		if r.is(i+1, "(", "{") && strings.Contains(r.src, "process.env)") {
			r.fields(i + 3)
		}
	}
}

// environment is where the environment's name ends that begins at i: process.env, process?.env, import.meta.env; 0 for anything else.
func (r *reader) environment(i int) int {
	k := i + 1
	if r.sign(k, "?") {
		k++
	}
	if r.sign(k, ".") && r.word(k+1) == "env" && (r.word(i) != "meta" || r.word(i-2) == "import") {
		return k + 2
	}
	return 0
}

func (r *reader) scriptEnvironment(i, k int) {
	if r.sign(k, "?") && r.sign(k+1, ".") {
		k++
	}
	switch {
	case r.sign(k, ".") && r.word(k+1) != "" && !r.sign(k+2, "(") && !r.writes(k+2):
		r.takeWord(k + 1)
	case r.sign(k, "."):
		if r.sign(k+1, "[") {
			r.take(k + 2)
		}
	case r.sign(k, "["):
		if end := r.closing(k + 1); !r.writes(end + 1) {
			r.take(k + 1)
		}
	case r.sign(i-1, "=") && r.sign(i-2, "}"):
		r.destructured(i - 2)
	case r.sign(k, ",") && r.sign(k+1, "{") && r.sign(i-1, "("): // cleanEnv(process.env, {…})
		r.fields(k + 2)
	}
}

// writes reports whether what ends before i is given something.
func (r *reader) writes(i int) bool {
	return r.sign(i, "=") && !r.sign(i+1, "=") && !r.sign(i+1, ">")
}

// destructured reads const { A, B: b, C = "c" } = process.env, whose brace closes at i.
func (r *reader) destructured(i int) {
	open := i - 1
	for open > 0 && !r.sign(open, "{") {
		open--
	}
	for k := open + 1; k < i; k = r.comma(k) + 1 {
		if r.word(k) == "" {
			continue
		}
		end := r.comma(k)
		f := fallback{}
		for m := k + 1; m < end; m++ {
			if r.sign(m, "=") {
				f = r.literal(m+1, end)
				break
			}
		}
		r.see(r.tokens[k].line, r.word(k), false, f)
	}
}

// fields reads the keys of an object that says what the environment looks like.
func (r *reader) fields(i int) {
	end := r.closing(i)
	for k := i; k < end; k = r.comma(k) + 1 {
		if !shouted.MatchString(r.word(k)) || !r.sign(k+1, ":") {
			continue
		}
		f := fallback{}
		for m, stop := k+2, r.comma(k); m < stop; m++ {
			switch r.word(m) {
			case "default", "devDefault":
				f = r.literal(m+2, stop)
			case "optional":
				f = computed
			}
		}
		r.see(r.tokens[k].line, r.word(k), false, f)
	}
}

// convict is the fallback in the object in which env: "X" stands at i.
func (r *reader) convict(i int) fallback {
	end := r.closing(i)
	open := i - 1
	for depth := 0; open >= 0 && open > i-maxCall; open-- {
		if r.sign(open, "}") {
			depth++
		}
		if r.sign(open, "{") {
			if depth--; depth < 0 {
				break
			}
		}
	}
	for k := max(open, 0); k < end; k++ {
		if r.word(k) == "default" && r.sign(k+1, ":") {
			return r.literal(k+2, end)
		}
	}
	return fallback{}
}

// scriptConfig reads config.get("a.b") and configService.get<string>("A", "b").
func (r *reader) scriptConfig(i int) {
	if !r.sign(i-1, ".") || !r.configures(i-2) && r.word(i-2) != "nconf" {
		return
	}
	k := i + 1
	if r.sign(k, "<") {
		for k < i+12 && k < len(r.tokens) && !r.sign(k, "(") {
			k++
		}
	}
	if !r.sign(k, "(") {
		return
	}
	if t, ok := r.text(k + 1); ok && !r.joined(k+2) && !t.open {
		f := r.orElse(k + 2)
		if r.word(i) == "has" {
			f = computed
		}
		r.see(t.line, t.text, false, f)
		return
	}
	r.take(k + 1)
}

// scriptMembers reads config.a.b of what the package config makes.
func (r *reader) scriptMembers(i int) {
	if r.sign(i-1, ".") || !r.sign(i+1, ".") || !strings.Contains(r.src, "require('config')") && !strings.Contains(r.src, "from 'config'") {
		return
	}
	var name []string
	k := i
	for r.sign(k+1, ".") && r.word(k+2) != "" && !r.sign(k+3, "(") && !r.sign(k+3, "<") {
		name = append(name, r.word(k+2))
		k += 2
	}
	if len(name) > 0 {
		r.see(r.tokens[i].line, strings.Join(name, "."), false, r.alternative(k+1))
	}
}
