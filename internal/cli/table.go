package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

// fitting puts a cell of the last column into lines no wider than width.
type fitting func(cell string, width int) []string

// Least widths to which columns give way on a narrow terminal.
const (
	leastColumn = 10
	leastLast   = 24
)

// table prints rows under a header in columns two blanks apart. On a narrow terminal the last column gives way as fit
// says, then the widest of the others.
func (t *terminal) table(header []string, rows [][]string, fit fitting) {
	if len(rows) == 0 {
		return
	}
	rows = plainRows(rows)
	widths := columnWidths(header, rows)
	last := narrow(widths, t.width())
	var b strings.Builder
	b.WriteString(t.dim(strings.TrimRight(leading(header, widths)+header[len(header)-1], " ")) + "\n")
	for _, r := range rows {
		lead := leading(r, widths)
		for i, line := range fit(r[len(r)-1], last) {
			if i > 0 {
				lead = strings.Repeat(" ", utf8.RuneCountInString(lead))
			}
			b.WriteString(strings.TrimRight(lead+line, " ") + "\n")
		}
	}
	_, _ = io.WriteString(t.out, b.String()) // Run tells when it failed
}

func plainRows(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, r := range rows {
		for _, cell := range r {
			out[i] = append(out[i], plain(cell))
		}
	}
	return out
}

// columnWidths are those of the widest cells.
func columnWidths(header []string, rows [][]string) []int {
	widths := make([]int, len(header))
	for _, r := range append([][]string{header}, rows...) {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// narrow makes the columns before the last fit a width together with at least a little of the last, and gives what is
// left for that.
func narrow(widths []int, width int) int {
	lead := widths[:len(widths)-1]
	last := widths[len(widths)-1]
	for {
		used, widest := 0, 0
		for i, w := range lead {
			used += w + 2
			if w > lead[widest] {
				widest = i
			}
		}
		if used+min(last, leastLast) <= width || len(lead) == 0 || lead[widest] <= leastColumn {
			return max(min(last, width-used), min(last, leastLast))
		}
		lead[widest]--
	}
}

// leading is a row up to its last cell.
func leading(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells[:len(cells)-1] {
		cell = squeeze(cell, widths[i])
		b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
	}
	return b.String()
}

// squeeze leaves out the middle: names differ at their ends, and places end in the line.
func squeeze(s string, width int) string {
	r := []rune(s)
	if len(r) <= width || width < 3 {
		return s
	}
	tail := width / 2
	return string(r[:width-tail-1]) + "…" + string(r[len(r)-tail:])
}

func truncate(s string, width int) string {
	if utf8.RuneCountInString(s) <= width || width < 2 {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// cut keeps the beginning of a cell.
func cut(cell string, width int) []string { return []string{truncate(cell, width)} }

// cutProof keeps the end of the place that a cell begins with, which is the line, then as much of the rest as fits.
func cutProof(cell string, width int) []string {
	place, _, _ := strings.Cut(cell, "  ")
	if over := utf8.RuneCountInString(place) - width; over > 0 {
		return []string{"…" + string([]rune(place)[over+1:])}
	}
	return cut(cell, width)
}

// wrap breaks a cell between words.
func wrap(cell string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(cell) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
