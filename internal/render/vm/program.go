package vm

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// program is a container of a workload as a process of a machine. A workload's main container is its service's unit; the others
// are units of their own that follow it.
type program struct {
	of        render.Service
	name      string // of unit, without ".service"
	container workload.Container
	key       string // the container's name
	main      bool
	user      string
	root      string // of the service's releases: "/srv/kopi/orders"
	folder    string // it starts in
	words     []string
	variables []render.Variable
	listens   []render.Listen // of the service
	files     []document
	volumes   []volume
	share     render.Share
	times     render.Times
	before    []string // units that start after it
	wants     []string // units that are started with it
	once      bool     // others wait for its end
}

// programs are a service's processes, the main one first.
func (e environment) programs(s render.Service) ([]program, error) {
	keys := slices.Sorted(maps.Keys(s.Workload.Containers))
	if len(keys) == 0 {
		return nil, fault.Newf(fault.Invalid, "%s: its workload has no container; add the process that runs", s.Name)
	}
	first := s.MainContainer()
	slices.SortStableFunc(keys, func(a, b string) int {
		switch first {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	out := make([]program, len(keys))
	for i, key := range keys {
		p, err := e.program(s, key, i == 0)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	order(out)
	return out, nil
}

func (e environment) program(s render.Service, key string, main bool) (program, error) {
	c := s.Workload.Containers[key]
	name := workload.NameOf(string(s.Name))
	p := program{of: s, name: name, container: c, key: key, main: main, user: userOf(s), root: path.Join("/srv", e.org, name)}
	if !main {
		p.name = workload.NameOf(name + "-" + key)
	}
	p.folder = cmp.Or(s.Workload.Metadata.Annotations[workload.AnnotationFolder], p.root+"/current")
	if !isPath(p.folder) {
		return program{}, fault.Newf(fault.Invalid, "%s: annotation %s is %q; write an absolute path of letters, digits and . _ + - alone", s.Name, workload.AnnotationFolder, p.folder)
	}
	if !isAccount(p.user) {
		return program{}, fault.Newf(fault.Invalid, "%s: annotation %s is %q; write an account's name: up to %d lower-case letters, digits, _ and -, not beginning with a digit", s.Name, workload.AnnotationUser, p.user, longestAccount)
	}
	var err error
	if p.words, err = p.commandLine(); err != nil {
		return program{}, err
	}
	if p.variables, err = variables(s, c); err != nil {
		return program{}, err
	}
	if p.share, err = render.ShareOf(s.Name, c.Resources); err != nil {
		return program{}, err
	}
	if p.times, err = s.Times(); err != nil {
		return program{}, err
	}
	if p.listens, err = s.Listens(); err != nil {
		return program{}, err
	}
	if p.volumes, err = e.volumes(p); err != nil {
		return program{}, err
	}
	p.files, err = e.documents(p)
	return p, err
}

// order says which process waits for which: as the workload does, and where it does not, the main one for all others, so that it
// is also the first to be stopped.
func order(all []program) {
	unit := map[string]string{}
	for _, p := range all {
		unit[p.key] = p.name + ".service"
	}
	first := &all[0]
	for i := range all {
		p := &all[i]
		if !p.main {
			first.wants = append(first.wants, p.name+".service")
		}
		for _, other := range slices.Sorted(maps.Keys(p.container.Before)) {
			p.once = p.once || p.container.Before[other].Ready == "complete"
			if u, ok := unit[other]; ok {
				p.before = append(p.before, u)
			}
		}
		if _, later := first.container.Before[p.key]; !p.main && !later && !slices.Contains(p.before, unit[first.key]) {
			p.before = append(p.before, unit[first.key])
		}
		slices.Sort(p.before)
	}
}

// program is the name of a program in full, as systemd asks for, when it is named relative to the folder.
func (p program) program(name string) string {
	if strings.Contains(name, "/") && !path.IsAbs(name) {
		return path.Join(p.folder, name)
	}
	return name
}

// commandLine is what is started. A workload without a command leaves it to its image; on a machine that is the release's
// program "start".
func (p program) commandLine() ([]string, error) {
	words := slices.Concat(p.container.Command, p.container.Args)
	if len(p.container.Command) == 0 {
		words = slices.Concat([]string{"./start"}, p.container.Args)
	}
	words[0] = p.program(words[0])
	if !isPlain(words[0]) || strings.IndexByte("-@:+", words[0][0]) >= 0 {
		return nil, fault.Newf(fault.Invalid, "%s: %q cannot be named as a program in a unit; call it by way of /bin/sh -c", p.of.Name, words[0])
	}
	for _, w := range words {
		if !isValue(w) {
			return nil, fault.Newf(fault.Invalid, "%s: a word of its command is no text (it holds a zero byte or is not UTF-8); give such a value as a file", p.of.Name)
		}
	}
	return words, nil
}

// longestAccount is what Linux takes as the name of an account (useradd(8)).
const longestAccount = 32

// userOf is the account a service's processes run as.
func userOf(s render.Service) string {
	if u := s.Workload.Metadata.Annotations[workload.AnnotationUser]; u != "" {
		return u
	}
	name := workload.NameOf(string(s.Name))
	if name[0] >= '0' && name[0] <= '9' {
		name = "s-" + name
	}
	if len(name) <= longestAccount {
		return name
	}
	digest := strings.TrimPrefix(string(estate.DigestOf(name)), "sha256:")
	return name[:longestAccount-7] + "-" + digest[:6]
}

// isAccount tells whether Linux takes a name as that of an account, useradd(8).
func isAccount(name string) bool {
	return len(name) <= longestAccount && isVariable(strings.ReplaceAll(name, "-", "_")) && name == strings.ToLower(name) && name[0] != '-'
}

// secrets tells whether any variable of the process holds one.
func (p program) secrets() bool {
	return slices.ContainsFunc(p.variables, render.Variable.Hidden)
}

// plain tells whether any variable of the process holds none.
func (p program) plain() bool {
	return slices.ContainsFunc(p.variables, func(v render.Variable) bool { return !v.Hidden() })
}

// low tells whether the process listens on a port that only the system's own processes may.
func (p program) low() bool {
	return p.main && slices.ContainsFunc(p.listens, func(l render.Listen) bool { return l.Target < 1024 })
}
