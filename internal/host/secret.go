package host

import (
	"context"
	"slices"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// Modes of files of secrets, which lie in a folder that only root looks into: those that systemd reads, and those that a service is shown.
const (
	forRoot = 0o600
	forAll  = 0o444
)

// PutSecrets writes secrets where services find them. Lines of others in the same files stay.
func (t *Target) PutSecrets(ctx context.Context, all []render.Secret) error {
	var hosts []render.Host
	for _, s := range all {
		for _, h := range s.Hosts {
			if !slices.Contains(hosts, h) {
				hosts = append(hosts, h)
			}
		}
	}
	return t.each(ctx, hosts, func(h render.Host, m *Machine) error {
		for _, s := range all {
			if !slices.Contains(s.Hosts, h) {
				continue
			}
			if err := m.secret(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropSecrets is PutSecrets of secrets without values: files in which nothing is left go.
func (t *Target) DropSecrets(ctx context.Context, all []render.Secret) error {
	return t.PutSecrets(ctx, all)
}

func (m *Machine) secret(ctx context.Context, s render.Secret) error {
	free, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer free()
	there, err := m.read(ctx, s.Path)
	if err != nil {
		return err
	}
	now := there[s.Path]
	if now.kind != nothing && now.kind != regular {
		return fault.Newf(fault.Conflict, "%s: %s is no file; move it away", m.Name, s.Path)
	}
	text := s.In(string(now.data))
	switch {
	case text == string(now.data) && now.kind == regular, text == "" && now.kind == nothing:
		return nil
	case text == "":
		return m.drop(ctx, s.Path)
	}
	if err := m.must(ctx, nil, "make "+s.Folder, "install", "-d", "-m", "0700", "--", s.Folder, Folder); err != nil {
		return err
	}
	e := entry{data: []byte(text), mode: forRoot, owner: "root", group: "root"}
	if s.Lines == nil {
		e.mode = forAll
	}
	ship := newShipment()
	ship.replace(s.Path, e)
	return m.put(ctx, Folder, ship)
}
