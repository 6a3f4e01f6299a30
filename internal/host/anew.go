package host

import (
	"context"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
)

// Anew has the units of a service start anew on some machines when it is applied next, though its files are as they were: what they read besides,
// such as secrets, is not.
func (t *Target) Anew(ctx context.Context, thing estate.ServiceName, hosts []render.Host) error {
	return t.each(ctx, hosts, func(_ render.Host, m *Machine) error {
		return m.change(ctx, t.o.Expansion, func(mf *manifest) {
			if o, ok := mf.Things[string(thing)]; ok {
				o.Started = nil
				mf.Things[string(thing)] = o
			}
		})
	})
}
