// Package settings reads every configuration file that no other format owns: YAML, JSON, TOML, INI, HOCON, env files and
// properties. Each short scalar becomes a setting of whatever component owns the folder; what it means is decided later.
// Files that have the form of configuration but hold something else (lock files, translations, schemas, test data) are
// left alone.
package settings

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of last resort. It must be asked after all others.
func Format() discover.Format {
	return discover.Format{Name: "settings", Wants: wants, ReadFile: read}
}

const (
	maxValue  = 2 << 10 // a longer value is a text, not a setting
	maxLeaves = 2000    // a file with more is data: only the addresses in it are kept
)

func wants(p string) bool { return grammarOf(p) != nil && !elsewhere(p) }

// grammar turns a file into leaves. No leaves and no error mean that it is no configuration after all.
type grammar func([]byte) ([]syntax.Entry, error)

// grammarOf picks the grammar by the file's name; nil when it is no configuration file.
func grammarOf(p string) grammar {
	switch strings.ToLower(path.Ext(p)) {
	case ".yml", ".yaml":
		return yaml
	case ".json", ".json5", ".jsonc":
		return json
	case ".toml":
		return toml
	case ".ini", ".cfg", ".conf":
		return conf
	case ".hocon":
		return hocon
	case ".properties":
		return syntax.Properties
	case ".env":
		return env
	}
	if b := path.Base(p); strings.HasPrefix(b, ".env.") || strings.HasPrefix(b, "env.") && !strings.Contains(b[4:], ".") && stages[b[4:]] {
		return env
	}
	return nil
}

func read(f discover.File, r *discover.Report) {
	if bytes.IndexByte(f.Data, 0) >= 0 && !bytes.HasPrefix(f.Data, []byte("\xFF\xFE")) && !bytes.HasPrefix(f.Data, []byte("\xFE\xFF")) {
		r.Doubt(estate.Unparsable, estate.Place{File: f.Path}, "binary under the name of a text file; exclude it if that is as it should be")
		return
	}
	entries, err := grammarOf(f.Path)(f.Data)
	if err != nil && len(bytes.TrimSpace(f.Data)) > 0 {
		broken(f, r, err)
	}
	stage := stageOf(f.Path)
	for _, e := range entries {
		if !worthKeeping(e.Value, len(entries) > maxLeaves) {
			continue
		}
		r.See(estate.Sighting{Fact: estate.Sets, Subject: estate.At(f.Dir()), Key: e.Key, Value: e.Value, Profile: stage,
			Place: estate.Place{File: f.Path, Line: e.Line}})
	}
}

// worthKeeping leaves out what cannot matter for a dependency: texts, and in large files all that is no address.
func worthKeeping(value string, large bool) bool {
	if value == "" || len(value) > maxValue {
		return false
	}
	if large || strings.IndexByte(value, '\n') >= 0 {
		return strings.Contains(value, "://")
	}
	return true
}

// broken makes the doubt for a file that does not parse, or says that it is a template.
func broken(f discover.File, r *discover.Report, err error) {
	line := syntax.LineOf(err)
	for _, mark := range []string{"{{", "{%", "<%"} {
		if bytes.Contains(f.Data, []byte(mark)) {
			r.Doubt(estate.Unsupported, estate.Place{File: f.Path, Line: line}, "a template; render it and scan the result, or exclude it")
			return
		}
	}
	r.Broken(f, line, err)
}

func yaml(data []byte) ([]syntax.Entry, error) {
	docs, err := syntax.YAML(data)
	var out []syntax.Entry
	for _, d := range docs {
		if !isData(d) {
			out = append(out, d.Flatten()...)
		}
	}
	return out, err
}

func json(data []byte) ([]syntax.Entry, error) {
	n, err := syntax.JSON(data)
	if n.Kind == syntax.List || isData(n) {
		return nil, nil // a list of records is data: a configuration names its values
	}
	return n.Flatten(), err
}

func toml(data []byte) ([]syntax.Entry, error) {
	n, err := syntax.TOML(data)
	return n.Flatten(), err
}

func env(data []byte) ([]syntax.Entry, error) { return syntax.Env(data, syntax.EnvCompose) }

// conf reads a file whose name says nothing about its grammar: as HOCON when it looks like that, as INI when most of its
// lines are. Anything else is left without a doubt, because nothing says that it is configuration at all.
func conf(data []byte) ([]syntax.Entry, error) {
	if looksLikeHOCON(data) {
		return hocon(data)
	}
	entries, err := syntax.INI(data)
	if err != nil && 2*len(entries) < bytes.Count(data, []byte("\n")) {
		return nil, nil
	}
	return entries, nil
}
