package how

import (
	"fmt"
	"path"

	"example.org/caravan/internal/estate"
)

func (o *machines) logs() Recipe {
	hour := "the last hour"
	if len(o.hosts) > 1 {
		hour += " of all its machines"
	}
	return Recipe{
		Does: "Follows the journal of its unit; each machine has its own.",
		Commands: []Command{
			look(o.session(line("sudo journalctl %s -n 200 -f", o.journal())), o.others()),
			look(o.each(line("sudo journalctl %s --since -1h --no-pager", o.journal())), hour),
		},
	}
}

func (o *machines) status() Recipe {
	r := Recipe{
		Does:     "Shows whether its unit runs, since when, and its last lines.",
		Commands: []Command{look(o.each(line("systemctl status --no-pager %s", o.all())), "")},
	}
	if ask := o.ask(""); ask != "" {
		r.Commands = append(r.Commands, look(o.each(ask+" && echo well"), "asks it"))
	}
	if o.m.Patroni != "" {
		r.Commands = append(r.Commands, look(o.on(line("sudo patronictl -c %s list", words{o.m.Patroni})), "who is primary, and how far the standbys are behind"))
	}
	if o.m.Drain != "" {
		r.Differs = []string{"The load balancers know it too: while " + o.m.Drain + " is there, they send that machine nothing."}
	}
	return r
}

func (o *machines) shell() Recipe {
	if o.Subject.Kind == estate.Datastore {
		return Recipe{Does: "Logs in to a machine it runs on.", Commands: []Command{look(line("ssh %s", words{o.host()}), o.others())}}
	}
	return Recipe{
		Does:     "Logs in to a machine it runs on, in the folder it starts in.",
		Commands: []Command{look(o.session(o.entered()), o.others())},
	}
}

// entered begins a shell where the process is, as its account where that is known.
func (o *machines) entered() string {
	command := line("cd %s && exec ", words{o.folder()})
	if isName(o.m.User.Value) {
		o.rests("account", o.m.User)
		return command + line("sudo -u %s sh", words{o.m.User.Value})
	}
	return command + "$SHELL"
}

func (o *machines) env() Recipe {
	main := o.unit()[:1]
	r := Recipe{
		Does: "Shows the names of the variables its process has, and the files they are from.",
		Commands: []Command{
			look(o.on(line(`sudo cat /proc/"$(systemctl show -p MainPID --value %s)"/environ | tr '\0' '\n' | cut -d = -f 1 | sort`, main)), "names alone: values hold passwords"),
			look(o.on(line("systemctl show -p Environment -p EnvironmentFiles %s", o.unit())), "where they are from"),
		},
		Differs: []string{"Variables are read when the unit starts; a running process never sees a new one."},
	}
	return r
}

func (o *machines) config() Recipe {
	r := Recipe{Does: "Shows its unit and the files it is given.", Differs: o.undone()}
	r.Commands = append(r.Commands, look(o.on(line("systemctl cat %s", o.all())), "the unit, with all that is laid over it"))
	var files words
	for _, f := range o.m.Files {
		if isPath(f.Value) {
			files = append(files, f.Value)
			o.rests("file", f)
		}
	}
	if len(files) > 0 {
		r.Commands = append(r.Commands, look(o.on(line("sudo cat %s", files)), "may hold passwords"))
	} else {
		r.Unknown = append(r.Unknown, "Which files it is given is in no configuration that was read; EnvironmentFile= and the command line in its unit tell some.")
	}
	if !o.planned() {
		return r
	}
	r.Does = "Shows its unit and the files it is given; a change is written into its files and moved."
	r.Commands = append(r.Commands, o.carry()...)
	r.Warning = "it is restarted to read what changed"
	if len(o.m.Secrets) > 0 {
		r.Differs = append(r.Differs, "Passwords are in "+folders(o.m.Secrets)+", which is put there by hand and rendered nowhere.")
	}
	r.Differs = append(r.Differs, o.written(), "A file that is edited by hand is another one than is planned; the next move says so.")
	return r
}

// written says where a change of what is planned begins.
func (o *machines) written() string {
	if o.Subject.Kind == estate.Datastore {
		return fmt.Sprintf("Its size and content are under datastores in expansions/%s.yaml.", o.Expansion)
	}
	return fmt.Sprintf("Values of all countries are in %s (caravan workload %s --write begins one), those of this one under substitutions in expansions/%s.yaml.",
		o.workloadFile(), quoted(string(o.Subject.Name)), o.Expansion)
}

