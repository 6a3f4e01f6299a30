package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

// longestBody is what nginx takes as one word of its configuration (NGX_CONF_BUFFER, 4,096 bytes), with room for escapes.
const longestBody = 3500

// Server is the stub as a server of nginx, as it stands in an http block. The longest path that a request's path begins with
// answers it. Invalid when nginx cannot be told an answer.
func (s Stub) Server() (string, error) {
	answers := slices.Clone(s.Answers)
	slices.SortStableFunc(answers, func(a, b Answer) int { return cmp.Compare(a.Path, b.Path) })
	var b strings.Builder
	dollar := "stub_" + strings.ReplaceAll(workload.NameOf(string(s.Name)), "-", "_") + "_dollar"
	if slices.ContainsFunc(answers, func(a Answer) bool { return strings.Contains(a.Body, "$") }) {
		fmt.Fprintf(&b, "# nginx has no other way to write a dollar sign.\ngeo $%s {\n    default \"$\";\n}\n\n", dollar)
	}
	fmt.Fprintf(&b, "server {\n    listen %d;\n    listen [::]:%d;\n    server_name _;\n    access_log off;\n", s.Port, s.Port)
	for i, a := range answers {
		if err := s.answerable(a); err != nil {
			return "", err
		}
		if i > 0 && a.Path == answers[i-1].Path {
			return "", fault.Newf(fault.Invalid, "stub %s: %s is answered twice; take one of the answers out", s.Name, a.Path)
		}
		fmt.Fprintf(&b, "\n    location ^~ %s {\n        default_type %s;\n        return %d %s;\n    }\n",
			nginxWord(a.Path, ""), nginxWord(cmp.Or(a.Type, "application/json"), ""), a.Status, nginxWord(a.Body, dollar))
	}
	if !slices.ContainsFunc(answers, func(a Answer) bool { return a.Path == "/" }) {
		b.WriteString("\n    location / {\n        return 404;\n    }\n")
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func (s Stub) answerable(a Answer) error {
	all := a.Body + a.Path + a.Type
	switch {
	case !isPort(s.Port):
		return fault.Newf(fault.Invalid, "stub %s listens on port %d; write a number from 1 to 65535", s.Name, s.Port)
	case !strings.HasPrefix(a.Path, "/"):
		return fault.Newf(fault.Invalid, "stub %s: the path %q does not begin with /", s.Name, a.Path)
	case a.Status < 200 || a.Status > 599:
		return fault.Newf(fault.Invalid, "stub %s: %s is answered with status %d; write one from 200 to 599", s.Name, a.Path, a.Status)
	case len(a.Body) > longestBody:
		return fault.Newf(fault.Invalid, "stub %s: the answer to %s is %d bytes long; shorten it to %d", s.Name, a.Path, len(a.Body), longestBody)
	case !utf8.ValidString(all) || strings.ContainsRune(all, 0):
		return fault.Newf(fault.Invalid, "stub %s: the answer to %s is no text (it holds a zero byte or is not UTF-8)", s.Name, a.Path)
	case strings.Contains(a.Path+a.Type, "$"):
		return fault.Newf(fault.Invalid, "stub %s: %s has a dollar sign outside its body, which nginx cannot be told", s.Name, a.Path)
	}
	return nil
}

// nginxWord quotes a word of nginx's configuration; dollar is the variable that stands for a dollar sign.
func nginxWord(w, dollar string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, "${"+dollar+"}").Replace(w) + `"`
}
