// Package merge joins sightings into one picture of what runs. One component goes by many names (a Compose key, a
// container, an image, a build folder, the name it registers under, a node, an address); merge finds which belong
// together, gives each component the settings that are really its own, and keeps what it cannot decide as doubts.
//
// It is pure: equal sightings, in whatever order, give an equal snapshot.
package merge

import (
	"slices"

	"example.org/caravan/internal/estate"
)

// Sightings joins all sightings into a snapshot. Doubts of the readers are kept, its own added. The caller's
// slices are left alone.
func Sightings(sightings []estate.Sighting, doubts []estate.Doubt) estate.Snapshot {
	m := &merger{all: slices.Clone(sightings), doubts: slices.Clone(doubts)}
	estate.SortSightings(m.all)
	m.plant()
	m.claimFolders()
	m.dropMountedServers()
	m.joinBuilds()
	m.joinNames()
	m.joinVersions()
	m.joinImages()
	m.joinStems()
	m.dropPackaging()
	m.rolesAsServices()
	m.form()
	m.adoptConfiguration()
	m.attach()
	m.liftRoles()
	m.shareProcesses()
	m.observe()
	m.own()
	return m.snapshot()
}

// merger holds the state of one merge. The steps run in the order Sightings calls them.
type merger struct {
	all    []estate.Sighting
	doubts []estate.Doubt

	seeds     []seed
	parent    []int              // union-find over seeds
	byName    map[subjectKey]int // named subject → seed
	byFolder  map[string]int     // folder → seed of the module there
	aggregate map[string]bool    // folders that only hold modules
	made      map[string]int     // folder → services its Compose file runs from images of the estate's own
	folders   map[string]bool    // folders that hold a file somebody read
	claims    map[string][]int   // file or folder → seeds that mount or build it
	owners    map[string][]int   // memo of ownersOf, folder → components
	repos     map[string]bool    // folders of configuration servers

	components []*part
	partOf     []int                   // seed → component, -1 for none
	known      map[string][]int        // normalised name → components
	unclaimed  map[string]estate.Place // configuration for names nothing runs under
	looks      []estate.Look
	flows      []estate.Flow
}

type subjectKey struct{ space, name string }

// seed is one subject as one source names it: a Compose service, a workload, a module folder.
type seed struct {
	subject  estate.Subject
	names    []estate.Alias
	runs     []estate.Sighting // declarations that it runs
	runnable bool              // its module can be started, as far as its files tell
	library  bool
	isFolder bool
	shared   bool // a folder from which several services are built, none of which bears its name
}

// plant makes a seed for every named subject and every module folder.
func (m *merger) plant() {
	m.byName, m.byFolder = map[subjectKey]int{}, map[string]int{}
	m.aggregate = map[string]bool{}
	for i := range m.all {
		s := &m.all[i]
		switch {
		case s.Subject.Space == "team" || s.Fact == estate.Resolves || s.Fact == estate.Spans || s.Fact == estate.Owns && s.Subject.Name == "":
		case s.Subject.Name != "":
			m.seedNamed(s)
		case s.Fact == estate.Module:
			m.seedModule(s)
		}
	}
	m.impliedModules()
	for i := range m.all {
		if s := &m.all[i]; s.Subject.Name == "" {
			m.noteFolderFact(s)
		}
	}
}

func (m *merger) seedNamed(s *estate.Sighting) {
	if s.Subject.Space == configSpace || s.Subject.Space == addressSpace || s.Subject.Space == estate.NameSpace || s.Subject.Space == estate.PodSpace {
		return // told to a name or an address, not a thing that runs
	}
	k := subjectKey{s.Subject.Space, s.Subject.Name}
	i, ok := m.byName[k]
	if !ok {
		i = m.add(seed{subject: s.Subject})
		m.byName[k] = i
	}
	switch s.Fact {
	case estate.Runs:
		m.seeds[i].runs = append(m.seeds[i].runs, *s)
	case estate.Called:
		m.addName(i, s.Key, s.Value, s.Place)
	}
}

// configSpace holds settings that a configuration store keeps for a name ("application" is everybody's).
const configSpace = "config"