// carry brings planned files to the machines.
func (o *machines) carry() []Command {
	out := []Command{look(line("caravan move %s", words{o.Expansion}), "writes the files, and nothing when nothing changed")}
	folder := "rendered/" + o.Expansion + "/" + o.m.Bundle
	if o.m.Variables == "" {
		return append(out, look(line("ls %s", words{folder}), "cloud-init.yaml of each host says where on the machine each file goes"))
	}
	put := line("sudo tee %s >/dev/null && sudo systemctl restart %s", words{o.m.Variables}, o.unit())
	return append(out, change(o.fed(put, folder+"/"+path.Base(o.m.Variables)), "its variables, one machine after the other"))
}

func (o *machines) files() Recipe {
	folder := o.folderOrData()
	return Recipe{
		Does: "Lists its files on a machine, and copies one to yours.",
		Commands: []Command{
			look(o.on(line("sudo ls -la %s", words{folder})), o.others()),
			look(line("ssh %s ", words{o.host()})+quoted("sudo cat FILE")+" > COPY", "FILE and COPY stand for what you want and where to"),
		},
		Differs: o.undone(),
	}
}

// folderOrData is the folder it starts in; of a datastore the one it keeps its data in.
func (o *machines) folderOrData() string {
	if len(o.m.Data) > 0 && isPath(o.m.Data[0]) && o.Subject.Kind == estate.Datastore {
		return o.m.Data[0]
	}
	return o.folder()
}

func (o *machines) ports() Recipe {
	r := Recipe{Does: "Shows what listens on its port, and calls it on its own machine."}
	if len(o.Ports) == 0 {
		r.Does = "Shows what listens on its machines."
		r.Commands = []Command{look(o.each("sudo ss -ltnp"), "")}
		r.Unknown = []string{"Its port is in no configuration that was read."}
		return r
	}
	filter := ""
	for i, p := range o.Ports {
		if i > 0 {
			filter += " or "
		}
		filter += fmt.Sprintf("sport = :%d", p)
	}
	r.Commands = []Command{look(o.each(line("sudo ss -ltnp %s", words{filter})), "")}
	if o.Subject.Kind == estate.Service {
		r.Commands = append(r.Commands, look(o.on(line("curl -i %s", words{o.url()})), "calls it"))
	}
	if o.callers() != "" {
		r.Differs = []string{"Called by " + o.callers() + "."}
	}
	return r
}

func (o *machines) cpu() Recipe {
	r := Recipe{
		Does: "Shows how much processor time its process takes, and how busy the machine is.",
		Commands: []Command{
			look(o.each(line(`top -b -n 1 -p "$(systemctl show -p MainPID --value %s)"`, o.unit()[:1])), ""),
			look(o.each(line("systemctl show -p CPUUsageNSec -p CPUQuotaPerSecUSec %s", o.unit())), "all of its unit, and the most it may take"),
		},
	}
	if o.m.Share.CPU > 0 {
		r.Differs = append(r.Differs, "Its unit may take "+processors(o.m.Share.CPU)+", CPUQuota=; beyond that it is slowed.")
	}
	return r
}

func (o *machines) memory() Recipe {
	r := Recipe{
		Does: "Shows how much memory its unit takes, what is left, and whether it was killed for it.",
		Commands: []Command{
			look(o.each(line("systemctl show -p MemoryCurrent -p MemoryMax %s; free -h", o.unit())), ""),
			look(o.each("sudo journalctl -k --since -7d --no-pager | grep -i 'out of memory'"), "what the kernel killed in seven days"),
		},
	}
	if o.m.Share.Memory > 0 {
		r.Differs = append(r.Differs, "Its unit may take "+bytes(o.m.Share.Memory)+", MemoryMax=; beyond that it is killed, not the machine's neighbours.")
	}
	return r
}

func (o *machines) disk() Recipe {
	of := words{"/var/log"}
	for _, d := range o.m.Data {
		if isPath(d) {
			of = append(of, d)
		}
	}
	if o.Subject.Kind == estate.Service {
		of = append(words{o.folder()}, of...)
	}
	return Recipe{
		Does: "Shows how full its machines are, and what of it is its own.",
		Commands: []Command{
			look(o.each("df -h"), ""),
			look(o.each(line("sudo du -xsh %s", of)), "its own folders, and the logs of all"),
			look(o.each("sudo journalctl --disk-usage"), "the journal"),
		},
	}
}

func (o *machines) jobs() Recipe {
	crontab := "sudo crontab -l"
	if isName(o.m.User.Value) {
		o.rests("account", o.m.User)
		crontab = line("sudo crontab -l -u %s", words{o.m.User.Value})
	}
	return Recipe{
		Does: "Lists the timers and crontabs of its machines.",
		Commands: []Command{
			look(o.each("systemctl list-timers --all --no-pager"), "timers"),
			look(o.each(crontab+"; grep -rs . /etc/crontab /etc/cron.d"), "crontabs"),
		},
		Differs: []string{"A crontab is one machine's: on several machines the same line runs on each."},
	}
}
