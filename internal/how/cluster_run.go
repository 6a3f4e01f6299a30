package how

import (
	"fmt"
	"strconv"
)

func (o inCluster) restart() Recipe {
	if o.operated() {
		return o.restartOperated()
	}
	if o.c.Patroni != "" {
		return o.restartPatroni()
	}
	r := Recipe{
		Does: "Replaces its pods one by one with new ones of the same release.",
		Commands: []Command{
			change(o.kubectl("rollout restart %s", o.object()), ""),
			o.rollout(),
			change(o.kubectl("delete pod POD"), "one pod alone, where POD stands for its name: another is started at once"),
		},
		Differs: []string{
			"Nothing is restarted in place: a new pod comes up, and an old one goes when the new one is ready. If none gets ready, the old ones stay.",
			"A process that ends by itself is started again without you, after growing pauses (CrashLoopBackOff).",
		},
		Warning: "each pod ends the requests it has and takes no new ones while it goes",
		Rights:  o.unowned(),
	}
	if o.stateful() {
		r.Differs[0] = "Pods are replaced in place, from the last to the first, each when the one before is ready again: it keeps its name and disk."
		r.Warning = "one after the other its pods are away for a moment"
	}
	return r
}

// restartPatroni leaves the order to what keeps the database.
func (o inCluster) restartPatroni() Recipe {
	return Recipe{
		Does: "Asks Patroni to restart its members, the standbys first.",
		Commands: []Command{
			look(o.exec("patronictl -c %s list", words{o.c.Patroni}), "who is primary, and how far the standbys are behind"),
			change(o.session("patronictl -c %s restart %s --role replica", words{o.c.Patroni}, words{o.c.Name}), "the standbys"),
			change(o.session("patronictl -c %s restart %s --role primary", words{o.c.Patroni}, words{o.c.Name}), "the primary, when the standbys are back"),
		},
		Differs: []string{"rollout restart replaces the pods, that of the primary too: a switch-over nobody asked for, to a standby whose cache may be cold."},
		Warning: "while the primary restarts nothing can be written",
		Rights:  o.lacks("exec"),
	}
}

// restartOperated is how CloudNativePG restarts PostgreSQL: by an annotation that it looks for.
func (o inCluster) restartOperated() Recipe {
	stamp := `kubectl.kubernetes.io/restartedAt="$(date -u +%Y-%m-%dT%H:%M:%SZ)"`
	return Recipe{
		Does: "Asks CloudNativePG to restart the standbys one by one, and the primary last.",
		Commands: []Command{
			change(o.kubectl("annotate --overwrite %s ", o.object())+stamp, ""),
			look(o.kubectl("get %s", o.object()), "which pod is primary, and how many are ready"),
		},
		Differs: []string{"Its pods are the operator's: it decides the order, and a pod that is deleted by hand may be the primary."},
		Warning: "the primary goes last, and writes fail until another has taken over",
		Rights:  o.lacks("changing a database"),
	}
}

func (o inCluster) stop() Recipe {
	if o.operated() {
		return o.stopOperated()
	}
	again := strconv.Itoa(max(o.c.Least, 1))
	r := Recipe{
		Does: "Stops all its pods, and starts them again.",
		Commands: []Command{
			change(o.kubectl("scale %s --replicas=0", o.object()), "stops it"),
			change(o.kubectl("scale %s --replicas=%s", o.object(), words{again}), "starts it again"),
		},
		Differs: []string{"A process that is killed is started again: what stops it is the number 0, and the next apply of its files starts it."},
		Rights:  o.unowned(),
		Warning: "nobody answers in its place",
	}
	if o.callers() != "" {
		r.Warning = "nobody answers " + o.callers()
	}
	if o.c.Least == 0 {
		r.Unknown = append(r.Unknown, "How many of it run is in no configuration that was read; 1 is a guess.")
	}
	if o.scaled() {
		r.Differs = append(r.Differs, "At 0 its HorizontalPodAutoscaler rests; at any other number it takes over again.")
	}
	return r
}

// stopOperated is CloudNativePG's declarative hibernation.
func (o inCluster) stopOperated() Recipe {
	warning := "everything that keeps data in it fails"
	if o.callers() != "" {
		warning += ": " + o.callers()
	}
	return Recipe{
		Does: "Asks CloudNativePG to put the database to sleep, keeping its disks, and wakes it.",
		Commands: []Command{
			change(o.kubectl("annotate --overwrite %s cnpg.io/hibernation=on", o.object()), "stops it"),
			change(o.kubectl("annotate --overwrite %s cnpg.io/hibernation=off", o.object()), "starts it again"),
		},
		Differs: []string{"Scaling does not stop a database: its operator would start it again."},
		Warning: warning,
		Rights:  o.lacks("changing a database"),
	}
}

func (o inCluster) scale() Recipe {
	if o.scaled() {
		return o.scaleScaled()
	}
	more := max(o.c.Most, 1) + 1
	r := Recipe{
		Does: fmt.Sprintf("Runs %d of it instead of %d.", more, more-1),
		Commands: []Command{
			change(o.kubectl("scale %s --replicas=%s", o.object(), words{strconv.Itoa(more)}), "until its files are applied again"),
			o.rollout(),
		},
		Differs: []string{"More of it is a number: no machine to order, no load balancer to tell."},
		Warning: "every pod more is one more client of its databases, each with its own pool of connections",
		Rights:  o.unowned(),
	}
	if o.c.Most == 0 {
		r.Does = "Changes how many of it run."
		r.Unknown = append(r.Unknown, fmt.Sprintf("How many of it run is in no configuration that was read; %d is an example.", more))
	}
	return o.bounded(r)
}

