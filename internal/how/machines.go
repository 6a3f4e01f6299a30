package how

import (
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
)

// machines is a subject on the machines of one environment. Words that stand for what is unknown are noted as they are used.
type machines struct {
	Subject
	Place
	m       Machines
	hosts   []string
	units   words
	finds   []Command // that tell what words stand for
	facts   []Fact
	unknown []string
}

// words that stand for what is in no configuration.
const (
	anyHost = "HOST"
	anyUnit = "UNIT"
	anyPath = "FOLDER"
)

// ons has a recipe for each action.
var ons = map[Action]func(*machines) Recipe{
	Logs: (*machines).logs, Status: (*machines).status, Restart: (*machines).restart, Shell: (*machines).shell, Env: (*machines).env, Config: (*machines).config,
	Files: (*machines).files, Deploy: (*machines).deploy, Rollback: (*machines).rollback, Scale: (*machines).scale, Stop: (*machines).stop, Ports: (*machines).ports,
	CPU: (*machines).cpu, Memory: (*machines).memory, Disk: (*machines).disk, Jobs: (*machines).jobs, DNS: (*machines).dns, Database: (*machines).database,
}

func onMachines(s Subject, p Place) *machines {
	o := &machines{Subject: s, Place: p, m: *p.Machines}
	for _, h := range o.m.Hosts {
		if isName(h) {
			o.hosts = append(o.hosts, h)
		}
	}
	for _, u := range o.m.Units {
		if isName(u.Value) {
			o.units = append(o.units, u.Value)
		}
	}
	return o
}

func (o *machines) recipe(a Action) Recipe {
	r := ons[a](o)
	r.Commands = append(o.finds, r.Commands...)
	r.Evidence, r.Unknown = o.facts, append(o.unknown, r.Unknown...)
	return r
}

// miss notes, once, that something is not known, and the command that tells it on a machine.
func (o *machines) miss(text string, find ...Command) {
	if !slices.Contains(o.unknown, text) {
		o.unknown = append(o.unknown, text)
		o.finds = append(o.finds, find...)
	}
}

// rests notes, once, what was read and is filled in. What is planned was read nowhere.
func (o *machines) rests(what string, k Known) {
	f := Fact{what, k.Value, k.Place}
	if k.Place != (estate.Place{}) && !slices.Contains(o.facts, f) {
		o.facts = append(o.facts, f)
	}
}

// host is the first of its machines.
func (o *machines) host() string {
	if len(o.hosts) > 0 {
		return o.hosts[0]
	}
	o.miss(fmt.Sprintf("On which machines of %s it runs is in no configuration that was read; %s stands for one.", o.called(), anyHost))
	return anyHost
}

// unit are its units: the one that answers and those beside it that are it too.
func (o *machines) unit() words {
	if len(o.units) > 0 {
		for _, u := range o.m.Units {
			o.rests("unit", u)
		}
		return o.units
	}
	o.miss("The name of its unit is in no configuration that was read; "+anyUnit+" stands for it.",
		look(o.on(line("systemctl list-units --all --type=service %s", words{"*" + o.token() + "*"})), "lists what "+anyUnit+" may be"))
	return words{anyUnit}
}

// token is the subject's name as a unit's may hold it.
func (o *machines) token() string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r) {
			return r
		}
		return '?'
	}, string(o.Subject.Name))
}

// all are its units with those that follow it.
func (o *machines) all() words {
	out := append(words{}, o.unit()...)
	for _, u := range o.m.Beside {
		if isName(u) {
			out = append(out, u)
		}
	}
	return out
}

// journal chooses the units in journalctl.
func (o *machines) journal() words {
	var out words
	for _, u := range o.all() {
		out = append(out, "-u", u)
	}
	return out
}

// folder is where its process starts.
func (o *machines) folder() string {
	if isPath(o.m.Folder.Value) {
		o.rests("folder", o.m.Folder)
		return o.m.Folder.Value
	}
	unit := o.unit()
	o.miss("The folder it starts in is in no configuration that was read; "+anyPath+" stands for it.",
		look(o.on(line("systemctl show -p WorkingDirectory %s", unit)), "tells "+anyPath))
	return anyPath
}

// on runs a command on the first of its machines.
func (o *machines) on(command string) string {
	return line("ssh %s %s", words{o.host()}, words{command})
}

// session runs a command there that people type into, or end with Ctrl-C.
func (o *machines) session(command string) string {
	return line("ssh -t %s %s", words{o.host()}, words{command})
}

// each runs a command on its machines, one after the other.
func (o *machines) each(command string) string {
	if len(o.hosts) < 2 {
		return o.on(command)
	}
	return line(`for host in %s; do ssh "$host" %s; done`, o.hosts, words{command})
}

// inTurn is each, and goes no further when it fails on one.
func (o *machines) inTurn(command string) string {
	if len(o.hosts) < 2 {
		return o.on(command)
	}
	return line(`for host in %s; do ssh "$host" %s || break; done`, o.hosts, words{command})
}

// fed is inTurn for a command that reads a file of this machine.
func (o *machines) fed(command, file string) string {
	if len(o.hosts) < 2 {
		return o.on(command) + line(" < %s", words{file})
	}
	return line(`for host in %s; do ssh "$host" %s < %s || break; done`, o.hosts, words{command}, words{file})
}

// others says where else the same holds; "" when there is one machine.
func (o *machines) others() string {
	if len(o.hosts) < 2 {
		return ""
	}
	return "the same on " + listed(o.hosts[1:])
}

// planned reports whether the machines are Caravan's own.
func (o *machines) planned() bool { return o.Expansion != "" }

// ask is a command that fails when it is not well; "" when there is no way to ask. With patience it asks again for a minute.
func (o *machines) ask(patience string) string {
	switch {
	case o.m.Health != "":
		return line("%s", words{o.m.Health})
	case o.Health != "" && len(o.Ports) > 0:
		return "curl -fsS" + patience + line(" -o /dev/null %s", words{o.url()})
	}
	return ""
}

// minute is how curl asks again while a process starts.
const minute = " --retry 30 --retry-delay 2 --retry-connrefused"

func (o *machines) url() string {
	return fmt.Sprintf("http://localhost:%d%s", o.Ports[0], orRoot(o.Health))
}

// waits is a change, and then the question whether it is well. A planned unit asks by itself before it counts as started.
func (o *machines) waits(command string) string {
	if ask := o.ask(minute); ask != "" && !o.planned() {
		return command + " && " + ask
	}
	return command
}

// undone says that what is done by hand is undone by what writes the files.
func (o *machines) undone() []string {
	if o.m.Writer == "" {
		return nil
	}
	return []string{o.m.Writer + " writes its files: what you change by hand is gone with its next run."}
}

// workloadFile is where its team keeps how it runs.
func (o *machines) workloadFile() string { return "services/" + string(o.Subject.Name) + "/score.yaml" }
