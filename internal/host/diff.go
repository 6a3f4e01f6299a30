package host

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"example.org/caravan/internal/redact"
)

// masked is a text that people may see: what looks like a secret in it is hidden, line by line.
func masked(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		key, value, ok := strings.Cut(line, "=")
		if name := strings.TrimSpace(key); ok && name != "" && !strings.ContainsAny(name, " \t\"'") {
			lines[i] = key + "=" + redact.Value(name, value)
			continue
		}
		key, value, ok = strings.Cut(line, ": ")
		if name := strings.TrimSpace(key); ok && name != "" && !strings.ContainsAny(name, " \t\"'") {
			lines[i] = key + ": " + redact.Value(name, value)
			continue
		}
		lines[i] = redact.Text(spoken(line))
	}
	return strings.Join(lines, "\n")
}

// spoken hides what follows a word such as requirepass, and the passwords of Redis's accounts (">password"): what stands there without
// a mark between.
func spoken(line string) string {
	words := strings.SplitAfter(line, " ")
	for i, w := range words {
		low := strings.ToLower(strings.TrimSpace(w))
		switch {
		case strings.HasPrefix(low, ">") && len(low) > 1:
			words[i] = ">" + redact.Mask + " "
		case i+1 < len(words) && (strings.Contains(low, "pass") || strings.HasSuffix(low, "auth") || strings.Contains(low, "secret")):
			return strings.Join(words[:i+1], "") + redact.Mask
		}
	}
	return strings.Join(words, "")
}

// mostLines bounds what is compared line by line.
const mostLines = 2000

// difference shows what becomes of a text, in lines that begin with "-", "+" or a blank, with the unchanged ones around them. Secrets
// are hidden.
func difference(name, before, after string) string {
	if before == after {
		return ""
	}
	if !utf8.ValidString(before) || !utf8.ValidString(after) {
		return fmt.Sprintf("--- %s\n+++ %s\nno text: %d bytes become %d\n", name, name, len(before), len(after))
	}
	was, is := lines(before), lines(after)
	if len(was) > mostLines || len(is) > mostLines {
		return fmt.Sprintf("--- %s\n+++ %s\n%d lines become %d, too many to show\n", name, name, len(was), len(is))
	}
	all := script(was, is)
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", name, name)
	skipped := false
	for i, line := range all {
		if !near(all, i) {
			skipped = true
			continue
		}
		if skipped {
			b.WriteString(" …\n")
			skipped = false
		}
		b.WriteString(line[:1] + masked(line[1:]) + "\n")
	}
	return b.String()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// around is how many unchanged lines are shown beside those that change.
const around = 2

func near(all []string, i int) bool {
	for j := max(0, i-around); j <= min(len(all)-1, i+around); j++ {
		if all[j][0] != ' ' {
			return true
		}
	}
	return false
}

// script is how one text becomes another, by the longest common subsequence of their lines (Hunt and McIlroy, 1976).
func script(was, is []string) []string {
	common := make([][]int, len(was)+1)
	for i := range common {
		common[i] = make([]int, len(is)+1)
	}
	for i := len(was) - 1; i >= 0; i-- {
		for j := len(is) - 1; j >= 0; j-- {
			if was[i] == is[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(was) || j < len(is) {
		switch {
		case i < len(was) && j < len(is) && was[i] == is[j]:
			out = append(out, " "+was[i])
			i, j = i+1, j+1
		case i < len(was) && (j == len(is) || common[i+1][j] >= common[i][j+1]):
			out = append(out, "-"+was[i])
			i++
		default:
			out = append(out, "+"+is[j])
			j++
		}
	}
	return out
}
