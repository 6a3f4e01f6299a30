package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// Set writes the value of a key into the text of a document's file, nil when there is none yet, and leaves everything else as it is, comments
// included. Invalid when the value makes no sense, Conflict when the file is laid out in a way that cannot be written into.
func Set(text []byte, file, key string, v Value) ([]byte, error) {
	before := Document{}
	if len(text) > 0 {
		var err error
		if before, err = Parse(text, file); err != nil {
			return nil, err
		}
	}
	after, err := write(string(text), key, v)
	if err != nil {
		return nil, fault.Newf(fault.Conflict, "%s: %w; write %s there yourself", file, err, key)
	}
	now, err := Parse([]byte(after), file)
	if err != nil {
		return nil, err
	}
	want := map[string]Value{key: v}
	for k, was := range before.Values {
		if k != key {
			want[k] = was
		}
	}
	if noLines := cmpopts.IgnoreFields(Value{}, "Line"); !cmp.Equal(want, now.Values, noLines) {
		return nil, fault.Newf(fault.Conflict, "%s: the values are laid out in a way that cannot be written into; write %s there yourself, a line for each key", file, key)
	}
	return []byte(after), nil
}

// write puts a line for a key into a text: over the one it has, else after the last value.
func write(text, key string, v Value) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	} else {
		lines[last] += "\n"
	}
	end := "\n"
	if strings.HasSuffix(text, "\r\n") {
		end = "\r\n"
	}
	docs, err := syntax.YAML([]byte(text))
	switch {
	case err != nil:
		return "", err
	case len(docs) > 1:
		return "", fmt.Errorf("the file holds several documents")
	}
	var top []syntax.Pair
	if len(docs) == 1 {
		top = docs[0].Pairs
	}
	at := slices.IndexFunc(top, func(p syntax.Pair) bool { return p.Key == "values" })
	if at < 0 {
		return strings.Join(append(lines, "values:"+end, "  "+lineOf(key, v)+end), ""), nil
	}
	values := top[at]
	if len(values.Value.Pairs) == 0 {
		lines[values.Line-1] = "values:" + end
		return strings.Join(slices.Insert(lines, values.Line, "  "+lineOf(key, v)+end), ""), nil
	}
	if values.Value.Pairs[0].Line == values.Line {
		return "", fmt.Errorf("the values stand in one line")
	}
	first, last := values.Value.Pairs[0].Line, len(lines)
	if at+1 < len(top) {
		last = top[at+1].Line - 1
	}
	return strings.Join(over(lines, values.Value.Pairs, key, v, span{first, last}, end), ""), nil
}

// span are lines from the first to the last, counted from 1.
type span struct{ first, last int }

// over writes a key's line among those of the others.
func over(lines []string, pairs []syntax.Pair, key string, v Value, all span, end string) []string {
	head := lines[all.first-1]
	indent := head[:len(head)-len(strings.TrimLeft(head, " "))]
	line := indent + lineOf(key, v)
	i := slices.IndexFunc(pairs, func(p syntax.Pair) bool { return p.Key == key })
	if i < 0 {
		until := trimmed(lines, all.last)
		return slices.Insert(lines, until, line+end)
	}
	until := all.last
	if i+1 < len(pairs) {
		until = pairs[i+1].Line - 1
	}
	until = max(trimmed(lines, until), pairs[i].Line)
	if until == pairs[i].Line && pairs[i].Value.Kind != syntax.Map {
		line += remark(lines[until-1], pairs[i].Value.Value)
	}
	return slices.Replace(lines, pairs[i].Line-1, until, line+end)
}

// trimmed is the last line up to one that is neither blank nor a comment.
func trimmed(lines []string, until int) int {
	for until > 0 {
		text := strings.TrimSpace(lines[until-1])
		if text != "" && !strings.HasPrefix(text, "#") {
			return until
		}
		until--
	}
	return until
}

// remark is the comment at the end of a line, where the value before it has no such mark itself.
func remark(line, value string) string {
	i := strings.Index(line, " #")
	if i < 0 || strings.Contains(value, "#") {
		return ""
	}
	return strings.TrimRight(line[i:], "\r\n")
}

// lineOf is a key with its value, as YAML.
func lineOf(key string, v Value) string {
	name := key
	if docs, err := syntax.YAML([]byte(key + ": x\n")); err != nil || len(docs) != 1 || len(docs[0].Pairs) != 1 || docs[0].Pairs[0].Key != key {
		name = quote(key)
	}
	switch {
	case v.Unset:
		return name + ":"
	case v.Secret != nil:
		return name + ": " + v.Secret.flow()
	}
	docs, err := syntax.YAML([]byte("k: " + v.Text + "\n"))
	plain := err == nil && len(docs) == 1 && len(docs[0].Pairs) == 1 && docs[0].Pairs[0].Value.Kind == syntax.Scalar && docs[0].Pairs[0].Value.Value == v.Text && !strings.ContainsAny(v.Text, "\"'\n\r#&*!|>%@`")
	if plain {
		return name + ": " + v.Text
	}
	return name + ": " + quote(v.Text)
}

func (r Reference) flow() string {
	var parts []string
	for _, p := range [][2]string{{"kubernetes", r.Kubernetes}, {"sops", r.SOPS}, {"env", r.Env}, {"key", r.Key}} {
		if p[1] != "" {
			parts = append(parts, p[0]+": "+quote(p[1]))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// ParseReference takes in a reference as people write it on a command line: kubernetes:NAME/KEY, sops:FILE#KEY or env:VARIABLE.
func ParseReference(text string) (Reference, error) {
	how, where, _ := strings.Cut(text, ":")
	switch how {
	case "kubernetes":
		if name, key, ok := strings.Cut(where, "/"); ok && name != "" && key != "" {
			return Reference{Kubernetes: name, Key: key}, nil
		}
	case "sops":
		if file, key, ok := strings.Cut(where, "#"); ok && file != "" && key != "" {
			return Reference{SOPS: file, Key: key}, nil
		}
	case "env":
		if where != "" {
			return Reference{Env: where}, nil
		}
	}
	return Reference{}, fault.Newf(fault.Usage, "not where a secret is kept; write kubernetes:NAME/KEY, sops:FILE#KEY or env:VARIABLE")
}
