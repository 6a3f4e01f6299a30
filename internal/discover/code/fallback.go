package code

import (
	"regexp"
	"strings"

	"example.org/caravan/internal/estate"
)

// textLiteral is a literal in any of the quotes, or a port's number; its content is the one group that matches.
const textLiteral = "(?:\"([^\"]*)\"|'([^']*)'|`([^`]*)`|(\\d{2,5})\\b)"

// fallback is one way in which languages read a variable, perhaps with a default: the name is in the first group that
// matched among the names, the default in those that follow.
type fallback struct {
	hints   []string
	only    *language // nil for all
	pattern *regexp.Regexp
}

var (
	orElse = `(?:\s*(?:\|\||\?\?|\?:|or)\s*` + textLiteral + `)?`

	fallbacks = []fallback{
		{hints: []string{"process.env", "meta.env"}, pattern: regexp.MustCompile(`(?:process|import\.meta)\.env(?:\.(\w+)|\[["'](\w+)["']\])` + orElse)},
		{hints: []string{"environ"}, pattern: regexp.MustCompile(`environ(?:\.get\(\s*|\[)["'](\w+)["']()\s*(?:,\s*(?:default\s*=\s*)?` + textLiteral + `|[)\]]` + orElse + `)?`)},
		{hints: []string{"EnvironmentVariable"}, pattern: regexp.MustCompile(`GetEnvironmentVariable\(\s*["'](\w+)["']()[^)]*\)` + orElse)},
		{hints: []string{"ENV"}, pattern: regexp.MustCompile(`\b\$?_?ENV(?:\.fetch\(\s*|\[)["'](\w+)["']()\s*[\])]?(?:\s*(?:,|\|\||\?\?|\?:)\s*|\s*\{\s*)?` + textLiteral + `?`)},
		{hints: []string{"env::var"}, pattern: regexp.MustCompile(`env::var\(\s*"(\w+)"()\s*\)(?:\.(?:unwrap_or|unwrap_or_else|or_else)\([^"]*` + textLiteral + `)?`)},
		{hints: []string{"getenv()", "System.getenv("}, pattern: regexp.MustCompile(`getenv\(\)\.getOrDefault\(\s*"(\w+)"()\s*,\s*` + textLiteral)},
		{hints: []string{"env", "Env", "ENV", "roperty("}, pattern: regexp.MustCompile(`\b(?:\w+\.)*(?i:\w*get_?env\w*|env_?or\w*|env_?default|env_?get|lookup_?env|fetch_env!?|env|env\.(?:get|str|url|fetch|getorelse)|getproperty)\(\s*["'](\w+(?:\.\w+)*)["']()\s*(?:,\s*(?:default\s*=\s*)?` +
			textLiteral + `|\)+(?:\.orElse\(\s*` + textLiteral + `|` + orElse + `))?`)},
		{hints: []string{"config("}, only: python, pattern: regexp.MustCompile(`\bconfig\(\s*["']([A-Z][A-Z0-9_]+)["']()\s*,\s*default\s*=\s*` + textLiteral)},
		{hints: []string{"env:", "envconfig:"}, only: goLike, pattern: regexp.MustCompile(`\b(?:env|envconfig):"(\w+)[^"]*"()(?:.*\b(?:envDefault|env-default|default):"([^"]*)")?()()`)},
		{hints: []string{"@Value"}, pattern: regexp.MustCompile(`@Value\(\s*(?:value\s*=\s*)?["']\\?\$\{([\w.-]+)()(?::([^}"]*))?\}()()`)},
		{hints: []string{"ConfigProperty"}, pattern: regexp.MustCompile(`@ConfigProperty\(\s*name\s*=\s*"([\w.-]+)"()(?:\s*,\s*defaultValue\s*=\s*` + textLiteral + `)?`)},
		{hints: []string{":-", ":="}, only: shell, pattern: regexp.MustCompile(`\$\{(\w+)():[-=]([^}]*)\}()()`)},
	}

	assigned     = regexp.MustCompile(`([A-Za-z_]\w*)["']?\s*(?::\s*[\w.?<>]+\s*)?(?::=|=|:)\s*[^=:]*$`)
	destructured = regexp.MustCompile(`\{([^}]*)\}\s*=\s*process\.env\b`)
	defaulted    = regexp.MustCompile(`(\w+)(?:\s*:\s*\w+)?\s*=\s*` + textLiteral)
)

