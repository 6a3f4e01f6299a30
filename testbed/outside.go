package testbed

import (
	"context"
	"time"
)

// startOutside starts who stands for the world outside: payment providers and their like, which answer everything with "ok".
func (b *Bed) startOutside(ctx context.Context) error {
	path, err := Program(ctx, "kopi")
	if err != nil {
		return err
	}
	if err := b.start(process{name: "outside", group: "shared/outside", space: b.lan(), argv: []string{path, "outside", outsideAt.String(), b.file("pki/ca.crt"), b.file("pki/ca.key")}}); err != nil {
		return err
	}
	return await(ctx, "the world outside", time.Minute, b.lan().listens(joinPort(outsideAt, "443")))
}
