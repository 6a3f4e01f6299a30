package kube

import (
	"sync"

	"example.org/caravan/internal/estate"
)

// Builds remembers what folders were built to, for targets that are opened one after another for the steps of a course: building takes
// longer than applying. Its methods may be called from several goroutines. The zero Builds is empty.
type Builds struct {
	mu    sync.Mutex
	built map[estate.Digest][]made
	order []estate.Digest // oldest first
}

// mostBuilds bounds what is remembered; a folder takes some tens of kilobytes.
const mostBuilds = 1000

// of gives what a folder with this input was built to, or builds it. The objects are the caller's own.
func (b *Builds) of(key estate.Digest, build func() ([]made, error)) ([]made, error) {
	if b == nil {
		return build()
	}
	b.mu.Lock()
	known, ok := b.built[key]
	b.mu.Unlock()
	if ok {
		return copied(known), nil
	}
	fresh, err := build()
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.built == nil {
		b.built = map[estate.Digest][]made{}
	}
	if _, ok := b.built[key]; !ok {
		b.built[key] = copied(fresh)
		b.order = append(b.order, key)
	}
	if len(b.order) > mostBuilds {
		delete(b.built, b.order[0])
		b.order = b.order[1:]
	}
	return fresh, nil
}

func copied(all []made) []made {
	out := make([]made, len(all))
	for i, m := range all {
		m.object = m.object.DeepCopy()
		out[i] = m
	}
	return out
}
