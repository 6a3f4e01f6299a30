package vm

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain are the characters besides letters and digits that a word may hold without quotes, in a unit and in a shell.
const plain = "_@+=:,./-"

func isPlain(s string) bool {
	for _, r := range s {
		if r > unicode.MaxASCII || !strings.ContainsRune(plain, r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return s != ""
}

// unitWords writes a command line by systemd.service(5), "Command lines": words in double quotes where they need them, with the
// escapes of C, and with $ and % doubled, so that a program is called with exactly these words.
func unitWords(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = unitWord(w)
	}
	return strings.Join(out, " ")
}

func unitWord(w string) string {
	if isPlain(w) {
		return w
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range w {
		switch {
		case r == '$' || r == '%':
			b.WriteRune(r)
			b.WriteRune(r)
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unitText keeps what a unit's setting says from being read as a specifier, systemd.unit(5).
func unitText(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// inEnvironmentFile escapes what systemd.exec(5), "EnvironmentFile=", reads back as one character inside double quotes; a shell
// reads it back alike. A line end stays one.
var inEnvironmentFile = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`)

// assignment is one variable of an environment file.
func assignment(name, value string) string {
	if isPlain(value) {
		return name + "=" + value + "\n"
	}
	return name + `="` + inEnvironmentFile.Replace(value) + "\"\n"
}

// isVariable tells whether systemd takes a name as that of a variable: others it drops with no more than a line in its log.
func isVariable(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// isValue tells whether a process can be given a text as a variable's value.
func isValue(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// shellWord quotes a word for a POSIX shell.
func shellWord(w string) string {
	if isPlain(w) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

func shellWords(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = shellWord(w)
	}
	return strings.Join(out, " ")
}

// yamlText writes a text as a YAML value at some indentation: a block that reads like the file itself where YAML allows one, else
// a text in double quotes.
func yamlText(text string, indent int) string {
	if !isBlock(text) {
		return yamlQuoted(text)
	}
	margin := "\n" + strings.Repeat(" ", indent)
	var b strings.Builder
	b.WriteString("|")
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			b.WriteByte('\n')
			continue
		}
		b.WriteString(margin)
		b.WriteString(line)
	}
	return b.String()
}

// isBlock tells whether a text is lines that a literal block keeps as they are.
func isBlock(text string) bool {
	if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") || text[0] == ' ' || text[0] == '\n' || text[0] == '\t' {
		return false
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(text)
}

// yamlQuoted is a text in double quotes. YAML knows every escape Go writes.
func yamlQuoted(text string) string { return strconv.Quote(text) }
