package syntax

import (
	"strconv"
	"strings"
)

// INI parses sections of "key = value" or "key: value" lines; Key is "section.key". Comments start a line with # or ;, or
// follow a value after a blank. Indented lines go on with the value above, as Python's configparser reads them.
func INI(data []byte) ([]Entry, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Text: "larger than " + strconv.Itoa(MaxBytes>>20) + " MiB"}
	}
	var out []Entry
	var bad *Error
	section := ""
	for s := newLines(data); s.next(); {
		line := strings.TrimSpace(s.text)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			name, _, ok := strings.Cut(line[1:], "]")
			if !ok && bad == nil {
				bad = &Error{Line: s.number, Text: "a section's name does not end"}
			}
			section = strings.Trim(strings.TrimSpace(name), `"`)
			continue
		}
		i := strings.IndexAny(line, "=:")
		if i > 0 && strings.HasPrefix(line[i:], "://") {
			i = -1
		}
		indented := s.text[0] == ' ' || s.text[0] == '\t'
		switch {
		case i > 0:
			key := strings.TrimSpace(line[:i])
			if section != "" {
				key = section + "." + key
			}
			out = append(out, Entry{Key: key, Value: iniValue(line[i+1:]), Line: s.number})
		case indented && len(out) > 0:
			last := &out[len(out)-1]
			last.Value = strings.TrimSpace(last.Value + "\n" + line)
		case bad == nil:
			bad = &Error{Line: s.number, Text: "neither a section nor key = value"}
		}
	}
	if bad != nil {
		return out, bad
	}
	return out, nil
}

func iniValue(v string) string {
	v = strings.TrimSpace(v)
	if len(v) > 1 && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 {
			return v[1 : end+1]
		}
	}
	for _, mark := range []string{" #", " ;", "\t#", "\t;"} {
		if i := strings.Index(v, mark); i >= 0 {
			v = v[:i]
		}
	}
	return strings.TrimSpace(v)
}
