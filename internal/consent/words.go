package consent

import (
	"fmt"
	"strings"
	"unicode"
)

// mostWords bounds what somebody wrote once it stands among other text.
const mostWords = 300 // letters

// oneLine is what somebody wrote as one line: no line breaks or control characters, which could pass for a message's own
// lines, and none that turn the direction of text (Unicode, UAX 9).
func oneLine(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	letters := []rune(strings.Join(strings.Fields(clean), " "))
	if len(letters) > mostWords {
		return string(letters[:mostWords-1]) + "…"
	}
	return string(letters)
}

// list is names as people say them: "a", "a and b", "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func amount(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
