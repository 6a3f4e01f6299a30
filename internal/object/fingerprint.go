package object

import (
	"slices"
	"strings"
)

// Written are all that people and programs have written into an object, each place with its value, sorted, apart from what the cluster itself
// keeps up to date there: fields that one's own manager owns, and fields outside of metadata and status that others own. When they change,
// somebody edited the object.
func Written(live map[string]any, own string) []string {
	var parts []string
	for _, o := range ownersOf(live) {
		if o.manager != own && (o.subresource != "" || clusterOwn(o.manager)) {
			continue
		}
		parts = append(parts, values(o.fields, live, "", o.manager == own)...)
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// Writers are who else wrote into an object what is not for the cluster itself to write, in one line.
func Writers(live map[string]any, own string) string {
	var out []string
	for _, o := range ownersOf(live) {
		if o.manager != own && o.subresource != "status" && !clusterOwn(o.manager) && o.manager != "" {
			out = append(out, o.manager)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// values are the leaves of owned fields, each with its place and value.
func values(fields map[string]any, in any, at string, own bool) []string {
	var out []string
	for name, below := range fields {
		if name == "." || name == "f:"+restarted || at == "" && !own && slices.Contains([]string{"f:metadata", "f:status", "f:apiVersion", "f:kind"}, name) {
			continue
		}
		value, place := member(name, in), at+"/"+name
		if deeper, _ := below.(map[string]any); len(deeper) > 0 && !(len(deeper) == 1 && deeper["."] != nil) {
			out = append(out, values(deeper, value, place, own)...)
			continue
		}
		out = append(out, place+"="+compact(value))
	}
	return out
}
