package draw

import (
	"strings"
	"unicode"
)

// textWidth is a safe guess of how wide s is in a common sans-serif font of that size: widths of DejaVu Sans, one of the
// widest in use, rounded up, and a full square for what is neither Latin nor Cyrillic nor Greek.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		w += runeWidth(r)
	}
	return w * size
}

func runeWidth(r rune) float64 {
	switch {
	case strings.ContainsRune("iljI.,:;|!' ", r):
		return 0.36
	case strings.ContainsRune("frt-/()[]", r):
		return 0.46
	case strings.ContainsRune("mwMW@%", r):
		return 1.0
	case r < 0x250 && unicode.IsUpper(r):
		return 0.78
	case r < 0x530:
		return 0.66
	}
	return 1.1
}

// fitted is s, with its middle left out when it is wider than mostLabel.
func fitted(s string, size float64) string {
	s = strings.ToValidUTF8(s, "�")
	if textWidth(s, size) <= mostLabel {
		return s
	}
	runes := []rune(s)
	for keep := len(runes) - 1; keep > 0; keep-- {
		head := (keep + 1) / 2
		short := string(runes[:head]) + "…" + string(runes[len(runes)-(keep-head):])
		if textWidth(short, size) <= mostLabel {
			return short
		}
	}
	return "…"
}
