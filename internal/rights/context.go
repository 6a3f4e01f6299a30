package rights

import "context"

type key struct{}

// With is a context in which a person asks.
func With(ctx context.Context, p Person) context.Context { return context.WithValue(ctx, key{}, p) }

// Of is who asks in a context; nobody when that is not known.
func Of(ctx context.Context) Person {
	p, _ := ctx.Value(key{}).(Person)
	return p
}
