package how

import "fmt"

func (o *machines) dns() Recipe {
	names, unknown := lookedUp(o.Names)
	return Recipe{
		Does: "Looks up, on one of its machines, the names it calls others by.",
		Commands: []Command{
			look(o.on(line("getent hosts %s", names)), "as its process does: /etc/hosts first"),
			look(o.on("cat /etc/hosts /etc/resolv.conf"), "what is written down, and whom it asks"),
		},
		Unknown: unknown,
	}
}

func (o *machines) database() Recipe {
	if len(o.Stores) == 0 {
		return Recipe{Does: "It keeps data in nothing that is known."}
	}
	r := Recipe{Does: "Opens a session with what it keeps data in.", Warning: sessions}
	for _, s := range o.Stores {
		o.connect(&r, s)
	}
	return r
}

// connect adds how to get to one store: on its own machine where that is known, else over the network.
func (o *machines) connect(r *Recipe, s Store) {
	c := clientOf(s)
	if len(s.Machines) > 0 && isName(s.Machines[0]) {
		r.Commands = append(r.Commands, c.command(line("ssh -t %s %s", words{s.Machines[0]}, words{"sudo " + onServer(s, c)}), storeNote(s)))
		return
	}
	if c.unknown != "" {
		r.Unknown = append(r.Unknown, c.unknown)
	}
	r.Commands = append(r.Commands, c.command(o.session(line(c.remote, c.fill...)), storeNote(s)))
}

// onServer is the client on the store's own machine, which asks for no password there.
func onServer(s Store, c client) string {
	switch s.Technology {
	case "postgres", "postgresql":
		command := "-u postgres psql"
		if s.Port != 0 {
			command += fmt.Sprintf(" --port=%d", s.Port)
		}
		if isName(s.Database) {
			command += line(" --dbname=%s", words{s.Database})
		}
		return command
	case "redis", "valkey":
		if s.Port != 0 {
			return fmt.Sprintf("redis-cli -p %d", s.Port)
		}
	}
	return c.local
}

// sessions is what follows from opening one.
const sessions = "a session can write, and nothing asks twice"

func storeNote(s Store) string {
	if s.Technology == "" {
		return string(s.Name)
	}
	return fmt.Sprintf("%s, %s", s.Name, s.Technology)
}