// bounded says where a number of pods is kept, and what bounds it.
func (o inCluster) bounded(r Recipe) Recipe {
	if !o.c.Rendered {
		r.Differs = append(r.Differs, o.ownWay()...)
		return r
	}
	r.Commands = append(r.Commands, look(o.kubectl("describe resourcequota team"), "how many more the namespace has room for"))
	r.Differs = append(r.Differs, fmt.Sprintf("For good, write replicas of %s into expansions/%s.yaml, and move.", o.Subject.Name, o.Expansion))
	return r
}

// scaleScaled is for what a HorizontalPodAutoscaler owns.
func (o inCluster) scaleScaled() Recipe {
	return o.bounded(Recipe{
		Does: fmt.Sprintf("Shows how many run and why: a HorizontalPodAutoscaler keeps between %d and %d of it.", o.c.Least, o.c.Most),
		Commands: []Command{
			look(o.kubectl("get hpa %s", words{o.c.Name}), "how busy they are, and how many that makes"),
			look(o.kubectl("describe hpa %s", words{o.c.Name}), "what it did lately, and what keeps it"),
		},
		Differs: []string{"kubectl scale is undone within seconds: the HorizontalPodAutoscaler owns the number. Change its bounds instead."},
		Rights:  o.unowned(),
	})
}

func (o inCluster) deploy() Recipe {
	if !o.c.Rendered {
		return Recipe{
			Does:     "Shows which images run, and whether a release is still being put in place.",
			Commands: []Command{look(o.kubectl("get %s -o wide", o.object()), "its images"), o.rollout()},
			Unknown:  o.ownWay(),
		}
	}
	return Recipe{
		Does:     "Replaces its pods one by one with those of another image.",
		Commands: append(append([]Command{look(line("caravan plan %s", words{o.Expansion}), "after the release is written: what changes")}, o.apply()...), o.rollout()),
		Differs: []string{
			"No file is copied and no link is switched: a release is an image, and its tag is the annotation caravan.example.org/release in " + o.written() + ".",
			"A release that does not get ready takes no calls, and the old pods stay until you decide.",
			byCaravan(o.Subject.Name) + " From then on the version that was deployed last runs, whatever the annotation says.",
		},
		Warning: "two releases answer side by side until the last pod is replaced",
		Rights:  o.lacks("apply; releases come through review"),
	}
}

func (o inCluster) rollback() Recipe {
	r := Recipe{
		Does: "Replaces its pods one by one with those of the release before.",
		Commands: []Command{
			look(o.kubectl("rollout history %s", o.object()), "the releases that are kept"),
			change(o.kubectl("rollout undo %s", o.object()), "back to the one before"),
			o.rollout(),
		},
		Differs: []string{"A pod comes back with the configuration it had: each release names its own ConfigMap."},
		Warning: older,
		Rights:  o.unowned(),
	}
	if !o.c.Rendered {
		r.Differs = append(r.Differs, o.ownWay()...)
		return r
	}
	r.Differs = append(r.Differs,
		"Three releases before are kept.",
		fmt.Sprintf("Undo stops the harm; then write the old release into %s and caravan move %s, or the next move brings the bad one back.", o.workloadFile(), quoted(o.Expansion)))
	return r
}

func (o inCluster) config() Recipe {
	r := Recipe{
		Does:   "Shows the values it is given; a change is written into its files and moved.",
		Rights: o.unowned(),
	}
	switch {
	case len(o.c.ConfigMaps) > 0:
		r.Commands = append(r.Commands, look(o.kubectl("get configmap %s -o yaml", words(o.c.ConfigMaps)), "as planned now"))
	case !o.c.Rendered:
		r.Commands = append(r.Commands, look(o.kubectl("get configmaps"), "which there are"), look(o.kubectl("describe %s", o.object()), "which it uses"))
	}
	if len(o.c.Secrets) > 0 {
		r.Differs = append(r.Differs, "Secrets are in "+listed(o.c.Secrets)+"; what is rendered only names them.")
	}
	if !o.c.Rendered {
		r.Unknown = o.ownWay()
		return r
	}
	r.Commands = append(append(r.Commands, look(line("caravan render %s %s", words{o.Expansion}, words{o.c.Overlay}), "what a change will be, before it is moved")), o.apply()...)
	r.Differs = append([]string{
		"There is no file to edit on a machine, and a ConfigMap is never edited either: its name ends in a digest of what it holds, so a change makes a new one, and the pods are replaced one by one.",
	}, r.Differs...)
	r.Warning = "its pods are replaced one by one to take the values"
	r.Rights = o.lacks("apply; configuration comes through review")
	if o.Subject.Kind == "service" {
		r.Differs = append(r.Differs, fmt.Sprintf("Values of all countries are in %s, those of this one under substitutions in expansions/%s.yaml.", o.written(), o.Expansion))
	} else {
		r.Differs = append(r.Differs, fmt.Sprintf("Its size and content are under datastores in expansions/%s.yaml.", o.Expansion))
	}
	return r
}
