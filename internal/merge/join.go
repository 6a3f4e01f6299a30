package merge

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

func (m *merger) find(i int) int {
	for m.parent[i] != i {
		m.parent[i] = m.parent[m.parent[i]]
		i = m.parent[i]
	}
	return i
}

// union joins two seeds unless that would make one component of two module folders.
func (m *merger) union(a, b int) {
	a, b = m.find(a), m.find(b)
	if a == b {
		return
	}
	if m.folderOf(a) != "" && m.folderOf(b) != "" {
		return
	}
	if b < a {
		a, b = b, a
	}
	m.parent[b] = a
	if m.seeds[a].subject.Folder == "" {
		m.seeds[a].subject.Folder = m.seeds[b].subject.Folder // the set's folder is kept at its root
	}
}

// folderOf is the module folder of the set a seed is in.
func (m *merger) folderOf(i int) string { return m.seeds[m.find(i)].subject.Folder }

// claimFolders records who builds or mounts which files.
func (m *merger) claimFolders() {
	m.claims = map[string][]int{}
	for i := range m.seeds {
		for _, a := range m.seeds[i].names {
			if a.Kind == estate.NameMounts && a.Value != "." {
				m.claims[a.Value] = append(m.claims[a.Value], i)
			}
		}
	}
	for i := range m.all {
		s := &m.all[i]
		if s.Fact == estate.Called && s.Key == estate.NameMounts && s.Subject.Name == "" && s.Value != "." {
			if seed, ok := m.byFolder[m.nearestModule(s.Subject.Folder, "")]; ok {
				m.claims[s.Value] = append(m.claims[s.Value], seed)
			}
		}
	}
}

// dropMountedServers forgets that a folder runs a server when its configuration is mounted into another component: that
// component runs it.
func (m *merger) dropMountedServers() {
	for i := range m.seeds {
		if !m.seeds[i].isFolder {
			continue
		}
		m.seeds[i].runs = slices.DeleteFunc(m.seeds[i].runs, func(r estate.Sighting) bool {
			for f := r.Place.File; f != "."; f = parentOf(f) {
				if slices.ContainsFunc(m.claims[f], func(c int) bool { return c != i }) {
					return true
				}
			}
			return false
		})
	}
}

// joinBuilds joins deployed services to the folder they are built from, by build context and by image name.
func (m *merger) joinBuilds() {
	builders := map[int][]int{} // folder seed → deployed seeds
	images := m.imageFolders()
	for i := range m.seeds {
		if m.seeds[i].isFolder {
			continue
		}
		if f, ok := m.buildFolder(i, images); ok {
			builders[f] = append(builders[f], i)
		}
	}
	for _, f := range sortedKeys(builders) {
		m.joinBuilders(f, builders[f])
	}
}

// buildFolder is the folder seed a deployed seed is built from.
func (m *merger) buildFolder(i int, images map[string]int) (int, bool) {
	for _, a := range m.seeds[i].names {
		if a.Kind != estate.NameBuild || a.Value == "." && !m.rootIsModule() || !m.holdsFiles(a.Value) {
			continue
		}
		f := m.nearestModule(a.Value, a.Value)
		if f != a.Value && f == moduleRoot(a.Value) && !m.akin(i, f) {
			return 0, false // packs something else in a folder of the module
		}
		if f == a.Value || moduleRoot(a.Value) == f || strings.HasPrefix(a.Value, f+"/") && f != "." {
			return m.folderSeed(f), true
		}
		return m.folderSeed(a.Value), true
	}
	for _, a := range m.seeds[i].names {
		if a.Kind != estate.NameImage {
			continue
		}
		if _, bought := technology.OfImage(a.Value); bought && !strings.Contains(a.Value, "/") {
			continue
		}
		if f, ok := images[estate.Norm(imageName(a.Value))]; ok && f >= 0 {
			return f, true
		}
	}
	return 0, false
}

// akin reports whether a deployed seed and a module have names alike.
func (m *merger) akin(deployed int, folder string) bool {
	name := stem(m.seeds[deployed].subject.Name)
	for _, a := range m.seeds[m.byFolder[folder]].names {
		if s := stem(a.Value[strings.LastIndexAny(a.Value, ":/")+1:]); strings.Contains(name, s) || strings.Contains(s, name) {
			return !m.bought(&m.seeds[deployed]) && !namesStore(m.seeds[deployed].subject.Name)
		}
	}
	return false
}

// namesStore reports whether a name ends in that of a store: orders-mongodb, orders_db.
func namesStore(name string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		if t, ok := technology.OfName(word); ok && t.Kind == estate.Datastore || word == "db" {
			return true
		}
	}
	return false
}

