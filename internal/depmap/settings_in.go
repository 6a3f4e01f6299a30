package depmap

import (
	"cmp"
	"slices"

	"example.org/caravan/internal/estate"
)

// SettingsIn are the settings of a component that count in an environment: placeholders filled in where what stands for them is known, values
// of dead profiles and those that others overrule left out, and what is only on developers' machines where it is known to run on others. Sorted by key and place; a key may stand in several.
func SettingsIn(c estate.Component, all []estate.Component, env estate.EnvironmentName) []estate.Setting {
	here := c
	here.Settings = slices.DeleteFunc(slices.Clone(c.Settings), func(s estate.Setting) bool {
		developers := s.By == "compose" || s.By == "dockerfile"
		return s.Environment != "" && s.Environment != env || developers && len(c.Hosts) > 0
	})
	var out []estate.Setting
	for _, r := range effectiveSettings(&here, usualProfiles(all)).list {
		r.Value = r.full
		out = append(out, r.Setting)
	}
	slices.SortFunc(out, func(x, y estate.Setting) int { return cmp.Or(cmp.Compare(x.Key, y.Key), x.Place.Compare(y.Place)) })
	return out
}
