package how

import (
	"fmt"
	"path"

	"example.org/caravan/internal/estate"
)

func (o *machines) restart() Recipe {
	if o.m.Patroni != "" {
		return o.restartPatroni()
	}
	r := Recipe{
		Does:     "Restarts its unit, one machine after the other, and goes no further when it is not well on one.",
		Commands: []Command{change(o.inTurn(o.waits(line("sudo systemctl restart %s", o.unit()))), "")},
		Warning:  "a machine takes calls again only when its process answers",
	}
	if len(o.hosts) == 1 {
		r.Does = "Restarts its unit."
		r.Warning = "it runs on one machine, so nobody answers meanwhile"
		if o.callers() != "" {
			r.Warning = "it runs on one machine, so nobody answers " + o.callers() + " meanwhile"
		}
	}
	if o.planned() && o.m.Health != "" {
		r.Differs = []string{"systemctl restart takes it out of balance first, and returns when it is well: no script of your own is needed."}
	}
	return r
}

// restartPatroni leaves the order to what keeps the database.
func (o *machines) restartPatroni() Recipe {
	return Recipe{
		Does: "Asks Patroni to restart its members, the standbys first.",
		Commands: []Command{
			look(o.on(line("sudo patronictl -c %s list", words{o.m.Patroni})), "who is primary"),
			change(o.session(line("sudo patronictl -c %s restart %s --role replica", words{o.m.Patroni}, words{o.cluster()})), "the standbys"),
			change(o.session(line("sudo patronictl -c %s restart %s --role primary", words{o.m.Patroni}, words{o.cluster()})), "the primary, when the standbys are back"),
		},
		Differs: []string{"sudo systemctl restart on the primary makes a standby take over: a switch-over nobody asked for."},
		Warning: "while the primary restarts nothing can be written",
	}
}

// cluster is what Patroni calls it: its configuration is named after it.
func (o *machines) cluster() string {
	base := path.Base(o.m.Patroni)
	return base[:len(base)-len(path.Ext(base))]
}

func (o *machines) stop() Recipe {
	r := Recipe{
		Does: "Stops its unit on all its machines, and starts it again.",
		Commands: []Command{
			change(o.each(line("sudo systemctl stop %s", o.unit())), "stops it"),
			change(o.each(line("sudo systemctl start %s", o.unit())), "starts it again"),
		},
		Warning: "nobody answers in its place",
	}
	if o.callers() != "" {
		r.Warning = "nobody answers " + o.callers()
	}
	if o.m.Drain != "" {
		r.Commands = append(r.Commands, change(o.on(line("sudo touch %s", words{o.m.Drain})), "instead, keeps it running and out of balance on one machine; rm lets it in again"))
	}
	if o.m.Patroni != "" {
		r.Differs = []string{"Stopping the primary makes a standby take over; to stop all, stop the standbys first."}
	}
	return r
}

func (o *machines) scale() Recipe {
	r := Recipe{
		Does:     "Shows where it runs; more of it means another machine.",
		Commands: []Command{look(o.each(line("systemctl is-active %s", o.unit())), "")},
	}
	if !o.planned() {
		r.Differs = []string{"There is no number to change: another machine is given its role, and the load balancers another line."}
		return r
	}
	r.Commands = append(r.Commands, look(line("caravan plan %s", words{o.Expansion}), "after machines of the environment is changed"), look(line("caravan move %s", words{o.Expansion}), "writes what another machine needs"))
	r.Differs = []string{fmt.Sprintf("It runs on every application machine of %s: write machines of the environment into expansions/%s.yaml, and move.", o.called(), o.Expansion)}
	return r
}

