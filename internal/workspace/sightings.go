package workspace

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/workload"
)

// reader is the name under which the workspace's own facts are seen, and the space of the names it gives.
const reader = "workspace"

// Sources lists what to scan, with directories relative to where the workspace was opened made whole.
func Sources(w Workspace) []discover.Source {
	out := make([]discover.Source, len(w.Sources))
	for i, s := range w.Sources {
		out[i] = discover.Source{
			Name:        s.Name,
			Dir:         filepath.Join(w.dir, filepath.FromSlash(s.Dir)),
			Environment: s.Environment,
			Exclude:     slices.Concat(s.Exclude, own(s.Dir)),
		}
	}
	return out
}

// own are the folders of the workspace itself, for a source that is the whole workspace: wishes, not what runs.
func own(dir string) []string {
	if filepath.Clean(filepath.FromSlash(dir)) != "." {
		return nil
	}
	out := []string{expansion.Folder, workloadFolder + "/*/" + workload.FileName}
	for _, layer := range []config.Layer{config.Base, config.Kind, config.Environment, config.Country} {
		out = append(out, config.File("", layer, "*"), config.File("*", layer, "*"))
	}
	return out
}

// Sightings lists what the workspace declares as facts with their lines, in the order every later step relies on.
func Sightings(w Workspace) []estate.Sighting {
	var out []estate.Sighting
	see := func(at string, s estate.Sighting) {
		s.By, s.Place = reader, w.place(at)
		out = append(out, s)
	}
	for i, s := range w.Sources {
		if s.Kind == ConfigRepository {
			folder := w.folder(s)
			see(fmt.Sprintf("sources[%d].kind", i), estate.Sighting{Fact: estate.Repository, Subject: estate.At(folder), Value: folder})
		}
	}
	for i, t := range w.Teams {
		t.sightings(fmt.Sprintf("teams[%d]", i), see)
	}
	for i, s := range w.Services {
		s.sightings(fmt.Sprintf("services[%d]", i), see)
	}
	estate.SortSightings(out)
	return out
}

// folder is the path under which a scan sees a source: its name, or the root when it is the only one.
func (w Workspace) folder(s Source) string {
	if len(w.Sources) == 1 {
		return "."
	}
	return s.Name
}

func (t Team) sightings(at string, see func(string, estate.Sighting)) {
	team := estate.In("team", string(t.Name))
	if t.Mail != "" {
		see(at+".mail", estate.Sighting{Fact: estate.Contact, Subject: team, Key: "mail", Value: t.Mail})
	}
	if t.Chat != "" {
		see(at+".chat", estate.Sighting{Fact: estate.Contact, Subject: team, Key: "chat", Value: t.Chat})
	}
	for j, pattern := range t.Owns {
		see(fmt.Sprintf("%s.owns[%d]", at, j), estate.Sighting{Fact: estate.Owns, Key: reader, Value: string(t.Name), Profile: pattern})
	}
}

func (s Service) sightings(at string, see func(string, estate.Sighting)) {
	self := estate.In(reader, string(s.Name))
	see(at+".name", estate.Sighting{Fact: estate.Runs, Subject: self, Key: string(cmp.Or(s.Kind, estate.Service))})
	see(at+".name", estate.Sighting{Fact: estate.Called, Subject: self, Key: estate.NameCatalog, Value: string(s.Name)})
	for j, alias := range s.Aliases {
		see(fmt.Sprintf("%s.aliases[%d]", at, j), estate.Sighting{Fact: estate.Called, Subject: self, Key: aliasKind(alias), Value: alias})
	}
	if s.Team != "" {
		see(at+".team", estate.Sighting{Fact: estate.Owns, Subject: self, Key: reader, Value: string(s.Team)})
	}
}

// aliasKind keeps an alias from competing with the declared name to be the one the map shows.
func aliasKind(alias string) string {
	if _, err := netip.ParseAddr(alias); err == nil {
		return estate.NameAddress
	}
	return estate.NameDNS
}

// Ignored lists where the workspace names the services that shall be left out of the map. They are sighted like the
// others, so that everything that goes by their names is known to be meant.
func Ignored(w Workspace) []estate.Place {
	var out []estate.Place
	for i, s := range w.Services {
		if s.Ignore {
			out = append(out, w.place(fmt.Sprintf("services[%d].name", i)))
		}
	}
	return out
}
