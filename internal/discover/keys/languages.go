package keys

// language says how a language writes comments and texts, and which idioms it reads keys by.
type language struct {
	line        []string
	blocks      [][2]string
	triple      bool            // three quotes hold a text over lines
	backtick    bool            // backticks hold texts
	lifetimes   bool            // an apostrophe may stand alone
	dollarTexts bool            // texts of C#: $"…", @"…"
	longTexts   bool            // all texts may go over lines
	prefixes    string          // letters that may stand before a text
	opener      map[byte]string // what opens an expression within a text, by its quote
	hints       [][]byte        // without one of these a file reads nothing
	prepare     func(*reader, int)
	texts       func(*reader, int) // looks at a text
	read        func(*reader, int) // looks at a word or sign; nil for shells
}

// prefixed reports whether a word is what may stand before a text, rather than a word of its own.
func (l *language) prefixed(w string) bool {
	if l.prefixes == "" || len(w) > 2 {
		return false
	}
	for i := 0; i < len(w); i++ {
		found := false
		for k := 0; k < len(l.prefixes); k++ {
			found = found || w[i] == l.prefixes[k]
		}
		if !found {
			return false
		}
	}
	return true
}

func hints(all ...string) [][]byte {
	var out [][]byte
	for _, h := range all {
		out = append(out, []byte(h))
	}
	return out
}

var (
	slashes = [][2]string{{"/*", "*/"}}

	java = &language{line: []string{"//"}, blocks: slashes, triple: true, texts: placeholders, read: javaReads,
		hints: hints("getenv", "@Value", "roperties", "roperty", "ConfigMapping", "${", "onfig", "onf.get", "sys.env", "env(", "env.", "Env(", "ENV")}
	kotlin = &language{line: []string{"//"}, blocks: slashes, triple: true, opener: map[byte]string{'"': "$"}, texts: placeholders, read: javaReads, hints: java.hints}
	scala  = &language{line: []string{"//"}, blocks: slashes, triple: true, prefixes: "sf", read: javaReads, hints: java.hints}
	golang = &language{line: []string{"//"}, blocks: slashes, backtick: true, texts: goTags, prepare: goPrepare, read: goReads,
		hints: hints("Getenv", "LookupEnv", "env:", "nvconfig", "nvPrefix", "nv(", "nvOr", "env.", "Env.", "viper", "koanf", "ENV")}
	script = &language{line: []string{"//"}, blocks: append([][2]string{{"<!--", "-->"}}, slashes...), backtick: true, opener: map[byte]string{'`': "${"}, read: scriptReads,
		hints: hints("env", "Env", "ENV", "onfig")}
	python = &language{line: []string{"#"}, triple: true, prefixes: "rRbBuUfF", read: pythonReads,
		hints: hints("env", "Env", "ENV", "config(", "BaseSettings", "onfigParser", "_load")}
	ruby = &language{line: []string{"#"}, blocks: [][2]string{{"=begin", "=end"}}, backtick: true, opener: map[byte]string{'"': "#{", '`': "#{"}, read: rubyReads,
		hints: hints("ENV", "env", "Settings.")}
	php = &language{line: []string{"//", "#"}, blocks: append([][2]string{{"<!--", "-->"}}, slashes...), opener: map[byte]string{'"': "{$"}, longTexts: true, read: phpReads,
		hints: hints("env", "_ENV", "_SERVER")}
	csharp = &language{line: []string{"//"}, blocks: slashes, triple: true, dollarTexts: true, read: csharpReads,
		hints: hints("EnvironmentVariable", "onfig", "GetSection")}
	rust = &language{line: []string{"//"}, blocks: slashes, lifetimes: true, longTexts: true, prefixes: "rb", read: rustReads,
		hints: hints("env", "onfig")}
	perl = &language{line: []string{"#"}, blocks: [][2]string{{"=pod", "=cut"}, {"=head", "=cut"}}, opener: map[byte]string{'"': "$"}, longTexts: true, read: perlReads,
		hints: hints("ENV", "conf", "settings")}
	elixir = &language{line: []string{"#"}, triple: true, opener: map[byte]string{'"': "#{"}, read: func(*reader, int) {}, hints: hints("env")}
	shell  = &language{hints: [][]byte{[]byte("$")}}
)

// languages are those whose files are read, by their endings.
var languages = map[string]*language{
	".java": java, ".kt": kotlin, ".kts": kotlin, ".scala": scala, ".groovy": java, ".go": golang, ".cs": csharp, ".vb": {line: []string{"'"}, read: csharpReads, hints: csharp.hints},
	".js": script, ".mjs": script, ".cjs": script, ".ts": script, ".jsx": script, ".tsx": script, ".vue": script, ".svelte": script,
	".py": python, ".rb": ruby, ".rs": rust, ".php": php, ".ex": elixir, ".exs": elixir, ".sh": shell, ".bash": shell, ".pl": perl,
}
