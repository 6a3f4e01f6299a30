package merge

import (
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// joinVersions joins the workloads that run versions of one thing side by side: reviews-v1 and reviews-v2 behind the
// Service reviews.
func (m *merger) joinVersions() {
	first := map[subjectKey]int{}
	served := map[subjectKey]bool{}
	for i := range m.seeds {
		s := &m.seeds[i]
		k := subjectKey{s.subject.Space, withoutVersion(s.subject.Name)}
		if s.isFolder || k.name == "" {
			continue
		}
		if _, seen := first[k]; !seen {
			first[k] = i
		}
		served[k] = served[k] || slices.ContainsFunc(s.names, func(a estate.Alias) bool { return a.Kind == estate.NameService && a.Value == k.name })
	}
	for i := range m.seeds {
		k := subjectKey{m.seeds[i].subject.Space, withoutVersion(m.seeds[i].subject.Name)}
		if served[k] && !m.seeds[i].isFolder {
			m.union(first[k], i)
		}
	}
}

// withoutVersion is a workload's name without the version or colour at its end; "" when it has none.
func withoutVersion(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return ""
	}
	switch word := name[i+1:]; word {
	case "canary", "stable", "blue", "green":
		return name[:i]
	default:
		if len(word) > 1 && word[0] == 'v' && strings.Trim(word[1:], "0123456789") == "" {
			return name[:i]
		}
	}
	return ""
}

// joinImages joins what different tools deploy under different names from one image of the estate's own, unless one of
// them starts several things from it.
func (m *merger) joinImages() {
	byImage := map[string][]int{}
	for i := range m.seeds {
		if m.seeds[i].isFolder || len(m.seeds[i].runs) == 0 {
			continue
		}
		for _, a := range m.seeds[i].names {
			if a.Kind != estate.NameImage {
				continue
			}
			if _, bought := technology.OfImage(a.Value); !bought {
				byImage[imageName(a.Value)] = appendOnce(byImage[imageName(a.Value)], i)
			}
		}
	}
	for _, image := range sortedKeys(byImage) {
		if seeds := byImage[image]; image != "" && !generic[estate.Norm(image)] && !strings.Contains(image, "$") && m.oneOfEachKind(seeds) {
			for _, i := range seeds[1:] {
				m.union(seeds[0], i)
			}
		}
	}
}

// oneOfEachKind reports whether every kind of tool deploys only one thing among some seeds.
func (m *merger) oneOfEachKind(seeds []int) bool {
	roots := map[string]int{}
	for _, i := range seeds {
		kind, _, _ := strings.Cut(m.seeds[i].subject.Space, ":")
		if root, seen := roots[kind]; seen && root != m.find(i) {
			return false
		}
		roots[kind] = m.find(i)
	}
	return true
}

// dropPackaging forgets folders that only pack, once more, what is deployed from elsewhere: a Dockerfile without code in a
// folder named after a service, inside the folder of one, or of an image that others build upon.
func (m *merger) dropPackaging() {
	coded, bases := m.codedFolders(), m.baseImages()
	deployed := map[string]bool{}
	for i := range m.seeds {
		if len(m.seeds[i].runs) > 0 {
			for _, a := range m.seeds[m.find(i)].names {
				deployed[stem(a.Value)] = true
			}
			deployed[stem(m.seeds[i].subject.Name)] = true
		}
	}
	for i := range m.seeds {
		s := &m.seeds[i]
		if !s.isFolder || len(s.runs) > 0 || m.find(i) != i || coded[s.subject.Folder] {
			continue
		}
		name := base(s.subject.Folder)
		if deployed[stem(name)] || bases[estate.Norm(name)] || m.insideDeployed(s.subject.Folder) {
			s.runnable = false
		}
	}
}

// codedFolders are the modules that a build manifest or source code makes runnable, and not only a Dockerfile.
func (m *merger) codedFolders() map[string]bool {
	out := map[string]bool{}
	for i := range m.all {
		s := &m.all[i]
		if s.Fact == estate.Module && s.By != "dockerfile" {
			out[s.Subject.Folder] = true
		}
	}
	return out
}

// baseImages are the names of images that Dockerfiles here build upon.
func (m *merger) baseImages() map[string]bool {
	out := map[string]bool{}
	for i := range m.all {
		if s := &m.all[i]; s.Fact == estate.Sets && s.Key == "dockerfile.from" && s.Subject.Name == "" {
			if name := estate.Norm(imageName(s.Value)); name != estate.Norm(base(s.Subject.Folder)) {
				out[name] = true
			}
		}
	}
	return out
}

// insideDeployed reports whether a folder lies in the module of something that is deployed.
func (m *merger) insideDeployed(folder string) bool {
	i, ok := m.byFolder[m.nearestModule(parentOf(folder), "")]
	if !ok || m.seeds[i].subject.Folder == "." || m.aggregate[m.seeds[i].subject.Folder] {
		return false
	}
	for j := range m.seeds {
		if len(m.seeds[j].runs) > 0 && m.find(j) == m.find(i) {
			return true
		}
	}
	return false
}
