package how

import (
	"fmt"

	"example.org/caravan/internal/workload"
)

// mostLookedUp is how many names are looked up in one line.
const mostLookedUp = 3

func (o inCluster) dns() Recipe {
	names, unknown := lookedUp(o.Names)
	script := line(`for name in %s; do nslookup "$name"; done`, names)
	return Recipe{
		Does: "Looks up, from inside one of its pods, the names it calls others by.",
		Commands: []Command{
			look(o.exec("getent hosts %s", names), "with what its image has"),
			look(o.beside(debugImage, "sh -c %s", words{script}), "with tools beside it"),
			look(o.exec("cat /etc/resolv.conf"), "whom it asks, and what is added to short names"),
		},
		Differs: []string{
			"Editing /etc/hosts does nothing: names come from the cluster's name server, NAME.NAMESPACE.svc.cluster.local for what is in the cluster.",
			o.shortNames(),
			"A name that resolves may still be out of reach: a NetworkPolicy drops what it does not allow, so that calls time out instead of being refused.",
		},
		Rights:  o.lacks("exec or debug"),
		Unknown: unknown,
	}
}

// shortNames says what becomes of a name without the cluster's suffix.
func (o inCluster) shortNames() string {
	if o.c.Rendered {
		return "ndots is 1 here: a name with a dot is asked for as it is, once; one without is looked for in its own namespace alone."
	}
	return "With ndots 5, Kubernetes' default, a name with fewer dots is first asked for with each suffix of the cluster: write a dot at its end, or ndots: 1."
}

// lookedUp are the names to look up, or a word that stands for one.
func lookedUp(names []string) (words, []string) {
	var out words
	for _, n := range names {
		if isName(n) && len(out) < mostLookedUp {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return words{"NAME"}, []string{"By which names it calls others is in no configuration that was read; NAME stands for one."}
	}
	return out, nil
}

func (o inCluster) database() Recipe {
	if len(o.Stores) == 0 {
		return Recipe{Does: "It keeps data in nothing that is known."}
	}
	r := Recipe{
		Does:    "Opens a session with what it keeps data in, from beside its process, which is let through.",
		Warning: sessions,
		Rights:  o.lacks("debug"),
		Differs: []string{"A client started elsewhere is let through by no NetworkPolicy: it has to run in one of its pods."},
	}
	for _, s := range o.Stores {
		o.connect(&r, s)
	}
	return r
}

// connect adds how to get to one store.
func (o inCluster) connect(r *Recipe, s Store) {
	c := clientOf(s)
	if o.Subject.Name == s.Name {
		r.Does, r.Rights = "Opens a session on the server itself.", o.lacks("exec")
		r.Differs = []string{"There is no ssh to the database's machine: exec runs its own client in " + o.answering() + "."}
		r.Commands = append(r.Commands, c.command(o.session(c.local), ""))
		return
	}
	if c.unknown != "" {
		r.Unknown = append(r.Unknown, c.unknown)
	}
	r.Commands = append(r.Commands, c.command(o.beside(c.image, c.remote, c.fill...), storeNote(s)))
	if s.Secret != "" {
		r.Differs = append(r.Differs, fmt.Sprintf("The password of %s is under the key password of the secret %s, which the team's role does not read.", s.Name, s.Secret))
	}
	if s.Namespace == o.c.Namespace && s.Namespace != "" {
		r.Commands = append(r.Commands, look(o.kubectl("port-forward %s %s", words{"service/" + workload.NameOf(string(s.Name))}, words{fmt.Sprintf("%d:%d", s.Port+10000, s.Port)}),
			fmt.Sprintf("leads port %d of your machine to it, for a client of your own", s.Port+10000)))
	}
}

// answering is the pod that a session of a datastore is in.
func (o inCluster) answering() string {
	if o.operated() {
		return "the pod of the primary"
	}
	if o.c.Most > 1 {
		return "one pod, which may be a standby"
	}
	return "its pod"
}
