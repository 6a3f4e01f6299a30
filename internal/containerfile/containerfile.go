// Package containerfile splits a Dockerfile into instructions with their lines. It knows the grammar (continuations,
// comments, here-documents, the JSON form) and not what the instructions mean, save for which image is built upon.
package containerfile

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Instruction is one line of a Dockerfile, continuations joined.
type Instruction struct {
	Name string // upper case: "FROM", "ENV"
	Text string // everything after the name and its --flags
	Line int    // of the name
}

// maxInstructions bounds a file; a longer one is no Dockerfile.
const maxInstructions = 10_000

// Parse lists the instructions of a Dockerfile. What is no instruction is left out.
func Parse(data []byte) []Instruction {
	p := parser{escape: '\\'}
	line := 0
	for raw := range bytes.Lines(data) {
		line++
		p.line(strings.TrimRight(string(raw), "\r\n"), line)
		if len(p.out) >= maxInstructions {
			break
		}
	}
	p.finish()
	return p.out
}

type parser struct {
	out     []Instruction
	pending strings.Builder
	start   int
	escape  byte
	ends    string // of the here-document being skipped
}

func (p *parser) line(text string, line int) {
	trimmed := strings.TrimSpace(text)
	switch {
	case p.ends != "":
		if trimmed == p.ends {
			p.ends = ""
		}
		return
	case strings.HasPrefix(trimmed, "#"):
		if len(p.out) == 0 && strings.HasSuffix(strings.ReplaceAll(strings.ToLower(trimmed), " ", ""), "escape=`") {
			p.escape = '`'
		}
		return
	case trimmed == "":
		return
	}
	if p.pending.Len() == 0 {
		p.start = line
	}
	if trimmed[len(trimmed)-1] == p.escape {
		p.pending.WriteString(trimmed[:len(trimmed)-1] + " ")
		return
	}
	p.pending.WriteString(trimmed)
	p.ends = hereDocument(trimmed)
	p.finish()
}

func (p *parser) finish() {
	name, rest, _ := strings.Cut(strings.TrimSpace(p.pending.String()), " ")
	p.pending.Reset()
	if name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return
	}
	p.out = append(p.out, Instruction{Name: strings.ToUpper(name), Text: withoutFlags(strings.TrimSpace(rest)), Line: p.start})
}

// hereDocument is the word that ends the here-document a line opens.
func hereDocument(line string) string {
	i := strings.Index(line, "<<")
	if i < 0 {
		return ""
	}
	word := strings.TrimPrefix(line[i+2:], "-")
	word, _, _ = strings.Cut(word, " ")
	word = strings.Trim(word, `"'`)
	if word == "" || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") != "" {
		return ""
	}
	return word
}

// withoutFlags drops --from=x, --chown=y and the like.
func withoutFlags(text string) string {
	for strings.HasPrefix(text, "--") {
		_, rest, ok := strings.Cut(text, " ")
		if !ok {
			return ""
		}
		text = strings.TrimSpace(rest)
	}
	return text
}

// List is the JSON form of an instruction's text: ["a", "b"]; false when it is in shell form.
func (i Instruction) List() ([]string, bool) {
	if !strings.HasPrefix(i.Text, "[") {
		return nil, false
	}
	var list []string
	err := json.Unmarshal([]byte(i.Text), &list)
	return list, err == nil
}

// Base is the image the last stage is built upon, following stages that build upon earlier ones, with defaults of ARG
// filled in; "" when there is none.
func Base(instructions []Instruction) string {
	stages, args := map[string]string{}, map[string]string{}
	base := ""
	for _, in := range instructions {
		switch in.Name {
		case "ARG":
			if name, value, ok := strings.Cut(in.Text, "="); ok && base == "" {
				args[name] = strings.Trim(value, `"'`)
			}
		case "FROM":
			fields := strings.Fields(in.Text)
			if len(fields) == 0 {
				continue
			}
			base = substitute(fields[0], args)
			if earlier, ok := stages[strings.ToLower(base)]; ok {
				base = earlier
			}
			if len(fields) > 2 && strings.EqualFold(fields[1], "as") {
				stages[strings.ToLower(fields[2])] = base
			}
		}
	}
	return base
}

// substitute fills in $NAME, ${NAME} and ${NAME:-default}.
func substitute(text string, args map[string]string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			out.WriteByte(text[i])
			continue
		}
		name, fallback, length := reference(text[i+1:])
		value, ok := args[name]
		switch {
		case length == 0:
			out.WriteByte('$')
		case ok:
			out.WriteString(value)
		case fallback != "":
			out.WriteString(fallback)
		default:
			out.WriteString("${" + name + "}")
		}
		i += length
	}
	return out.String()
}

func reference(s string) (name, fallback string, length int) {
	if strings.HasPrefix(s, "{") {
		inner, _, ok := strings.Cut(s[1:], "}")
		if !ok {
			return "", "", 0
		}
		name, fallback, _ = strings.Cut(inner, ":-")
		return name, fallback, len(inner) + 2
	}
	for length < len(s) && (s[length] == '_' || s[length] >= 'A' && s[length] <= 'Z' || s[length] >= 'a' && s[length] <= 'z' || s[length] >= '0' && s[length] <= '9') {
		length++
	}
	return s[:length], "", length
}
