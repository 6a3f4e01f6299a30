package conformance

import (
	"slices"
	"strconv"
	"strings"
)

// unit is a systemd unit: settings in order, each with its values in order.
type unit map[string][]string

func (m machine) unit(t judge, name string) unit {
	t.Helper()
	f, ok := m.files["/etc/systemd/system/"+name+".service"]
	if !ok {
		t.Fatalf("no unit %s is on the machine", name)
	}
	return unitOf(f.text)
}

// unitOf reads a unit by systemd.syntax(7).
func unitOf(text string) unit {
	u := unit{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && key[0] != '#' && key[0] != ';' {
			u[key] = append(u[key], value)
		}
	}
	return u
}

func (u unit) all(key string) []string { return u[key] }

func (u unit) one(key string) string {
	if len(u[key]) == 0 {
		return ""
	}
	return u[key][0]
}

func (u unit) has(key, word string) bool { return slices.Contains(strings.Fields(u.one(key)), word) }

// words reads a command line by systemd.service(5), "Command lines": the quotes and escapes, then %% and $$.
func (u unit) words(key string) []string {
	var out []string
	for _, w := range unquoted(u.one(key)) {
		out = append(out, strings.NewReplacer("%%", "%", "$$", "$").Replace(w))
	}
	return out
}

// unquoted splits a line into words as systemd does: quotes are taken off, and the escapes of C are read.
func unquoted(line string) []string {
	var out []string
	var word []byte
	open, quote := false, byte(0)
	end := func() {
		if open {
			out = append(out, string(word))
		}
		word, open = nil, false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, open = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			end()
		case c == '\\' && i+1 < len(line):
			read, n := escape(line[i+1:])
			word, open = append(word, read...), true
			i += n
		default:
			word, open = append(word, c), true
		}
	}
	end()
	return out
}

// escape reads what follows a backslash, and how long that is.
func escape(s string) (string, int) {
	if i := strings.IndexByte("abfnrtvs", s[0]); i >= 0 {
		return "\a\b\f\n\r\t\v "[i : i+1], 1
	}
	if s[0] == 'x' && len(s) > 2 {
		if n, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
			return string([]byte{byte(n)}), 3
		}
	}
	if s[0] >= '0' && s[0] <= '7' && len(s) > 2 {
		if n, err := strconv.ParseUint(s[:3], 8, 8); err == nil {
			return string([]byte{byte(n)}), 3
		}
	}
	return s[:1], 1
}

const blanks = " \t\n\r"

// environmentFile reads variables by systemd.exec(5), "EnvironmentFile=".
func environmentFile(text string) map[string]string {
	out := map[string]string{}
	for rest := text; rest != ""; {
		rest = strings.TrimLeft(rest, blanks)
		if rest == "" {
			break
		}
		if rest[0] == '#' || rest[0] == ';' {
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		end := strings.IndexAny(rest, "=\n\r")
		if end < 0 {
			break
		}
		key := strings.TrimRight(rest[:end], blanks)
		if rest[end] != '=' {
			rest = rest[end+1:]
			continue
		}
		out[key], rest = value(rest[end+1:])
	}
	return out
}

// value reads one value of an environment file up to the end of its line, and what is after it. Quotes may begin only where nothing
// but other quotes has been.
func value(s string) (string, string) {
	var out []byte
	bare, kept := false, 0 // outside quotes; how much of out no blank at its end is cut from
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\n' || c == '\r':
			return finish(out, kept), s[i+1:]
		case !bare && (c == '"' || c == '\''):
			text, n := inQuotes(s[i+1:], c)
			out, i = append(out, text...), i+n
			kept = len(out)
		case c == '\\' && i+1 < len(s):
			i++
			bare = true
			if s[i] != '\n' && s[i] != '\r' {
				out = append(out, s[i])
			}
			kept = len(out)
		case !bare && strings.IndexByte(blanks, c) >= 0:
		default:
			bare = true
			out = append(out, c)
		}
	}
	return finish(out, kept), ""
}

// finish cuts blanks off the end of a value, but none that were quoted.
func finish(out []byte, kept int) string {
	return string(out[:kept]) + strings.TrimRight(string(out[kept:]), blanks)
}

// inQuotes reads up to the closing quote; n is where that is, counted from the opening one.
func inQuotes(s string, quote byte) (text string, n int) {
	var out []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return string(out), i + 1
		case c == '\\' && quote == '"' && i+1 < len(s):
			i++
			if s[i] != '\n' {
				if strings.IndexByte("\"\\`$", s[i]) < 0 {
					out = append(out, '\\')
				}
				out = append(out, s[i])
			}
		default:
			out = append(out, c)
		}
	}
	return string(out), len(s)
}

// bytesOf reads a size as systemd does, where M is 2^20.
func bytesOf(t judge, text string) int64 {
	t.Helper()
	digits := strings.TrimRight(text, "KMGT")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if unit := text[len(digits):]; unit != "" {
		n <<= 10 * (strings.Index("KMGT", unit) + 1)
	}
	return n
}

// thousandthsOf reads a CPUQuota.
func thousandthsOf(t judge, text string) int64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(n*10 + 0.5)
}
