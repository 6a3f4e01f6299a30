package config

import "example.org/caravan/internal/estate"

// Difference is a key that two services, environments or times have differently.
type Difference struct {
	Key   string       `json:"key"`
	Old   *Side        `json:"old,omitempty"` // nothing when it has none there
	New   *Side        `json:"new,omitempty"`
	Place estate.Place `json:"place,omitzero"` // of the newer, or else of the older
}

// Side is what one of two has.
type Side struct {
	Text   string       `json:"text"` // of a secret: where it is kept
	Secret bool         `json:"secret,omitempty"`
	Place  estate.Place `json:"place"`
}

// Compare lists what differs between what two are given, by key. Values that mean the same in the type of their key are equal, and a key is
// the same in another spelling: spring.rabbitmq.host and SPRING_RABBITMQ_HOST.
func Compare(old, now Effective) []Difference {
	before := old.spelt(now)
	known := map[string]bool{}
	for _, e := range now.Entries {
		known[e.Key] = true
	}
	for key := range before {
		known[key] = true
	}
	var out []Difference
	for _, key := range sorted(known) {
		x, hasX := before[key]
		y, hasY := now.Entry(key)
		if hasX && hasY && same(x, y) {
			continue
		}
		d := Difference{Key: key}
		if hasX {
			d.Old, d.Place = sideOf(x), x.Place()
		}
		if hasY {
			d.New, d.Place = sideOf(y), y.Place()
		}
		out = append(out, d)
	}
	return out
}

// spelt are entries by the key that another has them under, where it has them.
func (e Effective) spelt(as Effective) map[string]Entry {
	spelling := map[string]string{}
	for _, x := range as.Entries {
		spelling[estate.Norm(x.Key)] = x.Key
	}
	out := map[string]Entry{}
	for _, x := range e.Entries {
		key := x.Key
		if _, own := as.Entry(key); !own && spelling[estate.Norm(key)] != "" {
			key = spelling[estate.Norm(key)]
		}
		if _, taken := out[key]; !taken || key == x.Key {
			out[key] = x
		}
	}
	return out
}

func same(x, y Entry) bool {
	a, b := x.Value(), y.Value()
	if a.Secret != nil || b.Secret != nil {
		return a.Secret != nil && b.Secret != nil && *a.Secret == *b.Secret
	}
	return y.Declared.Type.Same(x.Text(), y.Text())
}

func sideOf(e Entry) *Side {
	return &Side{Text: e.Text(), Secret: e.Value().Secret != nil, Place: e.Place()}
}

// Uses is what a service has of a key in one environment, for those who look a key up.
type Uses struct {
	Spot
	Entry Entry `json:"entry"`
}
