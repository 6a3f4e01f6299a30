package drift

import (
	"cmp"
	"fmt"
	"slices"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
)

// settings finds keys that have other values in one environment than in another. Each environment is compared with one: that of today, whose
// services others take over, or else the first.
func (w World) settings() []Difference {
	of := map[estate.ServiceName][]Configuration{}
	for _, c := range w.Configurations {
		of[c.Service] = append(of[c.Service], c)
	}
	var out []Difference
	for _, all := range of {
		slices.SortFunc(all, func(x, y Configuration) int { return cmp.Compare(x.Environment, y.Environment) })
		first := max(slices.IndexFunc(all, func(c Configuration) bool { return c.Seen }), 0)
		for i, c := range all {
			if i != first {
				out = append(out, w.between(all[first], c)...)
			}
		}
	}
	return out
}

func (w World) between(old, now Configuration) []Difference {
	var out []Difference
	for _, k := range config.Compare(old.Effective, now.Effective) {
		if k.Old == nil || k.New == nil {
			if old.Seen || now.Seen {
				continue // files of today say much that a process does not need to be given
			}
		}
		d := w.from(Source{Service: now.Service, Environment: now.Environment, At: w.Now}, Setting)
		d.Subject, d.Field = fmt.Sprintf("configuration of %s", now.Service), k.Key
		d.Declared, d.Live = textOf(k.Old), textOf(k.New)
		d.What = fmt.Sprintf("%s is %s here, %s in %s", k.Key, orNothing(d.Live), orNothing(d.Declared), old.Environment)
		d.Evidence = placesOf(k)
		if why := reasonOf(old, now, k.Key); why != "" {
			d.Class, d.Reason = Intended, why
		} else {
			d.Mend = fmt.Sprintf("caravan config set %s %s=…, or say it for this environment alone: --layer environment", now.Service, k.Key)
		}
		out = append(out, identify(d))
	}
	return out
}

func textOf(s *config.Side) string {
	if s == nil {
		return ""
	}
	return s.Text
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

func placesOf(k config.Difference) []string {
	var out []string
	for _, s := range []*config.Side{k.Old, k.New} {
		if s != nil && s.Place.File != "" {
			out = append(out, s.Place.String())
		}
	}
	return out
}

// reasonOf is why a key may differ: somebody says so for one of the environments, or the plan fills in what it makes there; "" when nobody does.
func reasonOf(old, now Configuration, key string) string {
	for _, c := range []Configuration{now, old} {
		e, ok := c.Entry(key)
		if !ok {
			continue
		}
		given := e.Given[len(e.Given)-1]
		switch {
		case slices.Contains([]config.Layer{config.Kind, config.Environment, config.Country}, given.Layer):
			return fmt.Sprintf("%s layer of %s, %s", given.Layer, given.Name, given.Place)
		case given.Layer == config.Substitution:
			return fmt.Sprintf("substituted by the expansion, %s", given.Place)
		case e.Becomes != "":
			return fmt.Sprintf("%s is what the plan makes there", e.Becomes)
		case given.Value.Secret != nil:
			return "a secret, which is kept where it is used"
		}
	}
	if old.Seen && now.Seen {
		if e, ok := now.Entry(key); ok {
			return "each environment's own files say so, " + e.Place().String()
		}
	}
	return ""
}

// readings finds what processes are really given and nobody declares, and the other way round.
func (w World) readings() []Difference {
	declared := map[spot]Configuration{}
	for _, c := range w.Configurations {
		declared[spot{c.Service, c.Environment}] = c
	}
	var out []Difference
	for _, r := range w.Readings {
		c, ok := declared[spot{r.Service, r.Environment}]
		if !ok {
			continue
		}
		out = append(out, w.reading(c, r)...)
	}
	return out
}

func (w World) reading(c Configuration, r Reading) []Difference {
	var out []Difference
	say := func(kind Kind, key, declared, live, what string, evidence ...string) {
		d := w.from(Source{Service: r.Service, Environment: r.Environment, At: r.At}, kind)
		d.Subject, d.Field, d.Declared, d.Live = "process on "+r.Instance, key, declared, live
		d.What = fmt.Sprintf("%s %s on %s", key, what, r.Instance)
		d.Evidence = append([]string{"process of " + string(r.Service) + " on " + r.Instance}, evidence...)
		d.Mend = fmt.Sprintf("start %s on %s anew, or declare it: caravan config set %s %s=…", r.Service, r.Instance, r.Service, key)
		out = append(out, identify(d, r.Values[key].Fingerprint))
	}
	taken := map[string]bool{}
	for _, e := range c.Entries {
		key, v, ok := r.find(e.Key)
		taken[key] = true
		switch place := e.Place().String(); {
		case !ok && r.Whole:
			say(NotGiven, e.Key, e.Text(), "", "is declared and not given", place)
		case !ok:
		case e.Value().Secret != nil || v.Fingerprint != "":
			if !v.Same {
				say(GivenOther, e.Key, e.Text(), "another secret", "is another secret than is declared", place)
			}
		case !e.Declared.Type.Same(e.Text(), v.Text):
			say(GivenOther, e.Key, e.Text(), v.Text, fmt.Sprintf("is %s, declared is %s", v.Text, e.Text()), place)
		}
	}
	for _, key := range slices.Sorted(keys(r.Values)) {
		if !taken[key] && r.Whole {
			say(NotDeclared, key, "", r.Values[key].shown(), "is given and not declared")
		}
	}
	return out
}

// find is the value of a key, in whatever spelling the process has it.
func (r Reading) find(key string) (string, Value, bool) {
	if v, ok := r.Values[key]; ok {
		return key, v, true
	}
	for _, k := range slices.Sorted(keys(r.Values)) {
		if estate.Norm(k) == estate.Norm(key) {
			return k, r.Values[k], true
		}
	}
	return key, Value{}, false
}

func (v Value) shown() string {
	if v.Fingerprint != "" {
		return "a secret"
	}
	return v.Text
}