func (m *merger) seedModule(s *estate.Sighting) {
	if s.Key == "aggregate" {
		m.aggregate[s.Subject.Folder] = true
		return
	}
	i := m.folderSeed(s.Subject.Folder)
	m.seeds[i].runnable = m.seeds[i].runnable || s.Key == "runnable"
	m.seeds[i].library = m.seeds[i].library || s.Key == "library"
	if s.Value != "" {
		m.addName(i, estate.NameModule, s.Value, s.Place)
	}
}

func (m *merger) folderSeed(folder string) int {
	i, ok := m.byFolder[folder]
	if !ok {
		i = m.add(seed{subject: estate.At(folder), isFolder: true})
		m.byFolder[folder] = i
		if folder != "." {
			m.addName(i, nameFolder, base(folder), estate.Place{File: folder})
		}
	}
	return i
}

// nameFolder is the name of a module's folder, the weakest of its names.
const nameFolder = "folder"

func (m *merger) add(s seed) int {
	m.seeds = append(m.seeds, s)
	m.parent = append(m.parent, len(m.parent))
	return len(m.seeds) - 1
}

func (m *merger) addName(i int, kind, value string, place estate.Place) {
	if value == "" {
		return
	}
	for _, a := range m.seeds[i].names {
		if a.Kind == kind && a.Value == value {
			return
		}
	}
	m.seeds[i].names = append(m.seeds[i].names, estate.Alias{Kind: kind, Value: value, Place: place})
}

// impliedModules plants folders that are modules by the shape of what they hold: Spring resources, or a
// configuration that only a server of its own has. Without build manifests this is all there is to go by.
func (m *merger) impliedModules() {
	for i := range m.all {
		s := &m.all[i]
		if s.Subject.Name != "" || s.Subject.Folder == "" {
			continue
		}
		root := moduleRoot(s.Subject.Folder)
		switch {
		case s.Fact == estate.Runs:
			m.folderSeed(m.nearestModule(s.Subject.Folder, s.Subject.Folder))
		case s.By == springReader && root != s.Subject.Folder && root != ".":
			m.folderSeed(m.nearestModule(root, root))
		case s.Fact == estate.Called && s.Key == estate.NameApplication && root != ".":
			if _, inModule := m.byFolder[m.nearestModule(root, "")]; !inModule {
				m.folderSeed(root)
			}
		}
	}
}

const springReader estate.ReaderName = "spring"

// nearestModule is the closest folder at or above folder that is a module; otherwise when there is none.
func (m *merger) nearestModule(folder, otherwise string) string {
	for f := folder; ; f = parentOf(f) {
		if _, ok := m.byFolder[f]; ok && (f != "." || folder == ".") {
			return f
		}
		if f == "." {
			return otherwise
		}
	}
}

// noteFolderFact gives a folder's seed what files below it say about its names and whether it runs.
func (m *merger) noteFolderFact(s *estate.Sighting) {
	i, ok := m.byFolder[m.nearestModule(s.Subject.Folder, ".")]
	if !ok {
		return
	}
	own := m.standardPlace(i, s)
	switch {
	case s.Fact == estate.Runs:
		m.seeds[i].runs = append(m.seeds[i].runs, *s)
	case s.Fact == estate.Called && own && s.Key != estate.NameBuild && s.Key != estate.NameMounts:
		m.addName(i, s.Key, s.Value, s.Place)
		m.seeds[i].runnable = m.seeds[i].runnable || s.Key == estate.NameApplication
	case s.Fact == estate.Mentions && s.Key == estate.CodeAnnotation && s.Value == estate.CodeRuns:
		m.seeds[i].runnable = true
	case s.Fact == estate.Listens && own && s.By == springReader:
		m.seeds[i].runnable = true
	}
}

// standardPlace reports whether a file lies where a module keeps its own configuration, and not, say, in the folder of
// files a configuration server hands out.
func (m *merger) standardPlace(i int, s *estate.Sighting) bool {
	if s.By != springReader {
		return true
	}
	stem, _ := splitProfile(stemOf(s.Place.File))
	return stem == "application" || stem == "bootstrap" || stem == base(m.seeds[i].subject.Folder)
}
