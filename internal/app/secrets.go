package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/sops"
	"example.org/caravan/internal/workspace"
)

// secretKeeper is a target that keeps secrets for what runs there.
type secretKeeper interface {
	PutSecrets(ctx context.Context, all []render.Secret) error
	DropSecrets(ctx context.Context, all []render.Secret) error
}

// delivering puts a service in place with what is known of its secrets: what configuration keeps in SOPS and in variables of this program.
type delivering struct {
	*App
	placing
}

// Do brings secrets, and then what waits for them.
func (d delivering) Do(ctx context.Context, w journey.Work, tell journey.Tell) ([]journey.Change, error) {
	known, err := d.ownSecrets(ctx, w.Step, true)
	if err != nil {
		return nil, err
	}
	secrets, err := d.secretsOf(ctx, w, known)
	if err != nil {
		return nil, err
	}
	if len(secrets) > 0 {
		err = d.at(ctx, func(t journey.Target) error {
			k, ok := t.(secretKeeper)
			if !ok {
				return nil // a folder, which secrets are never in
			}
			tell(fmt.Sprintf("secrets of %s are put there", w.Step.Subject))
			return k.PutSecrets(ctx, secrets)
		})
		if err != nil {
			return nil, err
		}
	}
	return d.placing.Do(ctx, w, tell)
}

// Undo takes it away, and then its secrets.
func (d delivering) Undo(ctx context.Context, w journey.Work, tell journey.Tell) ([]journey.Change, error) {
	changes, err := d.placing.Undo(ctx, w, tell)
	if err != nil {
		return changes, err
	}
	known, err := d.ownSecrets(ctx, w.Step, false)
	if err != nil || len(known) == 0 {
		return changes, err
	}
	secrets, err := d.secretsOf(ctx, w, known)
	if err != nil {
		return changes, err
	}
	return changes, d.at(ctx, func(t journey.Target) error {
		if k, ok := t.(secretKeeper); ok {
			return k.DropSecrets(ctx, secrets)
		}
		return nil
	})
}

// ownSecrets are the values of a service's own Secret that configuration keeps in SOPS and in variables, by key; without values unless they are
// asked for.
func (a *App) ownSecrets(ctx context.Context, s journey.Step, values bool) (map[string]string, error) {
	layers, err := workspace.ConfigurationOf(a.dir, s.Subject)
	if err != nil || len(layers) == 0 {
		return nil, err
	}
	envs, err := a.allEnvironments()
	if err != nil {
		return nil, err
	}
	at := envs[s.Environment]
	at.Service, at.Environment = s.Subject, s.Environment
	effective, _ := config.Compute(layers, at) // planning said what is wrong with it
	kept, out := sops.In(a.dir), map[string]string{}
	var failed []error
	for _, e := range effective.Entries {
		r := e.Value().Secret
		if r == nil || r.Kubernetes != "" {
			continue
		}
		key, text, ok := config.SecretKey(e.Key), "", true
		if values {
			text, ok, err = revealed(ctx, kept, *r)
			failed = append(failed, err)
		}
		if ok {
			out[key] = config.InForm(e.Form.As, text)
		}
	}
	return out, errors.Join(failed...)
}

// secretsOf is where what is known of a service's secrets is found by what runs of it.
func (a *App) secretsOf(ctx context.Context, w journey.Work, known map[string]string) ([]render.Secret, error) {
	if len(known) == 0 {
		return nil, nil
	}
	c, err := a.underway(ctx, w.Run)
	if err != nil {
		return nil, err
	}
	sites := c.Proposal.Sites(a.origin(c.Proposal.Source))
	i := slices.IndexFunc(sites, func(s render.Site) bool { return s.Environment == w.Step.Environment })
	if i < 0 {
		return nil, nil
	}
	find := vm.OwnSecrets
	if sites[i].Kind == "kubernetes" {
		find = kube.OwnSecrets
	}
	secrets, err := find(sites[i], w.Step.Subject, known)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	return secrets, err
}
