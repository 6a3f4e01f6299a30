package merge

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
)

// audience is who reads a configuration file.
type audience struct {
	parts   []int
	shared  bool   // several read it, and not each uses every key
	profile string // the profile its name puts it under
	config  bool   // handed out by a configuration server
}

// adoptConfiguration finds the folders whose files a configuration server hands out.
func (m *merger) adoptConfiguration() {
	m.repos = map[string]bool{}
	m.owners = map[string][]int{}
	m.unclaimed = map[string]estate.Place{}
	named := map[string]map[string]bool{} // folder → stems that name another component
	for i := range m.all {
		s := &m.all[i]
		if s.Fact == estate.Repository && !strings.Contains(s.Value, "://") {
			m.repos[s.Value] = true
		}
		if s.Fact != estate.Sets || s.Subject.Name != "" {
			continue
		}
		if p, ok := m.configurationFor(s.Place.File); ok && !slices.Contains(m.ownersOf(s.Subject.Folder), p) {
			if named[s.Subject.Folder] == nil {
				named[s.Subject.Folder] = map[string]bool{}
			}
			named[s.Subject.Folder][stemOf(s.Place.File)] = true
		}
	}
	for folder, stems := range named {
		if len(stems) >= 2 || looksLikeRepository(folder) {
			m.repos[folder] = true
		}
	}
}

func looksLikeRepository(folder string) bool {
	b := strings.ToLower(base(folder))
	return strings.Contains(b, "config") && b != "config" || strings.HasSuffix(b, "-repo") || b == "shared"
}

// configurationFor is the component a file is named after, ignoring a profile at the end.
func (m *merger) configurationFor(file string) (int, bool) {
	name := stemOf(file)
	if name == "application" || name == "bootstrap" {
		return 0, false
	}
	for {
		if p, ok := m.called(name); ok && (m.components[p].c.Kind == estate.Service || m.components[p].c.Kind == estate.Datastore) {
			return p, true
		}
		i := strings.LastIndexByte(name, '-')
		if i <= 0 {
			return 0, false
		}
		name = name[:i]
	}
}

// inRepository is the configuration-server folder a folder lies in.
func (m *merger) inRepository(folder string) (string, bool) {
	for f := folder; ; f = parentOf(f) {
		if m.repos[f] {
			return f, true
		}
		if f == "." {
			return "", false
		}
	}
}

// readersOf says which components read a file.
func (m *merger) readersOf(s *estate.Sighting) audience {
	if claimed := m.claims[s.Place.File]; len(claimed) > 0 {
		if parts := m.partsOf(claimed); len(parts) > 0 {
			return audience{parts: parts}
		}
	}
	if m.feedsCompose(s) {
		return audience{}
	}
	repo, ok := m.inRepository(s.Subject.Folder)
	if !ok || s.Fact != estate.Sets {
		parts := m.ownersOf(s.Subject.Folder)
		if len(parts) == 0 && !forOthers(s.Subject.Folder) {
			parts = m.speakersOf(s.By)
		}
		return audience{parts: parts}
	}
	name := stemOf(s.Place.File)
	generalName, profile := splitProfile(name)
	if generalName == "application" {
		if s.Subject.Folder != repo { // repo/{application}/application.yml
			if p, ok := m.called(base(s.Subject.Folder)); ok {
				return audience{parts: []int{p}, profile: profile, config: true}
			}
		}
		return audience{shared: true, profile: profile, config: true}
	}
	if p, ok := m.configurationFor(s.Place.File); ok {
		return audience{parts: []int{p}, profile: m.profileIn(name, p), config: true}
	}
	if m.inStandardPlace(s) {
		return audience{parts: m.ownersOf(s.Subject.Folder)}
	}
	if _, seen := m.unclaimed[name]; !seen {
		m.unclaimed[name] = estate.Place{File: s.Place.File}
	}
	return audience{}
}

// feedsCompose reports whether a file is the .env from which a Compose file beside it fills its placeholders: what it
// sets has already gone where the Compose file hands it on.
func (m *merger) feedsCompose(s *estate.Sighting) bool {
	if s.Fact != estate.Sets || !strings.HasPrefix(path.Base(s.Place.File), ".env") {
		return false
	}
	return m.madeBeside()[parentOf(s.Place.File)] > 1
}

// madeBeside counts, for each folder with a Compose file, the services in it that run an image of the estate's own.
func (m *merger) madeBeside() map[string]int {
	if m.made == nil {
		m.made = map[string]int{}
		for i := range m.seeds {
			if folder, ok := strings.CutPrefix(m.seeds[i].subject.Space, "compose:"); ok && !m.bought(&m.seeds[i]) {
				m.made[folder]++
			}
		}
	}
	return m.made
}

