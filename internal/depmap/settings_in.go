package depmap

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
)

// InForce is a setting that counts somewhere, with the value that its placeholders give it as far as what stands for them is known.
type InForce struct {
	estate.Setting
	Full string
}

// SettingsIn are the settings of a component that count in an environment: values of other profiles and those that others overrule left out,
// and what is only on developers' machines where it is known to run on others. Usual are the UsualProfiles of the estate. Sorted by key and place; a key may stand in several.
func SettingsIn(c estate.Component, usual []string, env estate.EnvironmentName) []InForce {
	here := c
	here.Settings = slices.DeleteFunc(slices.Clone(c.Settings), func(s estate.Setting) bool {
		developers := s.By == "compose" || s.By == "dockerfile"
		return s.Environment != "" && s.Environment != env || developers && len(c.Hosts) > 0 || !ProfileIn(s.Profile, env)
	})
	var out []InForce
	for _, r := range effectiveSettings(&here, usual).list {
		out = append(out, InForce{r.Setting, r.full})
	}
	slices.SortFunc(out, func(x, y InForce) int { return cmp.Or(cmp.Compare(x.Key, y.Key), x.Place.Compare(y.Place)) })
	return out
}

// ProfileIn reports whether a profile is on in an environment, as far as their names tell: one that is called like it, like a word of its name,
// or like production.
func ProfileIn(profile string, env estate.EnvironmentName) bool {
	words := strings.FieldsFunc(strings.ToLower(string(env)), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	words = append(words, "", "default", "prod", "production", "live", strings.ToLower(string(env)))
	return slices.Contains(words, strings.ToLower(profile))
}