func (o *machines) deploy() Recipe {
	if o.m.Release != "" {
		return o.deployPlanned()
	}
	r := Recipe{Does: "Puts what is written for it in place and restarts it.", Warning: "it is restarted where its release changed"}
	if o.m.Writer != chef {
		return Recipe{
			Does:     "Shows which release runs.",
			Commands: []Command{look(o.each(o.current()), "")},
			Unknown:  []string{"How its releases are put in place is in no configuration that was read."},
		}
	}
	r.Commands = []Command{
		look(o.on("sudo chef-client --why-run"), "what a run would change"),
		change(o.inTurn(o.waits("sudo chef-client")), ""),
	}
	r.Differs = []string{"A run of chef-client brings all that is written for the machine, not this release alone."}
	if o.m.Version.Value == "" {
		r.Unknown = append(r.Unknown, "Where its release is written is in no configuration that was read.")
	} else {
		r.Does = fmt.Sprintf("Takes the release that is written for it, today %s, and restarts it.", o.m.Version.Value)
		r.Differs = append([]string{fmt.Sprintf("Another release is written at %s.", o.m.Version.Place)}, r.Differs...)
		o.rests("release", o.m.Version)
	}
	return r
}

// current shows the release that runs.
func (o *machines) current() string {
	if isPath(o.m.Current) {
		return line("readlink -f %s", words{o.m.Current})
	}
	return line("systemctl show -p ExecStart -p ExecMainStartTimestamp %s", o.unit())
}

// byCaravan says which command does it in all environments.
func byCaravan(service estate.ServiceName) string {
	return line("caravan deploy %s --version VERSION", words{string(service)}) + " does it everywhere, machines and clusters, with one image, out of balance, and back by itself."
}

func (o *machines) deployPlanned() Recipe {
	name := string(o.Subject.Name)
	return Recipe{
		Does: "Unpacks a release beside the one that runs, switches to it, and back when it is not well.",
		Commands: []Command{
			change(line(`for host in %s; do scp %s "$host":; done`, o.hosts, words{name + "-VERSION.tar.gz"}), "VERSION stands for the release"),
			change(o.inTurn(line("sudo %s VERSION %s", words{o.m.Release}, words{name + "-VERSION.tar.gz"})), ""),
		},
		Differs: []string{
			"The script switches the link in one step, restarts the unit, and goes back by itself when the process is not well in time.",
			byCaravan(o.Subject.Name),
		},
		Warning: "two releases answer side by side until the last machine is done",
	}
}

func (o *machines) rollback() Recipe {
	if o.m.Release != "" {
		return Recipe{
			Does: "Switches back to a release that is still on the machine.",
			Commands: []Command{
				look(o.on(line("ls -1t %s; readlink %s", words{o.m.Releases}, words{o.m.Current})), "what is kept, and what runs"),
				change(o.inTurn(line("sudo %s VERSION", words{o.m.Release})), "VERSION stands for one of them"),
			},
			Differs: []string{"Five releases are kept; the script restarts the unit and asks whether it is well."},
			Warning: older,
		}
	}
	r := Recipe{Does: "Puts the release before in place.", Differs: o.undone(), Warning: older}
	if isPath(o.m.Releases) && isPath(o.m.Current) {
		o.rests("folder", o.m.Folder)
		r.Does = "Points the link to the release before, and restarts its unit."
		r.Commands = []Command{
			look(o.on(line("ls -1t %s; readlink %s", words{o.m.Releases}, words{o.m.Current})), "what is kept, and what runs"),
			change(o.inTurn(o.waits(line("sudo ln -sfn %s/VERSION %s && sudo systemctl restart %s", words{o.m.Releases}, words{o.m.Current}, o.unit()))), "VERSION stands for one of them"),
		}
	} else {
		r.Commands = []Command{look(o.each(o.current()), "what runs")}
		r.Unknown = append(r.Unknown, "Where its releases are kept on a machine is in no configuration that was read.")
	}
	if o.m.Writer != chef || o.m.Version.Value == "" {
		return r
	}
	o.rests("release", o.m.Version)
	r.Commands = append(r.Commands, change(o.inTurn(o.waits("sudo chef-client")), fmt.Sprintf("for good, when %s has the release before", o.m.Version.Place)))
	r.Differs = []string{fmt.Sprintf("Chef brings %s back with its next run, until another is written at %s.", o.m.Version.Value, o.m.Version.Place)}
	return r
}

// older is what follows from going back.
const older = "what a newer release wrote to the database stays, and the older one has to read it"
