package workload

import (
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// Ask writes one more resource without parameters into the text of a workload and leaves everything else as it is, comments included. Conflict when the workload has
// a resource of that name, or is laid out in a way that cannot be added to.
func Ask(data []byte, file, name, resourceType string) ([]byte, error) {
	before, err := Parse(data, file)
	if err != nil {
		return nil, err
	}
	if r, taken := before.Resources[name]; taken {
		return nil, fault.Newf(fault.Conflict, "%s asks for %s already, of type %s; choose another name", file, name, r.Type)
	}
	docs, err := syntax.YAML(data)
	if err != nil || len(docs) != 1 {
		return nil, fault.Newf(fault.Conflict, "%s is not one YAML document; write the resource yourself", file)
	}
	text, ok := document.Added(data, docs[0], "resources", []string{document.Scalar(name) + ":", "  type: " + document.Scalar(resourceType)})
	if !ok {
		return nil, fault.Newf(fault.Conflict, "%s: its resources are not lines below one another; write %s there yourself: {type: %s}", file, name, resourceType)
	}
	after, err := Parse(text, file)
	if err != nil {
		return nil, err
	}
	want := before
	if want.Resources = maps.Clone(before.Resources); want.Resources == nil {
		want.Resources = map[string]Resource{}
	}
	want.Resources[name] = Resource{Type: resourceType}
	if !cmp.Equal(want, after) {
		return nil, fault.Newf(fault.Conflict, "%s: its resources are laid out in a way that cannot be added to; write %s there yourself: {type: %s}", file, name, resourceType)
	}
	return text, nil
}

// Placeholders are what a variable may hold to be given a property of a resource, for each property that its type has.
func Placeholders(name, resourceType string) []string {
	out := slices.Clone(properties[resourceType])
	for i, property := range out {
		out[i] = "${resources." + name + "." + property + "}"
	}
	return out
}
