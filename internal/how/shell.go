package how

import (
	"strings"
	"unicode"
)

// words are texts that a command is given, each as one word whatever is in it.
type words []string

// line is a command line: each %s of the form is filled in with words, quoted for a POSIX shell. One that stands alone and has no
// words is left out.
func line(form string, fill ...words) string {
	parts := strings.Split(form, "%s")
	out := parts[0]
	for i, w := range fill[:min(len(fill), len(parts)-1)] {
		if len(w) == 0 {
			out = strings.TrimSuffix(out, " ")
		}
		out += quotedWords(w) + parts[i+1]
	}
	return out
}

func quotedWords(list words) string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = quoted(w)
	}
	return strings.Join(out, " ")
}

// plain are the characters besides letters and digits that a shell takes as they are, wherever in a word they stand.
const plain = "_@+=:,./-"

// quoted is a word that a POSIX shell reads back as exactly this text.
func quoted(w string) string {
	special := func(r rune) bool {
		return r > unicode.MaxASCII || !strings.ContainsRune(plain, r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	if w != "" && strings.IndexFunc(w, special) < 0 {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// isName tells whether a text can be the name of a machine or unit: nothing that a program would read as an option, and nothing
// that does not show.
func isName(text string) bool {
	hidden := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) }
	return text != "" && text[0] != '-' && strings.IndexFunc(text, hidden) < 0
}

// isPath tells whether a text can be the path of a file on a machine.
func isPath(text string) bool { return strings.HasPrefix(text, "/") && isName(text) }
