package drift

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/object"
)

// World is what is declared and what was observed. Lists may come in any order.
type World struct {
	Now            time.Time
	Teams          map[estate.ServiceName]estate.TeamName // who owns what
	Looks          []Look                                 // one of each environment that was to be looked at
	Objects        []Object
	Files          []File
	Units          []UnitState
	Instances      []Running
	Packages       []Installed
	Configurations []Configuration
	Reports        []Report
	Releases       []Released
}

// Source says where something declared comes from and who puts it in place again.
type Source struct {
	Service     estate.ServiceName
	Environment estate.EnvironmentName
	Team        estate.TeamName // of the step, where the service says nothing
	Expansion   string
	Step        string // of its course
	Where       string // "cluster of context kopi-id"
	At          time.Time
}

// Object is a declared object beside what is in its cluster.
type Object struct {
	Source
	object.Pair
	Scaled bool // something scales it
}

// File is a file on a machine that is not as it was put there.
type File struct {
	Source
	Machine, Path string // Path: on the machine
	File          string // in the bundle
	Missing       bool
	Diff          string // what would mend it; without secrets
	Sum           string // of what is there
}

// Failed is what is wrong with a unit that systemd gave up.
const Failed = "has failed"

// UnitState is a unit of systemd on a machine.
type UnitState struct {
	Source
	Machine, Unit string
	Wrong         string // "does not run", "is not enabled" …; "" when nothing is
}

// Running is an instance of a service, or all of them in one object.
type Running struct {
	Service     estate.ServiceName
	Environment estate.EnvironmentName
	Team        estate.TeamName
	Name        string // "deployment orders/orders", "sg-app1"
	Version     string // "" when nothing says it
	Declared    bool   // it is to run there
	At          time.Time
	Place       string // where that was seen
}

// Installed is a package on a machine.
type Installed struct {
	Service          estate.ServiceName // that it is there for; "" for the machine
	Environment      estate.EnvironmentName
	Machine, Group   string // machines of a group are to be alike
	Package, Version string
	At               time.Time
	Place            string
}

// Configuration is what a service is given in an environment.
type Configuration struct {
	config.Effective
	Seen bool // read from the files and machines of today, not from what people declare in layers and expansions
}

// Report is what the processes of a service are told beside what configuration has for them, and when they were read.
type Report struct {
	config.Report
	At time.Time
}

// Released is a version that was released to an environment.
type Released struct {
	Service         estate.ServiceName
	Environment     estate.EnvironmentName
	Version, Digest string
	Reason          string // why it is another one than elsewhere; "" when nobody said
	Place           string
}

// Compare lists what differs, in a fixed order. Of environments that could not be looked at, only that is known.
func Compare(w World) []Difference {
	var out []Difference
	for _, o := range w.Objects {
		out = append(out, w.object(o)...)
	}
	for _, f := range w.Files {
		out = append(out, w.file(f))
	}
	for _, u := range w.Units {
		if u.Wrong != "" {
			out = append(out, w.unit(u))
		}
	}
	for _, r := range w.Instances {
		if !r.Declared {
			out = append(out, w.instance(r))
		}
	}
	out = append(out, w.packages()...)
	out = append(out, w.versions(out)...)
	out = append(out, w.settings()...)
	out = append(out, w.told()...)
	for _, l := range w.Looks {
		if l.Failed != "" {
			out = append(out, unreachable(l))
		}
	}
	return order(out)
}

// from is a difference with what a source says of it.
func (w World) from(s Source, kind Kind) Difference {
	team := w.Teams[s.Service]
	if team == "" {
		team = s.Team
	}
	return Difference{
		Service: s.Service, Environment: s.Environment, Team: team, Kind: kind, Class: Accident, Step: s.Step, Expansion: s.Expansion, Seen: s.At,
	}
}

func unreachable(l Look) Difference {
	d := Difference{
		Environment: l.Environment, Kind: Unreachable, Class: Accident, Subject: string(l.Environment), Seen: l.At, Stale: true,
		What: "could not be looked at: " + l.Failed, Evidence: []string{l.Where}, Mend: "see to it that it can be reached, then caravan drift --live",
	}
	return identify(d)
}

func (w World) file(f File) Difference {
	d := w.from(f.Source, FileEdited)
	d.Subject, d.Mend = f.Machine+":"+f.Path, f.Diff
	d.What = f.Path + " was edited on " + f.Machine
	if f.Missing {
		d.Kind, d.What = FileMissing, f.Path+" is missing on "+f.Machine
	}
	d.Evidence = []string{f.Machine + ":" + f.Path, "declared in " + f.File}
	return identify(d, f.Sum)
}

func (w World) unit(u UnitState) Difference {
	d := w.from(u.Source, Unit)
	d.Subject, d.Live = u.Machine+":"+u.Unit, u.Wrong
	d.What = u.Unit + " " + u.Wrong + " on " + u.Machine
	d.Evidence = []string{"systemd of " + u.Machine}
	switch {
	case d.Step != "":
	case u.Wrong == Failed:
		d.Mend = fmt.Sprintf("on %s: journalctl -u %s says why; then systemctl restart %[2]s", u.Machine, u.Unit)
	default:
		d.Mend = "on " + u.Machine + ": systemctl enable --now " + u.Unit
	}
	return identify(d)
}

func (w World) instance(r Running) Difference {
	d := w.from(Source{Service: r.Service, Environment: r.Environment, At: r.At}, Instance)
	d.Subject, d.Live = r.Name, r.Version
	d.What = fmt.Sprintf("%s runs on %s, where it is not declared", r.Service, r.Name)
	d.Evidence = []string{r.Place}
	d.Mend = "stop it there, or declare that it runs there"
	return identify(d)
}

// packages finds machines on which another version is installed than on most of their group.
func (w World) packages() []Difference {
	type group struct {
		env       estate.EnvironmentName
		name, pkg string
	}
	groups := map[group][]Installed{}
	for _, p := range w.Packages {
		g := group{p.Environment, p.Group, p.Package}
		groups[g] = append(groups[g], p)
	}
	var out []Difference
	for _, all := range groups {
		versions := make([]string, len(all))
		for i, p := range all {
			versions[i] = p.Version
		}
		most := usual(versions)
		for _, p := range all {
			if p.Version == most {
				continue
			}
			d := w.from(Source{Service: p.Service, Environment: p.Environment, At: p.At}, Package)
			d.Subject, d.Field, d.Declared, d.Live = p.Machine, p.Package, most, p.Version
			d.What = fmt.Sprintf("%s is %s on %s and %s on most of %s", p.Package, p.Version, p.Machine, most, p.Group)
			d.Evidence = []string{p.Place}
			d.Mend = fmt.Sprintf("on %s: install %s %s", p.Machine, p.Package, most)
			out = append(out, identify(d))
		}
	}
	return out
}

// usual is the text that stands most often; of several, the last in order: of versions, the newer more often than not.
func usual(all []string) string {
	count := map[string]int{}
	for _, v := range all {
		count[v]++
	}
	best := ""
	for _, v := range slices.Sorted(maps.Keys(count)) {
		if count[v] >= count[best] {
			best = v
		}
	}
	return best
}
