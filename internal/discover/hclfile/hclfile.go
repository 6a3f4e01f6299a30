// Package hclfile parses files in HashiCorp's configuration language within bounds: the parser of the library recurses into
// brackets and operators, and a hostile file would end the program. What blocks and attributes mean is the readers'
// business.
package hclfile

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"example.org/caravan/internal/syntax"
)

// The bounds. Files written by hand stay far below them.
const (
	maxBytes        = 256 << 10
	maxNesting      = 4 * syntax.MaxDepth
	maxSigns        = 256  // in a row: !!! and ---
	maxConditionals = 2000 // in one file
)

// Parse reads a file. With an error, a *syntax.Error, it returns what it understood so far, or nil when the file is beyond
// the bounds.
func Parse(data []byte) (*hclsyntax.Body, error) {
	if len(data) > maxBytes || tooDeep(data) {
		return nil, &syntax.Error{Text: "larger or nested deeper than a file written by hand; split it"}
	}
	file, diags := hclsyntax.ParseConfig(data, "", hcl.InitialPos)
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, &syntax.Error{Text: "not valid HCL"}
	}
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		e := &syntax.Error{Text: "not valid HCL: " + strings.ToLower(d.Summary) + "; mend that line"}
		if d.Subject != nil {
			e.Line = d.Subject.Start.Line
		}
		return body, e
	}
	return body, nil
}

// tooDeep reports whether the parser, or whoever evaluates its result, would recurse too far. It looks at bytes and not at
// tokens, so strings and comments count too: a generous bound.
func tooDeep(data []byte) bool {
	depth, signs, conditionals := 0, 0, 0
	for _, c := range data {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		case '?':
			conditionals++
		case '!', '-':
			signs++
		}
		if depth > maxNesting || signs > maxSigns || conditionals > maxConditionals {
			return true
		}
		if c != '!' && c != '-' && c != ' ' && c != '\n' {
			signs = 0
		}
	}
	return false
}

// Attributes are the names of a body's attributes in file order.
func Attributes(body *hclsyntax.Body) []string {
	names := make([]string, 0, len(body.Attributes))
	for name := range body.Attributes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return body.Attributes[a].NameRange.Start.Byte - body.Attributes[b].NameRange.Start.Byte
	})
	return names
}
