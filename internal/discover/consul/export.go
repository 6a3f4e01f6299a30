package consul

import (
	"encoding/base64"
	"path"
	"strings"
	"unicode/utf8"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isExport recognises what `consul kv export` writes and the API's answer to a recursive read.
func isExport(f discover.File) bool {
	return f.Ext() == ".json" && startsWith(f, '[') && (holds(f, `"key"`, `"value"`, `"flags"`) || holds(f, `"Key"`, `"Value"`, `"ModifyIndex"`))
}

// owned are the first parts of keys under which every service has a folder.
var owned = map[string]bool{"config": true, "configuration": true, "service": true, "services": true, "app": true, "apps": true, "applications": true}

func (p *page) export(f discover.File) {
	other, line := 0, 0
	items := p.parse(f).Items
	encoded := allEncoded(items)
	for _, item := range items {
		key := get(item, "key", "Key")
		value, ok := decode(get(item, "value", "Value").Value, encoded)
		parts := strings.Split(strings.Trim(key.Value, "/"), "/")
		switch {
		case strings.HasSuffix(key.Value, "/") || value == "" && ok: // a folder
		case !ok:
			p.report.Doubt(estate.Unsupported, p.place(key.Line), "the value is not text; leave it out of the export if it is no configuration")
		case len(parts) < 2 || !owned[parts[0]]:
			if other++; line == 0 {
				line = key.Line
			}
		default:
			p.entry(parts[1:], value, key.Line)
		}
	}
	if other > 0 {
		p.report.Doubt(estate.Unsupported, p.place(line), "keys outside config/ and service/ do not say whose they are; name their owner in the workspace if they are configuration")
	}
}

// allEncoded reports whether every value is base64, as Consul itself writes them; other tools write them plain.
func allEncoded(items []syntax.Node) bool {
	for _, item := range items {
		if _, err := base64.StdEncoding.DecodeString(get(item, "value", "Value").Value); err != nil {
			return false
		}
	}
	return true
}

// decode is a value as text; false when it is no text.
func decode(value string, encoded bool) (string, bool) {
	if encoded {
		raw, err := base64.StdEncoding.DecodeString(value)
		return string(raw), err == nil && utf8.Valid(raw)
	}
	return value, utf8.ValidString(value)
}

// entry reads one value: a whole file under data or a file's name, else a single setting.
func (p *page) entry(parts []string, value string, line int) {
	name, profile, _ := strings.Cut(parts[0], ",")
	last := parts[len(parts)-1]
	ext := path.Ext(last)
	isFile := ext == ".yml" || ext == ".yaml" || ext == ".properties" || ext == ".json"
	if len(parts) == 1 {
		if !isFile {
			p.set("application", "", parts[0], value, line)
			return
		}
		name = strings.TrimSuffix(last, ext)
		if rest, ok := strings.CutPrefix(name, "application-"); ok {
			name, profile = "application", rest
		}
	}
	if last == "data" || isFile {
		p.document(name, profile, value, line)
		return
	}
	p.set(name, profile, strings.Join(parts[1:], "."), value, line)
}

// document sets every leaf of a value that is a file of its own.
func (p *page) document(name, profile, value string, line int) {
	entries := leaves(value)
	if entries == nil {
		p.report.Doubt(estate.Unparsable, p.place(line), "the value is neither YAML nor properties; mend it in the store and export it again")
	}
	for _, e := range entries {
		p.set(name, profile, e.Key, e.Value, line)
	}
}

// leaves reads YAML, JSON or properties, whichever the text is.
func leaves(text string) []syntax.Entry {
	docs, err := syntax.YAML([]byte(text))
	if err == nil && len(docs) > 0 && docs[0].Kind == syntax.Map {
		var out []syntax.Entry
		for _, doc := range docs {
			out = append(out, doc.Flatten()...)
		}
		return out
	}
	out, err := syntax.Properties([]byte(text))
	if err != nil {
		return nil
	}
	return out
}

func (p *page) set(name, profile, key, value string, line int) {
	p.report.See(estate.Sighting{Fact: estate.Sets, Subject: estate.In("config", name), Key: key, Value: value, Profile: profile, Layer: "consul", Place: p.place(line)})
}
