package keys

import (
	"regexp"
	"slices"
	"strings"
)

var (
	shellUse    = regexp.MustCompile(`\$(?:([A-Z][A-Z0-9_]*)\b|\{!?([A-Z][A-Z0-9_]*)(:?[-=?+][^{}]*|[#%/^,@][^{}]*)?\})`)
	shellGiven  = regexp.MustCompile(`(?:^|[\s;&|(]|\bexport\s|\blocal\s|\bdeclare\s|\breadonly\s)([A-Z][A-Z0-9_]*)\+?=`)
	shellRead   = regexp.MustCompile(`\b(?:read(?:\s+-\w+)*|mapfile(?:\s+-\w+)*|readarray(?:\s+-\w+)*|for|getopts\s+\S+)((?:\s+[A-Za-z_]\w*)+)`)
	shellHere   = regexp.MustCompile(`<<-?\s*(['"\\]?)([A-Za-z_]\w*)`)
	shellQuoted = regexp.MustCompile(`'[^']*'`)
)

// ofShells are variables that shells have by themselves.
var ofShells = map[string]bool{"PATH": true, "HOME": true, "PWD": true, "OLDPWD": true, "IFS": true, "USER": true, "UID": true, "EUID": true, "GROUPS": true, "HOSTNAME": true, "SHELL": true, "RANDOM": true, "SECONDS": true, "LINENO": true,
	"PPID": true, "OPTARG": true, "OPTIND": true, "REPLY": true, "FUNCNAME": true, "PIPESTATUS": true, "TERM": true, "TMPDIR": true, "LANG": true, "COLUMNS": true, "LINES": true, "SHLVL": true, "OSTYPE": true, "LOGNAME": true, "EDITOR": true, "PS1": true, "EPOCHSECONDS": true}

// shell reads the capital names of a script that it does not set itself.
func (r *reader) shell(src string) {
	own := map[string]bool{}
	var uses []shellKey
	quotedHere, until := false, ""
	number := 0
	for line := range strings.Lines(src) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if until != "" {
			if strings.TrimSpace(line) == until {
				until = ""
			} else if !quotedHere {
				uses = shellUses(uses, line, number)
			}
			continue
		}
		if len(line) > maxLine || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		code := uncommented(line)
		if strings.Contains(code, "<<") {
			if g := shellHere.FindStringSubmatch(code); g != nil {
				quotedHere, until = g[1] != "", g[2]
			}
		}
		code = withoutSingle(code)
		shellOwn(own, code)
		uses = shellUses(uses, code, number)
	}
	for _, u := range uses {
		if !own[u.name] && !ofShells[u.name] && !strings.HasPrefix(u.name, "BASH") {
			r.see(u.line, u.name, false, u.fallback)
		}
	}
}

// shellOwn notes the names that a line sets.
func shellOwn(own map[string]bool, code string) {
	if strings.Contains(code, "=") {
		for _, g := range shellGiven.FindAllStringSubmatch(code, 16) {
			if !strings.Contains(code, "${"+g[1]) && !strings.Contains(code, "$"+g[1]) {
				own[g[1]] = true // X=${X:-y} still reads it
			}
		}
	}
	if !containsAny(code, "read", "for", "getopts", "mapfile") {
		return
	}
	for _, g := range shellRead.FindAllStringSubmatch(code, 4) {
		for _, name := range strings.Fields(g[1]) {
			own[name] = true
		}
	}
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// maxLine bounds the lines that are looked at.
const maxLine = 5000

type shellKey struct {
	name string
	line int
	fallback
}

func shellUses(uses []shellKey, code string, line int) []shellKey {
	if !strings.Contains(code, "$") {
		return uses
	}
	for _, g := range shellUse.FindAllStringSubmatch(code, 32) {
		u := shellKey{name: g[1] + g[2], line: line}
		if op := strings.TrimPrefix(g[3], ":"); op != "" {
			switch op[0] {
			case '-', '=':
				u.fallback = fallback{true, strings.Trim(op[1:], `"'`)}
			case '+':
				u.fallback = computed
			}
		}
		uses = append(uses, u)
	}
	return uses
}

// withoutSingle is code without its texts in single quotes, in which nothing is filled in; those within double quotes are.
func withoutSingle(code string) string {
	if strings.Contains(code, `"`) {
		return code
	}
	return shellQuoted.ReplaceAllString(code, "''")
}

// uncommented is a line up to its comment.
func uncommented(line string) string {
	var in byte
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case in == 0 && (c == '"' || c == '\''):
			in = c
		case c == in:
			in = 0
		case in == 0 && c == '#' && i > 0 && (line[i-1] == ' ' || line[i-1] == '\t'):
			return line[:i]
		}
	}
	return line
}

var templateUses = []*regexp.Regexp{
	regexp.MustCompile(`ENV(?:\.fetch\(\s*|\[)["'](\w+)["']\s*[\])]?(?:(?:\s*,\s*|\s*\|\|\s*|\s*\)?\s*\{\s*)(?:["']([^"']*)["']|(\d+)))?`),
	regexp.MustCompile(`\{\{-?\s*(?:\(?\s*)?\.Env\.(\w+)`),
	regexp.MustCompile(`\{\{-?[^}]*\b(?:env|getenv|mustEnv)\s+"(\w+)"(?:\s+"([^"]*)")?`),
	regexp.MustCompile(`lookup\(\s*'env'\s*,\s*'(\w+)'\s*\)`),
	regexp.MustCompile(`\{\{-?[^}]*\b(?:key|keyOrDefault)\s+"([\w/.-]+)"(?:\s+"([^"]*)")?`),
}

// template reads a file that is filled in where it runs: from the environment, or from keys of Consul.
func (r *reader) template(src string) {
	number := 0
	for line := range strings.Lines(src) {
		number++
		if len(line) > maxLine || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, form := range templateUses {
			for _, g := range form.FindAllStringSubmatchIndex(line, 8) {
				f := fallback{}
				for k := 4; k+1 < len(g); k += 2 {
					if g[k] >= 0 {
						f = fallback{true, line[g[k]:g[k+1]]}
					}
				}
				r.see(number, line[g[2]:g[3]], false, f)
			}
		}
		if r.ext == ".template" || r.ext == ".tmpl" && !strings.Contains(src, "{{") {
			for _, u := range shellUses(nil, line, number) {
				if strings.Contains(line, "${"+u.name) {
					r.see(u.line, u.name, false, u.fallback)
				}
			}
		}
	}
}
