package vm

import (
	"fmt"
	"path"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// stub is a server of Debian's nginx that answers with canned answers.
func (e environment) stub(s render.Stub) (thing, error) {
	server, err := s.Server()
	if err != nil {
		return thing{}, err
	}
	text := fmt.Sprintf("# %s stays behind; this answers in its place.\n# %s\n\n%s", unitComment(string(s.Name)), e.origin(), server)
	name := workload.NameOf(string(s.Name))
	at := path.Join("/etc/nginx/sites-enabled", name)
	t := thing{
		name: s.Name, about: "stub", wave: s.Wave, hosts: s.Hosts, called: true, packages: []string{"nginx-light"},
		content: []file{{File: render.File{Path: e.in("stubs", name, name+".conf"), Text: text, Mode: 0o644}, at: at, units: []string{"nginx.service"}}},
		// Its package has started nginx already, with a page of its own on port 80.
		without: []string{"/etc/nginx/sites-enabled/default"},
		fresh:   []string{"systemctl", "reload-or-restart", "nginx.service"},
		start:   []string{"nginx.service"},
		reloads: true,
		claims:  []claim{{"TCP", s.Port}},
	}
	if len(e.balancers) > 0 {
		t.behind = &behind{listens: []spot{{name: name, about: "stub", port: s.Port, target: s.Port, http: true, checks: []string{"option tcp-check"}, callers: s.Callers}}}
	}
	return t, nil
}
