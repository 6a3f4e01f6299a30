package syntax

import (
	"strconv"
	"strings"
)

// Dialect says whose rules an env file follows.
type Dialect int

// The dialects. They differ in quotes, escapes and comments.
const (
	EnvShell   Dialect = iota // export, quotes anywhere, # after a blank
	EnvCompose                // quotes around the value, # after a blank
	EnvSystemd                // quotes, a backslash at the end goes on, # and ; only at the start
)

// Env parses NAME=value lines. Lines that are something else are passed over; the first of them is the error.
func Env(data []byte, d Dialect) ([]Entry, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Text: "larger than " + strconv.Itoa(MaxBytes>>20) + " MiB"}
	}
	var out []Entry
	var bad *Error
	for s := newLines(data); s.next(); {
		line, at := strings.TrimSpace(s.text), s.number
		if line == "" || line[0] == '#' || d == EnvSystemd && line[0] == ';' {
			continue
		}
		for d != EnvCompose && continues(line) && s.next() {
			line = line[:len(line)-1] + strings.TrimSpace(s.text)
		}
		line = strings.TrimPrefix(line, "export ")
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !isName(name) {
			if bad == nil {
				bad = &Error{Line: at, Text: "not NAME=value"}
			}
			continue
		}
		out = append(out, Entry{Key: name, Value: envValue(strings.TrimSpace(value), d), Line: at})
	}
	if bad != nil {
		return out, bad
	}
	return out, nil
}

// isName accepts what environments and their templates use as names.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && c != '.' && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func envValue(v string, d Dialect) string {
	if v == "" {
		return v
	}
	if v[0] == '\'' || v[0] == '"' {
		if end := closingQuote(v); end > 0 {
			inner := v[1:end]
			if v[0] == '"' {
				inner = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\$`, `$`).Replace(inner)
			}
			return inner
		}
	}
	if d != EnvSystemd {
		if i := strings.Index(v, " #"); i >= 0 {
			v = strings.TrimSpace(v[:i])
		}
	}
	if d == EnvShell {
		v, _, _ = strings.Cut(v, "; ")
		v = strings.TrimSuffix(v, ";")
	}
	return v
}

func closingQuote(v string) int {
	for i := 1; i < len(v); i++ {
		switch {
		case v[i] == '\\' && v[0] == '"':
			i++
		case v[i] == v[0]:
			return i
		}
	}
	return -1
}
