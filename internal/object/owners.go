package object

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// owner is what one field manager owns of an object, below the place that is looked at (FieldsV1: f:NAME is a field, k:{…} the item of a
// list with these keys, v:VALUE that item of a set, "." the thing itself).
type owner struct {
	manager, subresource string
	at                   time.Time
	fields               map[string]any
	above                bool // all that is here is one value, which it owns as a whole
}

// ownersOf are the field managers of an object, as its cluster keeps them.
func ownersOf(live map[string]any) []owner {
	list, _ := at(live, "metadata", "managedFields").([]any)
	var out []owner
	for _, item := range list {
		m, _ := item.(map[string]any)
		o := owner{manager: textOf(m, "manager"), subresource: textOf(m, "subresource")}
		o.at, _ = time.Parse(time.RFC3339, textOf(m, "time"))
		o.fields, _ = m["fieldsV1"].(map[string]any)
		if o.fields != nil {
			out = append(out, o)
		}
	}
	return out
}

// below are the owners of what a step of a path leads to.
func below(all []owner, name string) []owner {
	var out []owner
	for _, o := range all {
		deeper, ok := o.fields[name].(map[string]any)
		switch {
		case ok:
			o.fields = deeper
			out = append(out, o)
		case len(o.fields) == 0:
			o.above = true
			out = append(out, o)
		}
	}
	return out
}

// keysOf are the keys by which the items of a list are told apart, as the owners of items tell; nil when it is no such list.
func keysOf(all []owner) []string {
	for _, o := range all {
		for name := range o.fields {
			if kind, rest, _ := strings.Cut(name, ":"); kind == "k" {
				var keys map[string]any
				if json.Unmarshal([]byte(rest), &keys) == nil {
					return sorted(keys)
				}
			}
		}
	}
	return nil
}

// isSet reports whether a list is one in which each value stands once and their order says nothing.
func isSet(all []owner) bool {
	return slices.ContainsFunc(all, func(o owner) bool {
		for name := range o.fields {
			if strings.HasPrefix(name, "v:") {
				return true
			}
		}
		return false
	})
}

// item are the owners of the item of a list with some keys.
func item(all []owner, keys map[string]any) []owner {
	var out []owner
	for _, o := range all {
		for name, deeper := range o.fields {
			kind, rest, _ := strings.Cut(name, ":")
			var has map[string]any
			if kind != "k" || json.Unmarshal([]byte(rest), &has) != nil || !hasKeys(keys, has) {
				continue
			}
			o.fields, _ = deeper.(map[string]any)
			out = append(out, o)
			break
		}
	}
	return out
}

func hasKeys(m, keys map[string]any) bool {
	for k, v := range keys {
		if fmt.Sprint(m[k]) != fmt.Sprint(v) {
			return false
		}
	}
	return m != nil
}

// clusterOwn reports whether a manager is a part of Kubernetes that fills in what nobody says.
func clusterOwn(name string) bool {
	return slices.Contains([]string{"kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver", "cloud-controller-manager"}, name)
}

// byHand are the first parts of names under which tools write that people type into or click at.
var byHand = []string{"kubectl", "k9s", "Mozilla", "node-fetch", "lens", "headlamp", "dashboard", "rancher", "oc"}

// writes reports whether an owner is somebody whose writing is no business of the object's own cluster. Kinds that an operator brought are
// for that operator to fill in, so only people count there.
func (o owner) writes(own string, custom bool) bool {
	if o.manager == own || o.manager == "" || o.subresource != "" && o.subresource != "scale" || clusterOwn(o.manager) {
		return false
	}
	return !custom || slices.ContainsFunc(byHand, func(p string) bool { return strings.HasPrefix(o.manager, p) })
}

// whose is who wrote last of some owners, beside one's own.
func whose(all []owner, own string) (string, time.Time) {
	var last owner
	for _, o := range all {
		if o.manager != own && (last.manager == "" || o.at.After(last.at)) {
			last = o
		}
	}
	return last.manager, last.at
}

// member is what a step of a path of fields leads to; nil when that is nothing.
func member(name string, in any) any {
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "f":
		m, _ := in.(map[string]any)
		return m[rest]
	case "k":
		var keys map[string]any
		if json.Unmarshal([]byte(rest), &keys) != nil {
			return nil
		}
		list, _ := in.([]any)
		for _, v := range list {
			if m, _ := v.(map[string]any); hasKeys(m, keys) {
				return v
			}
		}
		return nil
	case "v":
		return rest
	}
	return nil
}
