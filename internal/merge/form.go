package merge

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// part is a component in the making.
type part struct {
	c     estate.Component
	seeds []int
	said  map[string]bool // what files say of its process, by key
}

// form makes a component of every set of seeds that runs, or could be started by itself.
func (m *merger) form() {
	m.partOf = make([]int, len(m.seeds))
	sets := map[int][]int{}
	for i := range m.seeds {
		m.partOf[i] = -1
		sets[m.find(i)] = append(sets[m.find(i)], i)
	}
	for _, root := range sortedKeys(sets) {
		if !m.isComponent(sets[root]) {
			continue
		}
		p := m.build(sets[root])
		for _, i := range sets[root] {
			m.partOf[i] = len(m.components)
		}
		m.components = append(m.components, p)
	}
	m.christen()
	m.index()
}

func (m *merger) isComponent(set []int) bool {
	library := false
	for _, i := range set {
		s := &m.seeds[i]
		if s.isFolder && forOthers(s.subject.Folder) {
			continue
		}
		if len(s.runs) > 0 || s.runnable && !s.shared {
			return true
		}
		library = library || m.seeds[i].library
	}
	return false
}

func (m *merger) build(set []int) *part {
	p := &part{seeds: set, c: estate.Component{Kind: estate.Service}}
	for _, i := range set {
		s := &m.seeds[i]
		p.c.Names = append(p.c.Names, s.names...)
		if s.isFolder {
			for folder, j := range m.byFolder {
				if j == i {
					p.c.Folders = append(p.c.Folders, folder)
				}
			}
		}
		for _, r := range s.runs {
			p.declare(r)
		}
	}
	if t, ok := p.image(); ok {
		if p.c.Technology == "" {
			p.c.Technology = t.Name
		}
		if p.c.Kind == estate.Service {
			p.c.Kind = cmp.Or(t.Kind, estate.Service)
		}
	}
	slices.Sort(p.c.Folders)
	slices.SortFunc(p.c.Names, compareAliases)
	p.c.Names = slices.CompactFunc(p.c.Names, func(a, b estate.Alias) bool { return a.Kind == b.Kind && a.Value == b.Value })
	return p
}

func compareAliases(a, b estate.Alias) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value), a.Place.Compare(b.Place))
}

// declare takes in one statement that the component runs.
func (p *part) declare(r estate.Sighting) {
	p.c.Places = append(p.c.Places, r.Place)
	switch r.Key {
	case "datastore":
		p.c.Kind = estate.Datastore
	case "external":
		p.c.Kind = estate.External
	case "host":
		if p.c.Kind == estate.Service && len(p.c.Places) == 1 {
			p.c.Kind = estate.Host
		}
	default:
		if p.c.Kind == estate.Host {
			p.c.Kind = estate.Service
		}
	}
	if p.c.Technology == "" {
		p.c.Technology = r.Value
	}
}

// image is the technology of the image the component runs, when it is a well-known one.
func (p *part) image() (technology.Technology, bool) {
	for _, a := range p.c.Names {
		if a.Kind != estate.NameImage {
			continue
		}
		if t, ok := technology.OfImage(a.Value); ok {
			return t, true
		}
	}
	return technology.Technology{}, false
}

// recogniseStore tells a store packed in an image of the estate's own by what that is built upon, else by the variables
// that only the usual images of stores read.
func (p *part) recogniseStore() {
	if p.c.Technology != "" || p.c.Kind != estate.Service || len(p.c.Libraries) > 0 {
		return
	}
	for _, s := range p.c.Settings {
		t, ok := technology.OfName(storeVariables[s.Key])
		if s.Key == "dockerfile.from" {
			t, ok = technology.OfImage(s.Value)
		}
		if ok && t.Kind == estate.Datastore {
			p.c.Technology, p.c.Kind = t.Name, t.Kind
			return
		}
	}
}

// storeVariables are read by the images of stores when they first start, and by nobody else.
var storeVariables = map[string]string{
	"MYSQL_ROOT_PASSWORD": "mysql", "MYSQL_ALLOW_EMPTY_PASSWORD": "mysql", "MYSQL_RANDOM_ROOT_PASSWORD": "mysql", "MARIADB_ROOT_PASSWORD": "mariadb",
	"MONGO_INITDB_ROOT_USERNAME": "mongodb", "MONGO_INITDB_DATABASE": "mongodb", "POSTGRES_INITDB_ARGS": "postgres", "POSTGRES_HOST_AUTH_METHOD": "postgres",
	"MSSQL_SA_PASSWORD": "sqlserver", "RABBITMQ_DEFAULT_USER": "rabbitmq",
}