// holdsFiles reports whether anything was seen in or below a folder.
func (m *merger) holdsFiles(folder string) bool {
	if m.folders == nil {
		m.folders = map[string]bool{}
		for i := range m.all {
			for f := parentOf(m.all[i].Place.File); !m.folders[f]; f = parentOf(f) {
				m.folders[f] = true
			}
		}
	}
	return m.folders[folder]
}

func (m *merger) rootIsModule() bool {
	_, ok := m.byFolder["."]
	return ok
}

// imageFolders maps the names an image of each module may have to the module: the module's and folder's name, with and
// without the prefix the project gives them all. Names that fit two modules map to -1.
func (m *merger) imageFolders() map[string]int {
	var imageNames, folderNames []string
	for i := range m.seeds {
		for _, a := range m.seeds[i].names {
			switch a.Kind {
			case estate.NameImage:
				if _, bought := technology.OfImage(a.Value); !bought {
					imageNames = append(imageNames, imageName(a.Value))
				}
			case nameFolder:
				folderNames = append(folderNames, a.Value)
			}
		}
	}
	imagePrefix, folderPrefix := sharedPrefix(unique(imageNames)), sharedPrefix(unique(folderNames))
	folderSuffix := sharedSuffix(unique(folderNames))
	out := map[string]int{}
	put := func(name string, f int) {
		key := estate.Norm(name)
		if old, ok := out[key]; ok && old != f {
			f = -1
		}
		out[key] = f
	}
	for _, folder := range sortedKeys(m.byFolder) {
		f := m.byFolder[folder]
		for _, a := range m.seeds[f].names {
			if a.Kind != nameFolder && a.Kind != estate.NameModule && a.Kind != estate.NameApplication {
				continue
			}
			name := imageName(strings.ReplaceAll(a.Value, ":", "/"))
			put(name, f)
			if cut := strings.TrimSuffix(name, folderSuffix); cut != name {
				put(cut, f)
			}
			if imagePrefix != "" {
				put(imagePrefix+strings.TrimPrefix(name, folderPrefix), f)
			}
		}
	}
	return out
}

// joinBuilders joins a folder with what is deployed from it: with the one service that is, or with the one that bears its name
// when several are (a web server and its worker from one source); the others still read its files.
func (m *merger) joinBuilders(folder int, deployed []int) {
	byName := map[string][]int{}
	for _, d := range deployed {
		byName[estate.Norm(m.seeds[d].subject.Name)] = append(byName[estate.Norm(m.seeds[d].subject.Name)], d)
	}
	if len(byName) == 1 {
		for _, d := range deployed {
			m.union(folder, d)
		}
		return
	}
	own := map[string]bool{}
	for _, a := range m.seeds[folder].names {
		own[estate.Norm(a.Value)] = true
	}
	where := m.seeds[folder].subject.Folder
	m.seeds[folder].shared = true
	for _, name := range sortedKeys(byName) {
		for _, d := range byName[name] {
			m.claims[where] = append(m.claims[where], d)
			if own[name] {
				m.seeds[folder].shared = false
				m.union(folder, d)
			}
		}
	}
}

// nameRank orders the kinds of name by how surely equal names mean the same component. Kinds that are not here never join.
var nameRank = map[string]int{
	estate.NameCompose: 1, estate.NameWorkload: 1, estate.NameApplication: 1, estate.NameNode: 1,
	estate.NameContainer: 2, estate.NameCatalog: 2, estate.NameService: 2, estate.NameModule: 3, nameFolder: 3,
	estate.NameHostname: 4, estate.NameRole: 4, estate.NameDNS: 4, estate.NameSelf: 4, estate.NameAddress: 4,
}

// joinNames joins seeds that bear the same name, the surest kinds of name first.
func (m *merger) joinNames() {
	type claim struct{ rank, seed int }
	byName := map[string][]claim{}
	prefix := m.projectPrefix()
	for i := range m.seeds {
		for _, a := range m.seeds[i].names {
			rank, ok := nameRank[a.Kind]
			if !ok || strings.Contains(a.Value, "${") {
				continue
			}
			for _, key := range joinKeys(a, prefix) {
				byName[key] = append(byName[key], claim{rank, i})
			}
		}
	}
	for _, key := range sortedKeys(byName) {
		claims := byName[key]
		slices.SortStableFunc(claims, func(a, b claim) int { return cmp.Compare(a.rank, b.rank) })
		named := make([]int, len(claims))
		for i, c := range claims {
			named[i] = c.seed
		}
		described := m.describedOnce(named)
		for _, c := range claims[1:] {
			if m.mayJoin(claims[0].seed, c.seed, key, described) {
				m.union(claims[0].seed, c.seed)
			}
		}
	}
}

// projectPrefix is what all modules' names begin with ("spring-petclinic-"), so that it can be left out.
func (m *merger) projectPrefix() string {
	var names []string
	for _, f := range sortedKeys(m.byFolder) {
		if f != "." {
			names = append(names, base(f))
		}
	}
	return sharedPrefix(names)
}

