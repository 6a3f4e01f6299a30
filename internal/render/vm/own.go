package vm

import (
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// OwnSecrets are the files of secrets of a service of a site that can be written from what is known of its own secret, by key. What needs more than
// that is left to people, as the service's secrets.md says.
func OwnSecrets(s render.Site, name estate.ServiceName, known map[string]string) ([]render.Secret, error) {
	e, err := environmentOf(s)
	if err != nil {
		return nil, err
	}
	for _, v := range s.Services {
		if v.Name == name {
			return e.ownSecrets(v, known)
		}
	}
	return nil, fault.Newf(fault.NotFound, "%s is not placed in %s", name, s.Environment)
}

func (e environment) ownSecrets(s render.Service, known map[string]string) ([]render.Secret, error) {
	programs, err := e.programs(s)
	if err != nil {
		return nil, err
	}
	hosts := e.at(s.Hosts)
	var out []render.Secret
	for _, p := range programs {
		lines := map[string]string{}
		for _, v := range p.variables {
			if text, ok := render.Known(v.Pieces, s.OwnSecret(), known); ok && v.Hidden() {
				lines[v.Name] = ""
				if text != "" {
					lines[v.Name] = assignment(v.Name, text)
				}
			}
		}
		if len(lines) > 0 {
			out = append(out, render.Secret{Hosts: hosts, Folder: e.secretFolder(), Path: e.secretsAt(p), Lines: lines})
		}
		for _, d := range p.files {
			if text, ok := render.Known(d.pieces, s.OwnSecret(), known); ok && d.hidden() {
				out = append(out, render.Secret{Hosts: hosts, Folder: e.secretFolder(), Path: d.from, Text: text})
			}
		}
	}
	return out, nil
}
