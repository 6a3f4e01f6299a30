package systemd

import (
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// directive is one Key=value line of a unit or drop-in.
type directive struct {
	section, key, value string
	place               estate.Place
}

// parse lists a file's directives. Control lines of template languages are passed over.
func parse(f discover.File) []directive {
	var out []directive
	section, pending := "", directive{}
	number, open := 0, false
	for line := range strings.Lines(string(f.Data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' || isControl(line) {
			continue
		}
		text, more := strings.CutSuffix(whole(line), `\`)
		switch {
		case open:
			pending.value += " " + strings.TrimSpace(text)
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
			continue
		default:
			key, value, ok := strings.Cut(text, "=")
			if !ok {
				continue
			}
			pending = directive{section: section, key: strings.TrimSpace(key), value: strings.TrimSpace(value), place: estate.Place{File: f.Path, Line: number}}
		}
		if open = more; !open {
			out = append(out, pending)
		}
	}
	if open {
		out = append(out, pending)
	}
	return out
}

// whole takes the blanks out of a template's tags, so that <%= @db %> stays one word.
func whole(line string) string {
	for _, tag := range [][2]string{{"<%", "%>"}, {"{{", "}}"}} {
		if !strings.Contains(line, tag[0]) {
			continue
		}
		var out strings.Builder
		rest := line
		for {
			before, inner, ok := strings.Cut(rest, tag[0])
			inside, after, closed := strings.Cut(inner, tag[1])
			if !ok || !closed {
				out.WriteString(rest)
				break
			}
			out.WriteString(before + tag[0] + strings.ReplaceAll(inside, " ", "") + tag[1])
			rest = after
		}
		line = out.String()
	}
	return line
}

func isControl(line string) bool {
	return strings.HasPrefix(line, "<%") && !strings.HasPrefix(line, "<%=") || strings.HasPrefix(line, "{%") || strings.HasPrefix(line, "{{-") || strings.HasPrefix(line, "{{ if") || strings.HasPrefix(line, "{{ end") || strings.HasPrefix(line, "{#")
}

// isTemplate reports whether a file still has to be rendered.
func isTemplate(f discover.File) bool {
	text := string(f.Data)
	return withoutTemplate(f.Path) != f.Path || strings.Contains(text, "<%") || strings.Contains(text, "{{") || strings.Contains(text, "{%")
}

// withoutTemplate drops the extension of a template language.
func withoutTemplate(p string) string {
	for _, ext := range []string{".erb", ".j2", ".jinja2", ".jinja", ".tmpl", ".tpl", ".template", ".epp"} {
		if rest, ok := strings.CutSuffix(p, ext); ok {
			return rest
		}
	}
	return p
}

// unit is a unit with its drop-ins laid on top.
type unit struct {
	name       string // without suffix and instance
	full       string // without suffix, with its instance: "orders@one", "orders@" for a unit that is started by instance
	instance   string
	kind       string // "service", "socket", "timer"
	dir        string
	file       string
	partial    bool // only drop-ins are known; file is the first of them
	directives []directive
}

// identify takes a unit's file name apart.
func identify(base string) (name, instance, kind string) {
	kind = strings.TrimPrefix(path.Ext(base), ".")
	name = strings.TrimSuffix(base, path.Ext(base))
	name, instance, _ = strings.Cut(name, "@")
	return name, instance, kind
}

// all lists the values of a key in order; an empty one takes back those before it.
func (u *unit) all(section, key string) []directive {
	var out []directive
	for _, d := range u.directives {
		if d.section != section || d.key != key {
			continue
		}
		if d.value == "" {
			out = nil
			continue
		}
		d.value = u.specifiers(d.value)
		out = append(out, d)
	}
	return out
}

// last is the value of a key that holds only one.
func (u *unit) last(section, key string) directive {
	all := u.all(section, key)
	if len(all) == 0 {
		return directive{}
	}
	return all[len(all)-1]
}

// specifiers fills in what is known without a machine: the unit's own names.
func (u *unit) specifiers(value string) string {
	if !strings.Contains(value, "%") {
		return value
	}
	pairs := []string{"%%", "%", "%p", u.name, "%P", u.name, "%N", u.name}
	if u.instance != "" {
		pairs = append(pairs, "%i", u.instance, "%I", u.instance, "%n", u.name+"@"+u.instance+"."+u.kind)
	} else {
		pairs = append(pairs, "%n", u.name+"."+u.kind)
	}
	return strings.NewReplacer(pairs...).Replace(value)
}
