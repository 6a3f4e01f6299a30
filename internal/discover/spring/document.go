package spring

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// setting is one leaf with the profile expression it holds under, "" for always.
type setting struct {
	syntax.Entry
	profile string
}

// parse reads all settings of a file, each under its document's profile.
func parse(f discover.File) ([]setting, error) {
	fileProfile := profileOfName(f.Path)
	if f.Ext() == ".properties" {
		entries, err := syntax.Properties(f.Data)
		return withProfiles(splitDocuments(f.Data, entries), fileProfile), err
	}
	docs, err := syntax.YAML(f.Data)
	all := make([][]syntax.Entry, 0, len(docs))
	for _, d := range docs {
		all = append(all, d.Flatten())
	}
	return withProfiles(all, fileProfile), err
}

// splitDocuments cuts the entries of a properties file at the lines that separate its documents, #--- or !---.
func splitDocuments(data []byte, entries []syntax.Entry) [][]syntax.Entry {
	if !bytes.Contains(data, []byte("---")) {
		return [][]syntax.Entry{entries}
	}
	var out [][]syntax.Entry
	next, n := 0, 0
	for line := range bytes.Lines(data) {
		if n++; !bytes.HasPrefix(line, []byte("#---")) && !bytes.HasPrefix(line, []byte("!---")) {
			continue
		}
		start := next
		for next < len(entries) && entries[next].Line < n {
			next++
		}
		out = append(out, entries[start:next])
	}
	return append(out, entries[next:])
}

func withProfiles(docs [][]syntax.Entry, fileProfile string) []setting {
	var out []setting
	for _, entries := range docs {
		profile := profileOfDocument(entries)
		if profile == "" {
			profile = fileProfile
		}
		for _, e := range entries {
			out = append(out, underProfile(e, profile))
		}
	}
	return out
}

// profileOfDocument is the expression that switches a document on; the items of a list are alternatives.
func profileOfDocument(entries []syntax.Entry) string {
	var found []string
	for _, e := range entries {
		key, _, _ := strings.Cut(Canonical(e.Key), "[")
		if (key == "spring.config.activate.on-profile" || key == "spring.profiles") && e.Value != "" {
			found = append(found, e.Value)
		}
	}
	return strings.Join(found, ",")
}

// underProfile gives an entry its profile; one of Quarkus's own, %prod.key, goes before the file's.
func underProfile(e syntax.Entry, profile string) setting {
	if strings.HasPrefix(e.Key, "%") {
		if name, rest, ok := strings.Cut(e.Key[1:], "."); ok {
			profile, e.Key = name, rest
		}
	}
	if profile == "default" {
		profile = ""
	}
	return setting{e, profile}
}

// profileOfName is the profile in application-PROFILE.yml.
func profileOfName(p string) string {
	stem := stemOf(p)
	for _, name := range []string{"application-", "bootstrap-"} {
		if rest, ok := strings.CutPrefix(stem, name); ok {
			return rest
		}
	}
	return ""
}
