package workload

import (
	"strings"

	"example.org/caravan/internal/fault"
)

// Part is a piece of a value: Text as it is, or, when Resource is set, a property of that resource, or, when Secret is set, what is kept there
// under a key, which is the Property then. The properties of the workload itself are those of the resource Self.
type Part struct {
	Text     string
	Resource string
	Secret   string
	Property string
}

// Placeholder is a part as it is written in a value; "" for one that is a text.
func (p Part) Placeholder() string {
	switch {
	case p.Secret != "":
		return SecretPlaceholder(p.Secret, p.Property)
	case p.Resource == Self:
		return "${" + Self + "." + p.Property + "}"
	case p.Resource != "":
		return "${resources." + p.Resource + "." + p.Property + "}"
	}
	return ""
}

// SecretPlaceholder stands for what a secret keeps under a key. Teams' workloads have none: configuration does.
func SecretPlaceholder(secret, key string) string { return "${secrets." + secret + "." + key + "}" }

// OwnSecret is the name of a service's secret that holds what belongs to no resource.
func OwnSecret(service string) string { return NameOf(service) + "-secrets" }

// Self stands for the workload's own metadata: ${metadata.name} is its property "name".
const Self = "metadata"

// Parts splits a value at its placeholders: ${resources.NAME.PROPERTY}, ${metadata.name} and ${secrets.NAME.KEY}; $${ stands for ${. Invalid
// when a placeholder is not closed or of neither form.
func Parts(value string) ([]Part, error) {
	var out []Part
	text := func(s string) {
		switch last := len(out) - 1; {
		case s == "":
		case last >= 0 && out[last].Placeholder() == "":
			out[last].Text += s
		default:
			out = append(out, Part{Text: s})
		}
	}
	for {
		i := strings.Index(value, "${")
		if i < 0 {
			text(value)
			return out, nil
		}
		if i > 0 && value[i-1] == '$' {
			text(value[:i-1] + "${")
			value = value[i+2:]
			continue
		}
		text(value[:i])
		inner, rest, closed := strings.Cut(value[i+2:], "}")
		if !closed {
			return nil, fault.Newf(fault.Invalid, "a placeholder is not closed; end it with }, or write $${ for the text itself")
		}
		part, err := placeholder(inner)
		if err != nil {
			return nil, err
		}
		out = append(out, part)
		value = rest
	}
}

func placeholder(inner string) (Part, error) {
	if property, ok := strings.CutPrefix(inner, Self+"."); ok && property != "" {
		return Part{Resource: Self, Property: property}, nil
	}
	words := strings.SplitN(inner, ".", 3)
	if len(words) == 3 && words[0] == "resources" && words[1] != "" && words[2] != "" {
		return Part{Resource: words[1], Property: words[2]}, nil
	}
	if len(words) == 3 && words[0] == "secrets" && words[1] != "" && words[2] != "" {
		return Part{Secret: words[1], Property: words[2]}, nil
	}
	return Part{}, fault.Newf(fault.Invalid, "${%s} is no placeholder; write ${resources.NAME.PROPERTY}, ${metadata.name}, or $${ for the text itself", inner)
}