// callRank orders the kinds of name by how well people know the component under them.
var callRank = []string{
	estate.NameApplication, estate.NameCompose, estate.NameWorkload, estate.NameCatalog, estate.NameService,
	estate.NameNode, estate.NameRole, estate.NameModule, nameFolder, estate.NameContainer, estate.NameHostname, estate.NameImage,
}

// workspaceSpace holds the services that caravan.yaml names; their names win.
const workspaceSpace = "workspace"

// christen gives every component the best name nobody else has a better claim to.
func (m *merger) christen() {
	taken := map[string]int{}
	for i, p := range m.components {
		for _, s := range p.seeds {
			if m.seeds[s].subject.Space == workspaceSpace && p.c.Name == "" {
				p.c.Name = estate.ServiceName(m.seeds[s].subject.Name)
				taken[estate.Norm(string(p.c.Name))] = i
			}
		}
	}
	for rank := range callRank {
		for i, p := range m.components {
			if p.c.Name != "" {
				continue
			}
			for _, a := range p.c.Names {
				name := p.fuller(presentable(a), a.Kind)
				if a.Kind != callRank[rank] || name == "" {
					continue
				}
				if _, used := taken[estate.Norm(name)]; !used {
					p.c.Name = estate.ServiceName(name)
					taken[estate.Norm(name)] = i
					break
				}
			}
		}
	}
	for _, p := range m.components {
		if p.c.Name == "" {
			p.c.Name = m.lastResort(p, taken)
		}
	}
	slices.SortStableFunc(m.components, func(a, b *part) int { return cmp.Compare(a.c.Name, b.c.Name) })
	for i, p := range m.components {
		for _, s := range p.seeds {
			m.partOf[s] = i
		}
	}
}

// presentable is an alias as a component's name; "" when it is none.
func presentable(a estate.Alias) string {
	name := a.Value
	switch a.Kind {
	case estate.NameModule:
		name = name[strings.LastIndexAny(name, ":/")+1:]
	case estate.NameImage:
		name = imageName(name)
	case estate.NameWorkload:
		name = withoutKind(name)
	case estate.NameService, estate.NameHostname:
		name = firstLabel(name)
	}
	if strings.ContainsAny(name, " ${}<>/") {
		return ""
	}
	if name == strings.ToUpper(name) {
		name = strings.ToLower(name)
	}
	return name
}

// fuller is the name of the component's folder where a Compose file only abbreviates it: eureka built from eureka-server;
// and what versions of one workload are called together.
func (p *part) fuller(name, kind string) string {
	if cut := withoutVersion(name); kind == estate.NameWorkload && cut != "" {
		for _, a := range p.c.Names {
			if a.Kind == kind && a.Value != name && withoutVersion(a.Value) == cut {
				return cut
			}
		}
	}
	if kind != estate.NameCompose {
		return name
	}
	for _, a := range p.c.Names {
		if a.Kind == nameFolder && len(a.Value) > len(name) && stem(a.Value) == stem(name) {
			return a.Value
		}
	}
	return name
}

// lastResort tells apart components that share all their names by where they come from.
func (m *merger) lastResort(p *part, taken map[string]int) estate.ServiceName {
	s := m.seeds[p.seeds[0]]
	name := cmp.Or(s.subject.Name, base(s.subject.Folder))
	where := strings.TrimPrefix(s.subject.Space[strings.IndexByte(s.subject.Space, ':')+1:], ".")
	if where == "" {
		where = parentOf(s.subject.Folder)
	}
	full := name
	if where != "" && where != "." {
		full = where + "/" + name
	}
	for n := 2; ; n++ {
		if _, used := taken[estate.Norm(full)]; !used {
			taken[estate.Norm(full)] = 0
			return estate.ServiceName(full)
		}
		full = name + "-" + string(rune('0'+n%10))
		if n > 9 {
			full = s.subject.Space + "/" + s.subject.Folder + "/" + name
		}
	}
}

// index makes the table of names by which configuration files find their component.
func (m *merger) index() {
	m.known = map[string][]int{}
	prefix := m.projectPrefix()
	for i, p := range m.components {
		m.known[estate.Norm(string(p.c.Name))] = appendOnce(m.known[estate.Norm(string(p.c.Name))], i)
		for _, a := range p.c.Names {
			switch a.Kind {
			case estate.NameBuild, estate.NameMounts, estate.NameImage, estate.NameAddress, estate.NameVirtual:
				continue
			}
			for _, key := range joinKeys(a, prefix) {
				m.known[key] = appendOnce(m.known[key], i)
			}
		}
	}
}

// called is the one component known by a name.
func (m *merger) called(name string) (int, bool) {
	if found := m.known[estate.Norm(name)]; len(found) == 1 {
		return found[0], true
	}
	return 0, false
}
