package envoy

import (
	"errors"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// parse reads the documents of a file; a JSON file is one document.
func parse(f discover.File) ([]syntax.Node, error) {
	if f.Ext() != ".json" {
		return syntax.YAML(f.Data)
	}
	doc, err := syntax.JSON(f.Data)
	return []syntax.Node{doc}, err
}

func lineOf(err error) int {
	var e *syntax.Error
	if errors.As(err, &e) {
		return e.Line
	}
	return 0
}
