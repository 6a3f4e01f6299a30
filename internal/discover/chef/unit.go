package chef

import (
	"path"
	"strings"

	"example.org/caravan/internal/discover/process"
	"example.org/caravan/internal/estate"
)

// emitUnitFile reports how a unit that a template renders keeps its process. The subject is the host, and the layer
// names the unit: whose process it is only shows when all names are joined.
func (b *bearer) emitUnitFile(in *interpreter, target, file, text string) {
	unit, ok := unitName(target)
	if !ok {
		return
	}
	b.emitUnitName(unit, target, estate.Place{File: file})
	for _, l := range serviceLines(text) {
		filled, _, whole := in.fill(l.text)
		key, value, ok := strings.Cut(filled, "=")
		if ok && whole {
			b.emitDirective(unit, strings.TrimSpace(key), strings.TrimSpace(value), estate.Place{File: file, Line: l.number})
		}
	}
}

// emitUnit reports a unit that a systemd_unit resource spells out, as a table of sections or as the text of the file.
func (b *bearer) emitUnit(f fact) {
	name, known := b.text(f.vars["name"])
	unit, ok := unitName(name)
	content := b.follow(f.value)
	if !known || !ok || content == nil {
		return
	}
	b.emitUnitName(unit, name, content.place)
	if content.shape == table {
		service := b.follow(content.at("Service"))
		service.each("", never, func(key string, v *value) {
			if s, ok := b.text(v); ok {
				key, _, _ = strings.Cut(key, "[")
				b.emitDirective(unit, key, s, v.place)
			}
		})
		return
	}
	text, _ := b.text(content)
	for _, l := range serviceLines(text) {
		if key, value, ok := strings.Cut(l.text, "="); ok && !strings.Contains(value, "#{") {
			b.emitDirective(unit, strings.TrimSpace(key), strings.TrimSpace(value), content.place)
		}
	}
}

// emitUnitName reports what the unit is called on the machine. One that is started by instance keeps its "@".
func (b *bearer) emitUnitName(unit, target string, at estate.Place) {
	name := unit
	if strings.Contains(path.Base(target), "@") {
		name += "@"
	}
	b.see(estate.Sighting{Fact: estate.Process, Key: estate.ProcessUnit, Value: name, Layer: "unit[" + unit + "]", Place: at})
}

func (b *bearer) emitDirective(unit, key, value string, at estate.Place) {
	for _, t := range process.OfUnit(key, value) {
		b.see(estate.Sighting{Fact: estate.Process, Key: t.Key, Value: t.Value, Layer: "unit[" + unit + "]", Place: at})
	}
}

// unitName is the name of the service whose unit a path leads to: "orders" for /etc/systemd/system/orders.service.
func unitName(target string) (string, bool) {
	name, ok := strings.CutSuffix(strings.TrimSuffix(path.Base(target), ".erb"), ".service")
	name, _, _ = strings.Cut(name, "@")
	return name, ok && name != "" && !strings.Contains(name, "#{")
}

// unitLine is a line of a unit with what it is continued by, under the number of the first.
type unitLine struct {
	text   string
	number int
}

// serviceLines are the lines of a unit's [Service] section.
func serviceLines(text string) []unitLine {
	var out []unitLine
	number, inside, open := 0, false, false
	for row := range strings.Lines(text) {
		number++
		row = strings.TrimSpace(row)
		if row == "" || len(row) > maxLine || row[0] == '#' || row[0] == ';' {
			continue
		}
		row, more := strings.CutSuffix(row, `\`)
		switch {
		case open:
			out[len(out)-1].text += row
		case row != "" && row[0] == '[':
			inside = row == "[Service]"
		case inside:
			out = append(out, unitLine{row, number})
		}
		open = more && inside
	}
	return out
}
