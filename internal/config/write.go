package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"example.org/caravan/internal/workload"
)

// Delivered is what a service is given, as it reads it: values and contents may hold placeholders, those of a workload and ${secrets.NAME.KEY}
// for what is kept elsewhere.
type Delivered struct {
	Variables map[string]string `json:"variables,omitempty"`
	Files     map[string]string `json:"files,omitempty"` // content by absolute path
}

// Deliver writes what a service is given in its forms, and says what cannot be written so. Own is the name of the service's own secret, which
// what is kept in SOPS and variables is delivered in.
func Deliver(e Effective, own string) (Delivered, []Problem) {
	out := Delivered{Variables: map[string]string{}, Files: map[string]string{}}
	var problems []Problem
	files := map[string][]Entry{}
	for _, entry := range e.Entries {
		if entry.Form.As == AsVariables {
			out.Variables[entry.Key] = entry.Raw(own)
			continue
		}
		files[entry.Form.Path] = append(files[entry.Form.Path], entry)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		text, wrong := contentOf(files[path], own)
		out.Files[path] = text
		for _, p := range wrong {
			p.Service, p.Environment = e.Service, e.Environment
			problems = append(problems, p)
		}
	}
	return out, problems
}

// Raw is an entry's value as a workload would have it.
func (e Entry) Raw(own string) string {
	v := e.Value()
	switch {
	case v.Secret == nil:
		return v.Text
	case v.Secret.Kubernetes != "":
		return workload.SecretPlaceholder(v.Secret.Kubernetes, v.Secret.Key)
	}
	return workload.SecretPlaceholder(own, SecretKey(e.Key))
}

// SecretKey is a configuration key as the key of a Secret: letters, digits and . _ - alone (Kubernetes, Secret).
func SecretKey(key string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, key)
}

func contentOf(entries []Entry, own string) (string, []Problem) {
	switch entries[0].Form.As {
	case AsEnvFile:
		return lines(entries, own, envLine)
	case AsProperties:
		return lines(entries, own, propertiesLine)
	case AsJSON:
		root, problems := nested(entries)
		return root.json(own, "") + "\n", problems
	default:
		root, problems := nested(entries)
		return root.yaml(own, ""), problems
	}
}

// lines writes an entry a line.
func lines(entries []Entry, own string, line func(Entry, string) (string, string)) (string, []Problem) {
	var b strings.Builder
	var problems []Problem
	for _, e := range entries {
		text, wrong := line(e, own)
		if wrong != "" {
			problems = append(problems, Problem{Key: e.Key, Text: e.Key + " " + wrong, Place: e.Place()})
			continue
		}
		b.WriteString(text + "\n")
	}
	return b.String(), problems
}

// outside applies a change to what of a value is no placeholder.
func outside(raw string, change func(string) string) string {
	parts, err := workload.Parts(raw)
	if err != nil {
		return change(strings.ReplaceAll(raw, "${", "$${"))
	}
	var b strings.Builder
	for _, p := range parts {
		if placeholder := p.Placeholder(); placeholder != "" {
			b.WriteString(placeholder)
			continue
		}
		b.WriteString(strings.ReplaceAll(change(p.Text), "${", "$${"))
	}
	return b.String()
}

var inEnvFile = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`)

// envLine is a line of a file of variables, quoted as shells and systemd read it.
func envLine(e Entry, own string) (line, wrong string) {
	switch {
	case !variableForm.MatchString(e.Key):
		return "", "cannot be a variable of " + e.Form.Path + "; write letters, digits and _"
	case strings.ContainsAny(e.Value().Text, "\n\r"):
		return "", "has several lines, which files of variables are not read alike with; give it in another form"
	}
	return e.Key + `="` + outside(e.Raw(own), func(text string) string { return InForm(AsEnvFile, text) }) + `"`, ""
}

// propertiesLine is a line as java.util.Properties reads it.
func propertiesLine(e Entry, own string) (line, wrong string) {
	value := outside(e.Raw(own), inProperties)
	if last := len(value) - 1; last > 0 && value[last] == ' ' { // readers that are no Java take blanks off the end
		value = value[:last] + `\ `
	}
	if strings.HasPrefix(value, " ") {
		value = `\` + value
	}
	return inKey.Replace(inProperties(e.Key)) + "=" + value, ""
}

var inKey = strings.NewReplacer(" ", `\ `, ":", `\:`, "=", `\=`)

func inProperties(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r > '~':
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// branch is a level of a nested file: a value or more levels.
type branch struct {
	entry *Entry
	below map[string]*branch
}

// nested are entries at the levels that the dots of their keys make. A key that is a value and a level at once cannot be written.
func nested(entries []Entry) (*branch, []Problem) {
	root := &branch{below: map[string]*branch{}}
	var problems []Problem
	for _, e := range entries {
		at, clash := root, false
		for name := range strings.SplitSeq(e.Key, ".") {
			clash = clash || at.entry != nil
			if at.below == nil {
				at.below = map[string]*branch{}
			}
			if at.below[name] == nil {
				at.below[name] = &branch{}
			}
			at = at.below[name]
		}
		if clash || at.entry != nil || len(at.below) > 0 {
			problems = append(problems, Problem{Key: e.Key, Text: e.Key + " is a value, and so is a key above or below it, which " + e.Form.Path + " cannot hold; rename one", Place: e.Place()})
			continue
		}
		at.entry = &e
	}
	return root, problems
}

func (b *branch) yaml(own, indent string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.below)) {
		next := b.below[name]
		switch {
		case next.entry != nil:
			out.WriteString(indent + quote(name) + ": " + next.entry.scalar(own) + "\n")
		case len(next.below) > 0:
			out.WriteString(indent + quote(name) + ":\n" + next.yaml(own, indent+"  "))
		}
	}
	return out.String()
}

func (b *branch) json(own, indent string) string {
	var members []string
	for _, name := range slices.Sorted(maps.Keys(b.below)) {
		next := b.below[name]
		switch {
		case next.entry != nil:
			members = append(members, indent+"  "+quote(name)+": "+next.entry.scalar(own))
		case len(next.below) > 0:
			members = append(members, indent+"  "+quote(name)+": "+next.json(own, indent+"  "))
		}
	}
	if len(members) == 0 {
		return "{}"
	}
	return "{\n" + strings.Join(members, ",\n") + "\n" + indent + "}"
}

// scalar is a value as JSON, which YAML reads alike: of a key that is declared a number or truth value as one.
func (e Entry) scalar(own string) string {
	v := e.Value()
	if meant, ok := e.Declared.Type.meaning(v.Text); ok && v.Secret == nil && (e.Declared.Type == Integer || e.Declared.Type == Number || e.Declared.Type == Boolean) {
		return meant
	}
	return `"` + outside(e.Raw(own), func(text string) string { return InForm(e.Form.As, text) }) + `"`
}

// InForm is a text as it stands among others in a file of a form; of a variable, as it is.
func InForm(as As, text string) string {
	switch as {
	case AsEnvFile:
		return inEnvFile.Replace(text)
	case AsProperties:
		if strings.HasPrefix(text, " ") {
			return `\` + inProperties(text)
		}
		return inProperties(text)
	case AsYAML, AsJSON:
		q := quote(text)
		return q[1 : len(q)-1]
	}
	return text
}

// quote is a text as a string of JSON.
func quote(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string into memory cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}