// unspoken are variables that never name anybody.
var unspoken = map[string]bool{"NODE_ENV": true, "HOME": true, "PATH": true, "PWD": true, "USER": true, "TZ": true, "LANG": true, "DEBUG": true, "CI": true, "RAILS_ENV": true, "BUNDLE_GEMFILE": true}

// fallbacks reports the variables a line reads, with their defaults, and returns the line without them: a default counts
// only while nothing is configured, so it must not be taken for an address in use.
func (s *source) fallbacks(text string) string {
	for _, g := range destructured.FindAllStringSubmatch(text, 1) {
		for _, d := range defaulted.FindAllStringSubmatch(g[1], 16) {
			s.variable(d[1], d[2]+d[3]+d[4]+d[5])
		}
		text = strings.Replace(text, g[1], "", 1)
	}
	for _, f := range fallbacks {
		if f.only != nil && f.only != s.lexer.language || !containsAny(text, f.hints) {
			continue
		}
		if replaced := s.replaceFallbacks(text, f.pattern); f.only != shell {
			text = replaced // a shell's placeholder is its own reading
		}
	}
	return text
}

// standIn begins the name that takes the place of a variable's reading in a line, so that what is put together with it is
// understood as with any other constant.
const standIn = "VARIABLE_"

// maxFallbacks bounds how many variables one line may read.
const maxFallbacks = 16

func (s *source) replaceFallbacks(text string, pattern *regexp.Regexp) string {
	found := pattern.FindAllStringSubmatchIndex(text, maxFallbacks)
	if found == nil {
		return text
	}
	var rest strings.Builder
	from := 0
	for _, at := range found {
		name := firstGroup(text, at[2:6])
		value := firstGroup(text, at[6:])
		rest.WriteString(text[from:at[0]])
		from = at[1]
		if name == "" || unspoken[name] || ofTheMachine(name) {
			continue
		}
		s.variable(name, value)
		reference := "${" + name
		if value != "" {
			reference += ":" + value
		}
		s.bind(text[:at[0]], reference+"}")
		s.define(standIn+name, reference+"}")
		rest.WriteString(standIn + name)
	}
	return rest.String() + text[from:]
}

// ofTheMachine reports whether a Java property describes the machine or the virtual one.
func ofTheMachine(name string) bool {
	head, _, dotted := strings.Cut(name, ".")
	return dotted && (head == "java" || head == "user" || head == "os" || head == "file" || head == "line" || head == "sun")
}

func (s *source) variable(name, value string) {
	if len(value) <= maxDefault {
		s.see(estate.CodeFallback, name+"="+value)
	}
}

// maxDefault bounds the defaults that are kept: a longer one is no address.
const maxDefault = 512

// bind remembers that what is assigned here stands for a variable.
func (s *source) bind(before, reference string) {
	if g := assigned.FindStringSubmatch(before); g != nil {
		s.define(g[1], reference)
	}
}

// firstGroup is the text of the first group that matched something.
func firstGroup(text string, at []int) string {
	for i := 0; i+1 < len(at); i += 2 {
		if at[i] >= 0 && at[i] < at[i+1] {
			return text[at[i]:at[i+1]]
		}
	}
	return ""
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

var constantText = regexp.MustCompile(`\b([A-Za-z_]\w*)["']?\s*(?::\s*[\w.]+\s*)?(:=|=|:)\s*["'` + "`" + `]([^"'` + "`" + `\s]{2,200})["'` + "`" + `]`)

var constantPort = regexp.MustCompile(`(?i)\b(\w*port\w*)\s*(?::\s*\w+\s*)?(?::=|=|:)\s*(\d{2,5})\b`)

// remember keeps string constants, from which other lines put addresses together. The fields of an object are not
// constants, unless they are written like one.
func (s *source) remember(text string) {
	for _, g := range constantText.FindAllStringSubmatch(text, 8) {
		if !strings.ContainsAny(g[3], "{}$%") && (g[2] != ":" || capital(g[1])) {
			s.define(g[1], g[3])
		}
	}
	for _, g := range constantPort.FindAllStringSubmatch(text, 2) {
		s.define(g[1], g[2])
	}
}

// capital reports whether a name is written as constants are.
func capital(name string) bool { return name == strings.ToUpper(name) }

// maxConstants bounds what is remembered of one file.
const maxConstants = 1000

// define remembers what a name stands for. A name that is given two texts stands for neither.
func (s *source) define(name, value string) {
	if s.constants == nil {
		s.constants = map[string]string{}
	}
	if old, ok := s.constants[name]; ok && old != value {
		value = ""
	}
	if len(s.constants) < maxConstants {
		s.constants[name] = value
	}
}