// inStandardPlace reports whether the file is the module's own although a repository folder holds it.
func (m *merger) inStandardPlace(s *estate.Sighting) bool {
	return generic[estate.Norm(stemOf(s.Place.File))] || s.By != springReader
}

// profileIn is what a file's name has after the component's: "docker" in orders-docker.yml.
func (m *merger) profileIn(fileStem string, p int) string {
	for name := fileStem; ; {
		if q, ok := m.called(name); ok && q == p {
			return strings.TrimPrefix(strings.TrimPrefix(fileStem, name), "-")
		}
		i := strings.LastIndexByte(name, '-')
		if i <= 0 {
			return ""
		}
		name = name[:i]
	}
}

func (m *merger) partsOf(seeds []int) []int {
	var out []int
	for _, s := range seeds {
		if m.partOf[s] >= 0 {
			out = appendOnce(out, m.partOf[s])
		}
	}
	slices.Sort(out)
	return out
}

// ownersOf are the components whose folder this is: the nearest module or mounted folder, else the component the folder
// is named after, else whatever is at the root.
func (m *merger) ownersOf(folder string) []int {
	if got, ok := m.owners[folder]; ok {
		return got
	}
	got := m.findOwners(folder)
	m.owners[folder] = got
	return got
}

func (m *merger) findOwners(folder string) []int {
	for f := folder; f != "."; f = parentOf(f) {
		seeds := m.claims[f]
		if i, ok := m.byFolder[f]; ok {
			seeds = append(slices.Clone(seeds), i)
		}
		if parts := m.partsOf(seeds); len(parts) > 0 {
			if forOthers(strings.TrimPrefix(folder, f)) {
				return nil
			}
			return parts
		}
		if len(seeds) > 0 && !m.aggregate[f] && m.isLibrary(f) {
			return nil
		}
	}
	if forOthers(folder) {
		return nil
	}
	for f := folder; f != "."; f = parentOf(f) {
		if p, ok := m.called(base(f)); ok && !generic[estate.Norm(base(f))] && moduleRoot(f) == f {
			return []int{p}
		}
	}
	if i, ok := m.byFolder["."]; ok && m.partOf[i] >= 0 {
		return []int{m.partOf[i]}
	}
	return nil
}

// speakersOf is the one component whose own configuration a reader reads: a prometheus.yml that nothing mounts is that of
// the estate's only Prometheus.
func (m *merger) speakersOf(reader estate.ReaderName) []int {
	var out []int
	for i, p := range m.components {
		if p.c.Technology == string(reader) {
			out = append(out, i)
		}
	}
	if len(out) == 1 {
		return out
	}
	if p, ok := m.called(string(reader)); ok {
		return []int{p}
	}
	return nil
}

func (m *merger) isLibrary(folder string) bool {
	i, ok := m.byFolder[folder]
	return ok && m.seeds[i].library
}

// attach gives every remaining fact to the components it is about.
func (m *merger) attach() {
	clients := m.configurationClients()
	inherit := m.libraries()
	for i := range m.all {
		s := &m.all[i]
		switch s.Fact {
		case estate.Sets, estate.Links, estate.Listens, estate.Mentions, estate.Process:
			if indirect(s) {
				continue
			}
			a := m.audienceOf(s)
			parts := a.parts
			if a.shared && len(parts) == 0 {
				parts = clients
			}
			for _, p := range parts {
				m.components[p].take(s, a)
			}
		}
	}
	for i, p := range m.components {
		p.c.Libraries = inherit(i)
		p.recogniseStore()
	}
	m.doubtUnclaimed()
}

func (m *merger) audienceOf(s *estate.Sighting) audience {
	if s.Subject.Name == "" {
		return m.readersOf(s)
	}
	if s.Subject.Space == configSpace {
		if s.Subject.Name == "application" {
			return audience{shared: true, config: true}
		}
		if p, ok := m.called(s.Subject.Name); ok {
			return audience{parts: []int{p}, config: true}
		}
		if _, seen := m.unclaimed[s.Subject.Name]; !seen {
			m.unclaimed[s.Subject.Name] = s.Place
		}
		return audience{}
	}
	i, ok := m.byName[subjectKey{s.Subject.Space, s.Subject.Name}]
	if !ok || m.partOf[i] < 0 {
		return audience{}
	}
	return audience{parts: []int{m.partOf[i]}}
}

