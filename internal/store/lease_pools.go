package store

import (
	"example.org/caravan/internal/address"
	"example.org/caravan/internal/fault"
)

func (t *leasing) declare(pools []address.Pool) error {
	found, err := t.spans(`r.state = 'pool'` + bySpan)
	if err != nil {
		return err
	}
	names, err := poolsByName(pools)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, old := range found {
		stays, err := t.stays(old, names, pools)
		if err != nil {
			return err
		}
		there[old.Holder] = stays
	}
	for _, p := range pools {
		if there[text(p.Name)] {
			continue
		}
		there[text(p.Name)] = true
		if err := t.insert(span{Lease: address.Lease{Holder: p.Name, Prefix: p.Prefix, State: poolState}}, span{}); err != nil {
			return err
		}
	}
	return nil
}

// poolsByName refuses pools that are none, or not apart.
func poolsByName(pools []address.Pool) (map[string]address.Pool, error) {
	out := map[string]address.Pool{}
	for i, p := range pools {
		if err := checkPool(p); err != nil {
			return nil, err
		}
		for _, other := range pools[:i] {
			switch {
			case other.Name == p.Name && other.Prefix != p.Prefix:
				return nil, fault.Newf(fault.Conflict, "pool %s is declared as %s and as %s; give one of them another name", p.Name, other.Prefix, p.Prefix)
			case other.Name != p.Name && other.Prefix.Overlaps(p.Prefix):
				return nil, fault.Newf(fault.Conflict, "pool %s, %s, overlaps pool %s, %s; correct one of them", p.Name, p.Prefix, other.Name, other.Prefix)
			}
		}
		out[text(p.Name)] = p
	}
	return out, nil
}

func checkPool(p address.Pool) error {
	switch {
	case p.Name == "":
		return fault.Newf(fault.Invalid, "pool %s has no name; give it one", p.Prefix)
	case !p.Prefix.IsValid() || p.Prefix != p.Prefix.Masked():
		return fault.Newf(fault.Invalid, "pool %s: %s is not a range; write it as 10.64.0.0/10", p.Name, p.Prefix)
	}
	return nil
}

// stays reports whether a pool that was declared is one still. One that is in the way of those that are declared now goes,
// unless parts of it are taken.
func (t *leasing) stays(old span, names map[string]address.Pool, pools []address.Pool) (bool, error) {
	now, named := names[old.Holder]
	if named && now.Prefix == old.Prefix {
		return true, nil
	}
	for _, p := range pools {
		if text(p.Name) != old.Holder && p.Prefix.Overlaps(old.Prefix) {
			now, named = p, true
		}
	}
	if !named {
		return true, nil
	}
	return false, t.forget(old, now)
}

// forget removes a pool of which nothing is taken, to make place for another.
func (t *leasing) forget(old span, now address.Pool) error {
	divided, err := t.divided(old)
	if err != nil {
		return err
	}
	if divided && old.Holder == text(now.Name) {
		return fault.Newf(fault.Conflict, "pool %s is %s, and parts of it are taken, so it cannot become %s; give the new range a name of its own", now.Name, old.Prefix, now.Prefix)
	}
	if divided {
		return fault.Newf(fault.Conflict, "pool %s, %s, overlaps pool %s, %s, and parts of that are taken; declare another range, or leave %s as it is",
			now.Name, now.Prefix, old.Holder, old.Prefix, old.Holder)
	}
	if err := t.delete(old); err != nil {
		return err
	}
	return t.write("freed", old.Lease)
}
