package keys

import (
	"regexp"
	"strings"
)

// javaReads are the idioms of Java, Kotlin, Scala and Groovy.
func javaReads(r *reader, i int) {
	switch w := r.word(i); w {
	case "getenv":
		r.javaEnvironment(i)
	case "sys":
		switch {
		case r.is(i, "sys", ".", "env", "("):
			r.take(i + 4)
		case r.is(i, "sys", ".", "env", ".") && (r.word(i+4) == "get" || r.word(i+4) == "getOrElse") && r.sign(i+5, "("):
			r.take(i + 6)
		}
	case "getProperty", "getRequiredProperty":
		if name, _, _, ok := r.argument(i + 2); r.sign(i+1, "(") && !(ok && ofTheMachine(name)) {
			r.take(i + 2)
		}
	case "getValue", "getOptionalValue", "getConfigValue":
		if r.sign(i+1, "(") && r.configures(i-2) {
			r.take(i + 2)
		}
	case "Value", "ConfigurationProperties", "ConfigMapping", "EachProperty", "ConfigProperty", "Property", "ConditionalOnProperty":
		if r.sign(i-1, "@") || r.sign(i-1, ":") && r.sign(i-3, "@") {
			r.annotation(w, i+1)
		}
	case "bind":
		if r.sign(i+1, "(") && (r.word(i-2) == "binder" || r.sign(i-2, ")")) {
			if t, ok := r.text(i + 2); ok {
				r.below(t.line, t.text)
			}
		}
	default:
		r.hocon(w, i)
	}
}

// javaEnvironment reads System.getenv("X"), System.getenv().get("X") and System.getenv().getOrDefault("X", "y").
func (r *reader) javaEnvironment(i int) {
	switch {
	case r.is(i, "getenv", "(", ")", ".", "get", "("), r.is(i, "getenv", "(", ")", ".", "getOrDefault", "("):
		r.take(i + 6)
	case r.is(i, "getenv", "(", ")", "["):
		r.take(i + 4)
	case r.sign(i+1, "("):
		r.take(i + 2)
	}
}

// ofTheMachine reports whether a Java property describes the machine or the virtual one.
func ofTheMachine(name string) bool {
	head, _, dotted := strings.Cut(name, ".")
	switch head {
	case "java", "user", "os", "file", "line", "sun", "path", "jdk":
		return dotted
	}
	return false
}

var configWord = regexp.MustCompile(`(?i)^_?(?:app_?|my_?|the_?|base_?|root_?)?(?:conf|config|cfg|configuration|settings|config_?service|config_?provider|environment)$`)

// configures reports whether the word at i, or the call that ends there, is called like something that holds configuration.
func (r *reader) configures(i int) bool {
	if r.sign(i, ")") {
		for i--; i > 0 && !r.sign(i, "("); i-- {
		}
		return strings.Contains(strings.ToLower(r.word(i-1)), "config")
	}
	return configWord.MatchString(r.word(i))
}

var hoconCalls = map[string]bool{"getString": true, "getInt": true, "getLong": true, "getBoolean": true, "getDouble": true, "getDuration": true, "getStringList": true, "getIntList": true, "getBytes": true, "hasPath": true, "getAnyRef": true, "getNumber": true}

// hocon reads config.getString("a.b") and config.getConfig("a").
func (r *reader) hocon(w string, i int) {
	if !r.sign(i+1, "(") || !r.sign(i-1, ".") || !r.configures(i-2) {
		return
	}
	switch {
	case hoconCalls[w]:
		r.take(i + 2)
	case w == "getConfig":
		if t, ok := r.text(i + 2); ok {
			r.below(t.line, t.text)
		}
	}
}

// annotation reads those that bind keys: below a prefix, or one by its name.
func (r *reader) annotation(name string, i int) {
	if !r.sign(i, "(") {
		return
	}
	args := r.named(i + 1)
	line := r.tokens[i].line
	switch name {
	case "Value":
		return // its placeholders are found with all others
	case "ConfigProperty", "Property":
		f := fallback{}
		if d, ok := args["defaultValue"]; ok {
			f = fallback{true, d}
		}
		r.see(line, args["name"], false, f)
	case "ConditionalOnProperty":
		for _, key := range []string{args["name"], args["value"], args[""]} {
			if key != "" {
				r.see(line, strings.TrimPrefix(strings.TrimSuffix(args["prefix"], ".")+"."+key, "."), false, computed)
				return
			}
		}
	default:
		for _, key := range []string{args["prefix"], args["value"], args[""]} {
			if key != "" {
				r.below(line, key)
				return
			}
		}
	}
}

// named are the texts among an annotation's arguments, by their names; "" is that of one without.
func (r *reader) named(i int) map[string]string {
	out := map[string]string{}
	for end := r.closing(i); i < end; {
		name := ""
		if r.word(i) != "" && r.sign(i+1, "=") {
			name = r.word(i)
			i += 2
		}
		for r.sign(i, "{") || r.sign(i, "[") {
			i++
		}
		if value, open, _, ok := r.argument(i); ok && !open {
			out[name] = value
		}
		i = r.comma(i) + 1
		for r.sign(i, ",") || r.sign(i, "}") {
			i++
		}
	}
	return out
}

var springKey = regexp.MustCompile(`\$\{([A-Za-z_][\w.\[\]-]*)([:}])`)

// placeholders reads those of Spring, in the texts of annotations: @Value("${a.b:c}"), @FeignClient(url = "${a.b}").
func placeholders(r *reader, i int) {
	t := r.tokens[i]
	if !strings.Contains(t.text, "${") || !r.inAnnotation(i) {
		return
	}
	for _, g := range springKey.FindAllStringSubmatchIndex(t.text, 8) {
		f := fallback{}
		if t.text[g[4]] == ':' {
			f = computed
			if rest, _, ok := strings.Cut(t.text[g[5]:], "}"); ok && !strings.Contains(rest, "{") {
				f = fallback{true, rest}
			}
		}
		r.see(t.line, t.text[g[2]:g[3]], false, f)
	}
}

// inAnnotation reports whether the token at i is among the arguments of an annotation.
func (r *reader) inAnnotation(i int) bool {
	depth := 0
	for k := i - 1; k >= 0 && k > i-maxCall; k-- {
		if r.tokens[k].kind != sign {
			continue
		}
		switch r.tokens[k].text {
		case ")", "}", "]":
			depth++
		case "{", "[":
			depth = max(depth-1, 0)
		case ";":
			return false
		case "(":
			if depth > 0 {
				depth--
				continue
			}
			m := k - 1
			for r.word(m) != "" && r.sign(m-1, ".") {
				m -= 2
			}
			if r.word(m) != "" && (r.sign(m-1, "@") || r.sign(m-1, ":") && r.sign(m-3, "@")) {
				return true
			}
		}
	}
	return false
}
