package build

import (
	"strings"

	"example.org/caravan/internal/discover"
)

// readGoMod reads the direct requirements of a Go module.
func readGoMod(f discover.File, m *manifest) error {
	m.startedBy = []string{"main.go"}
	block := ""
	for n, line := range strings.Split(string(f.Data), "\n") {
		line, comment, _ := strings.Cut(line, "//")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
			continue
		case fields[0] == ")":
			block = ""
			continue
		case len(fields) == 2 && fields[1] == "(":
			block = fields[0]
			continue
		case block != "":
			fields = append([]string{block}, fields...)
		}
		switch {
		case fields[0] == "module" && len(fields) > 1:
			m.name = "go:" + strings.Trim(fields[1], `"`)
			m.title = strings.Trim(fields[1], `"`)
		case fields[0] == "require" && len(fields) > 2 && !strings.HasPrefix(strings.TrimSpace(comment), "indirect"):
			m.needs("go:"+strings.Trim(fields[1], `"`), n+1)
		}
	}
	return nil
}
