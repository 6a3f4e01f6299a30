package how

import (
	"fmt"
	"strconv"
	"strings"
)

// client is the program that speaks to a store.
type client struct {
	image   string // that has it
	remote  string // command line over the network, with a %s for each of fill
	fill    []words
	local   string // command line on the store's own machine
	looks   bool   // it can change nothing
	unknown string // what the remote command line lacks, in one line
}

// clientOf is the client of a store. What is not known of the store is a word in capitals.
func clientOf(s Store) client {
	c := client{image: debugImage}
	host, port := s.Host, strconv.Itoa(s.Port)
	var missing []string
	if !isName(host) {
		host, missing = "HOST", append(missing, "its address (HOST)")
	}
	if s.Port == 0 {
		port, missing = "PORT", append(missing, "its port (PORT)")
	}
	database, user := s.Database, s.User
	if tellsDatabase(s.Technology) && !isName(database) {
		database, missing = "DATABASE", append(missing, "its database (DATABASE)")
	}
	if asksUser(s.Technology) && !isName(user) {
		user, missing = "USER", append(missing, "whom to log in as (USER)")
	}
	if len(missing) > 0 {
		c.unknown = fmt.Sprintf("Of %s, %s is in no configuration that was read.", s.Name, strings.Join(missing, " and "))
	}
	c.speak(s.Technology, host, port, database, user)
	return c
}

// command is a line that begins a session.
func (c client) command(line, note string) Command {
	return Command{Line: line, Note: note, Changes: !c.looks}
}

func tellsDatabase(technology string) bool {
	switch technology {
	case "postgres", "postgresql", "mysql", "mariadb", "mongodb":
		return true
	}
	return false
}

func asksUser(technology string) bool {
	switch technology {
	case "postgres", "postgresql", "mysql", "mariadb":
		return true
	}
	return false
}

// speak fills in the command lines. Images are those of the versions that are rendered.
func (c *client) speak(technology, host, port, database, user string) {
	switch technology {
	case "postgres", "postgresql":
		info := fmt.Sprintf("host=%s port=%s dbname=%s user=%s", infoWord(host), infoWord(port), infoWord(database), infoWord(user))
		c.image, c.remote, c.fill, c.local = "postgres:17-alpine", "psql %s", []words{{info}}, "psql"
	case "mysql", "mariadb":
		c.image, c.remote, c.local = "mysql:8.4", "mysql %s", "mysql"
		c.fill = []words{{"--host=" + host, "--port=" + port, "--user=" + user, "--password", "--database=" + database}}
	case "mongodb":
		c.image, c.remote, c.local = "mongo:8.0", "mongosh %s", "mongosh"
		c.fill = []words{{"--host=" + host, "--port=" + port, database}}
	case "redis", "valkey":
		c.image, c.remote, c.fill, c.local = "redis:8.2-alpine", "redis-cli %s", []words{c.redis(host, port, user)}, "redis-cli"
	case "rabbitmq":
		c.remote, c.fill, c.local = "nc -zv %s", []words{{host, port}}, "rabbitmqctl list_queues"
		c.looks = true
	default:
		c.remote, c.fill, c.local = "nc -zv %s", []words{{host, port}}, "sh"
		c.looks = true
	}
}

func (c *client) redis(host, port, user string) words {
	w := words{"-h", host, "-p", port}
	if user != "" {
		w = append(w, "--user", user, "--askpass")
	}
	return w
}

// infoWord is a value of libpq's connection string, PostgreSQL 17 documentation, 32.1.1.1.
func infoWord(value string) string {
	if value != "" && strings.IndexFunc(value, func(r rune) bool { return strings.ContainsRune(` '\`, r) || r < ' ' }) < 0 {
		return value
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