// take adds one fact to a component.
func (p *part) take(s *estate.Sighting, a audience) {
	switch s.Fact {
	case estate.Sets:
		layer := s.Layer
		if a.config && layer == "" {
			layer = estate.LayerConfigurationServer
		}
		p.c.Settings = append(p.c.Settings, estate.Setting{Key: s.Key, Value: s.Value, Profile: cmp.Or(s.Profile, a.profile), Layer: layer,
			Environment: s.Environment, Shared: a.shared, Place: s.Place, By: s.By})
	case estate.Links:
		p.c.Links = append(p.c.Links, estate.Link{Why: s.Key, Target: s.Value, Layer: s.Layer, Environment: s.Environment, Place: s.Place})
	case estate.Process:
		p.keep(estate.Trait{Key: s.Key, Value: s.Value, Environment: s.Environment, Place: s.Place, By: s.By})
		return
	case estate.Mentions:
		p.c.Mentions = append(p.c.Mentions, estate.Mention{What: s.Key, Value: s.Value, Place: s.Place})
	case estate.Listens:
		if port, err := strconv.Atoi(s.Value); err == nil && port > 0 && port < 65536 {
			l := estate.Listen{Port: port, Via: s.Key, Place: s.Place}
			if !slices.ContainsFunc(p.c.Listens, func(o estate.Listen) bool { return o.Port == l.Port && o.Via == l.Via }) {
				p.c.Listens = append(p.c.Listens, l)
			}
		}
	}
	if s.Environment != "" {
		p.c.Environments = appendOnce(p.c.Environments, s.Environment)
	}
}

// configurationClients are the components that read the shared file of a configuration server: those that name one
// or have its client library, and those it keeps a file for. When none say so, all services of the estate are.
func (m *merger) configurationClients() []int {
	var out []int
	for i := range m.all {
		s := &m.all[i]
		client := s.Fact == estate.Sets && (strings.HasPrefix(s.Key, "spring.cloud.config.") && !strings.HasPrefix(s.Key, "spring.cloud.config.server") ||
			strings.HasPrefix(s.Key, "spring.config.import") && strings.Contains(s.Value, "configserver") || strings.HasPrefix(s.Key, "spring.cloud.consul.config")) ||
			s.Fact == estate.Uses && strings.Contains(s.Value, "cloud-config-client") || s.Fact == estate.Uses && strings.Contains(s.Value, "starter-config")
		if client {
			a := m.audienceOf(s)
			for _, p := range a.parts {
				out = appendOnce(out, p)
			}
		}
		if s.Fact == estate.Sets && s.Subject.Name == "" {
			if a := m.readersOf(s); a.config {
				for _, p := range a.parts {
					out = appendOnce(out, p)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// libraries returns a function that lists what is on a component's build path: its modules' libraries, those of the
// aggregates above them, and those of the estate's own modules they use.
func (m *merger) libraries() func(p int) []estate.Library {
	uses := map[string][]estate.Library{} // folder → libraries
	for i := range m.all {
		if s := &m.all[i]; s.Fact == estate.Uses && s.Subject.Name == "" {
			uses[s.Subject.Folder] = append(uses[s.Subject.Folder], estate.Library{Coordinate: s.Value, Place: s.Place})
		}
	}
	return func(p int) []estate.Library {
		var out []estate.Library
		seen := map[string]bool{}
		var visit func(folder string)
		visit = func(folder string) {
			for _, f := range m.buildChain(folder) {
				if seen[f] {
					continue
				}
				seen[f] = true
				for _, l := range uses[f] {
					out = append(out, l)
					if inner, ok := strings.CutPrefix(l.Coordinate, "module:"); ok {
						visit(inner)
					}
				}
			}
		}
		for _, f := range m.components[p].c.Folders {
			visit(f)
		}
		for f, seeds := range m.claims {
			if slices.Contains(m.partsOf(seeds), p) {
				visit(f)
			}
		}
		slices.SortFunc(out, func(a, b estate.Library) int {
			return cmp.Or(cmp.Compare(a.Coordinate, b.Coordinate), a.Place.Compare(b.Place))
		})
		return slices.CompactFunc(out, func(a, b estate.Library) bool { return a.Coordinate == b.Coordinate })
	}
}

// buildChain is a module's folder and the aggregates above it.
func (m *merger) buildChain(folder string) []string {
	out := []string{folder}
	for f := folder; f != "."; {
		f = parentOf(f)
		if m.aggregate[f] {
			out = append(out, f)
		}
	}
	return out
}

func (m *merger) doubtUnclaimed() {
	for _, name := range sortedKeys(m.unclaimed) {
		m.doubts = append(m.doubts, estate.Doubt{Topic: estate.Unresolved, Place: m.unclaimed[name], By: "merge",
			Text: fmt.Sprintf("configuration for %q, but nothing here runs under that name; add its source, an alias in caravan.yaml, or remove the file", name)})
	}
}
