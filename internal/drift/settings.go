package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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
			d.Mend = fmt.Sprintf("caravan config set %s %s VALUE, or for this environment alone: -e %s", now.Service, k.Key, now.Environment)
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

// told finds what processes are really told otherwise than configuration has for them. Somebody's word that it is meant makes it intended.
func (w World) told() []Difference {
	var out []Difference
	for _, r := range w.Reports {
		for _, k := range r.Keys {
			if k.Verdict != config.Equal {
				out = append(out, w.parity(r, k))
			}
		}
	}
	return out
}

func (w World) parity(r Report, k config.Parity) Difference {
	d := w.from(Source{Service: r.Service, Environment: r.Environment, At: r.At}, GivenOther)
	on := strings.Join(k.Instances, ", ")
	if on == "" {
		on = strings.Join(r.Instances, ", ")
	}
	d.Subject, d.Field, d.Declared, d.Live = "process of "+string(r.Service), k.Key, textOf(k.Then), textOf(k.Now)
	d.What = fmt.Sprintf("%s is %s on %s, declared is %s", k.Key, d.Live, on, d.Declared)
	switch {
	case k.Now == nil:
		d.Kind, d.What = NotGiven, fmt.Sprintf("%s is declared and not given on %s", k.Key, on)
	case k.Then == nil:
		d.Kind, d.What = NotDeclared, fmt.Sprintf("%s is given on %s and not declared", k.Key, on)
	}
	d.Evidence = []string{"process of " + string(r.Service) + " on " + on}
	for _, s := range []*config.Side{k.Then, k.Now} {
		if s != nil && s.Place.File != "" {
			d.Evidence = append(d.Evidence, s.Place.String())
		}
	}
	d.Mend = fmt.Sprintf("start %s anew on %s, or declare it: caravan config set %s %s VALUE -e %s", r.Service, on, r.Service, k.Key, r.Environment)
	if k.Signed != nil && k.Verdict == config.Intended {
		d.Class, d.Reason, d.Mend = Intended, k.Signed.Why+" ("+k.Signed.By+")", ""
	}
	return identify(d, string(k.Digest))
}
