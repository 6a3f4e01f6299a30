package object

import "strings"

// Name is how people call an object: "deployment orders/orders"; "" for none.
func Name(o map[string]any) string {
	if o == nil {
		return ""
	}
	name := textOf(o, "metadata", "name")
	if space := Namespace(o); space != "" {
		name = space + "/" + name
	}
	return strings.ToLower(textOf(o, "kind")) + " " + name
}

// Namespace is that of an object; "" when it is in none.
func Namespace(o map[string]any) string { return textOf(o, "metadata", "namespace") }

// Image is that of the first container of what runs containers; "" of everything else.
func Image(o map[string]any) string {
	list, _ := at(o, "spec", "template", "spec", "containers").([]any)
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(map[string]any)
	return textOf(first, "image")
}

// Scaled are the names of objects whose replicas a declared autoscaler sets.
func Scaled(all []Pair) map[string]bool {
	out := map[string]bool{}
	for _, p := range all {
		if textOf(p.Declared, "kind") != "HorizontalPodAutoscaler" {
			continue
		}
		target := map[string]any{"kind": textOf(p.Declared, "spec", "scaleTargetRef", "kind"), "metadata": map[string]any{
			"name": textOf(p.Declared, "spec", "scaleTargetRef", "name"), "namespace": Namespace(p.Declared),
		}}
		out[Name(target)] = true
	}
	return out
}