func joinKeys(a estate.Alias, prefix string) []string {
	value := a.Value
	switch a.Kind {
	case estate.NameModule:
		if i := strings.LastIndexAny(value, ":/"); i >= 0 {
			value = value[i+1:]
		}
	case estate.NameHostname, estate.NameDNS, estate.NameSelf:
		return []string{estate.Norm(value)}
	case estate.NameAddress:
		return []string{value}
	}
	keys := []string{estate.Norm(value)}
	if cut := withoutKind(value); a.Kind == estate.NameWorkload && cut != value && !generic[estate.Norm(cut)] {
		keys = append(keys, estate.Norm(cut))
	}
	if cut, ok := strings.CutPrefix(value, prefix); ok && prefix != "" && cut != "" && !generic[estate.Norm(cut)] {
		keys = append(keys, estate.Norm(cut))
	}
	return keys
}

// mayJoin keeps apart what only chance named alike.
func (m *merger) mayJoin(a, b int, key string, described bool) bool {
	sa, sb := &m.seeds[a], &m.seeds[b]
	if sa.isFolder && sb.isFolder {
		return false
	}
	if sa.isFolder && forOthers(sa.subject.Folder) || sb.isFolder && forOthers(sb.subject.Folder) {
		return false // a fixture called like the real thing
	}
	if sa.subject.Space == sb.subject.Space && sa.subject.Space != "" && !sa.isFolder && !sb.isFolder {
		return strings.HasPrefix(sa.subject.Space, "chef") || sa.subject.Name == sb.subject.Name
	}
	return !generic[key] || nested(sa.subject.Space, sb.subject.Space) || described && !sa.isFolder && !sb.isFolder || sameImage(sa, sb)
}

// describedOnce reports whether the deployed seeds of one name come from one project of each kind, as when an application
// has a Compose file beside its manifests: then even a plain name means one thing.
func (m *merger) describedOnce(seeds []int) bool {
	space := map[string]string{} // kind → the project of that kind
	for _, i := range seeds {
		s := &m.seeds[i]
		kind, _, _ := strings.Cut(s.subject.Space, ":")
		other, seen := space[kind]
		if !s.isFolder && seen && other != s.subject.Space && !nested(other, s.subject.Space) {
			return false
		}
		space[kind] = s.subject.Space
	}
	return true
}

// sameImage reports whether two seeds run one image of the estate's own.
func sameImage(a, b *seed) bool {
	for _, x := range a.names {
		if x.Kind != estate.NameImage || !strings.Contains(x.Value, "/") {
			continue
		}
		if _, bought := technology.OfImage(x.Value); bought {
			continue
		}
		for _, y := range b.names {
			if y.Kind == estate.NameImage && technology.Repository(x.Value) == technology.Repository(y.Value) {
				return true
			}
		}
	}
	return false
}

// nested reports whether one of two projects lies in a folder of the other: then they describe the same estate, and even
// plain names mean the same.
func nested(a, b string) bool {
	kindA, dirA, _ := strings.Cut(a, ":")
	kindB, dirB, _ := strings.Cut(b, ":")
	return kindA == kindB && kindA != "" && (within(dirA, dirB) || within(dirB, dirA))
}

// joinStems joins a module nothing deploys with the one deployed service whose name differs only in its role word.
func (m *merger) joinStems() {
	members := make([]int, len(m.seeds)) // by root: how many seeds the set has
	for i := range m.seeds {
		members[m.find(i)]++
	}
	deployed, modules, taken := map[string][]int{}, map[string][]int{}, map[string]bool{}
	for i := range m.seeds {
		s, root := &m.seeds[i], m.find(i)
		for _, k := range stemsOf(s) {
			switch {
			case s.isFolder && s.runnable && members[root] == 1:
				modules[k] = appendOnce(modules[k], root)
			case s.isFolder:
				taken[k] = true
			case len(s.runs) > 0 && m.folderOf(i) == "" && !m.bought(s):
				deployed[k] = appendOnce(deployed[k], root)
			}
		}
	}
	for _, k := range sortedKeys(modules) {
		if len(modules[k]) == 1 && len(deployed[k]) == 1 && !taken[k] && !generic[k] {
			m.union(modules[k][0], deployed[k][0])
		}
	}
}

// bought reports whether a seed runs an image that others make.
func (m *merger) bought(s *seed) bool {
	for _, a := range s.names {
		if a.Kind == estate.NameImage {
			if _, ok := technology.OfImage(a.Value); ok {
				return true
			}
		}
	}
	return false
}

func stemsOf(s *seed) []string {
	var out []string
	for _, a := range s.names {
		switch a.Kind {
		case nameFolder, estate.NameModule, estate.NameApplication, estate.NameCompose, estate.NameWorkload, estate.NameContainer:
			out = appendOnce(out, stem(a.Value))
		}
	}
	return out
}
