package config

import (
	"slices"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// Read is what a file of a form says, by key: what Deliver writes, and what others wrote in its place. Invalid when it is not of the form.
func Read(as As, text string) (map[string]string, error) {
	entries, err := entriesOf(as, []byte(text))
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "not a file of the form %s: %w", as, err)
	}
	out := make(map[string]string, len(entries))
	for _, e := range entries {
		out[e.Key] = e.Value
	}
	return out, nil
}

func entriesOf(as As, data []byte) ([]syntax.Entry, error) {
	switch as {
	case AsEnvFile:
		return syntax.Env(data, syntax.EnvSystemd)
	case AsProperties:
		return syntax.Properties(data)
	case AsJSON:
		n, err := syntax.JSON(data)
		return n.Flatten(), err
	}
	documents, err := syntax.YAML(data)
	var out []syntax.Entry
	for _, n := range documents {
		out = slices.Concat(out, n.Flatten())
	}
	return out, err
}
