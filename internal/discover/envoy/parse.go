package envoy

import (
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
