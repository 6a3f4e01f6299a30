package how

import (
	"slices"
	"strings"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Action is something people do to what they run.
type Action string

// The actions.
const (
	Logs     Action = "logs"
	Status   Action = "status"
	Restart  Action = "restart"
	Shell    Action = "shell"
	Env      Action = "env"
	Config   Action = "config"
	Files    Action = "files"
	Deploy   Action = "deploy"
	Rollback Action = "rollback"
	Scale    Action = "scale"
	Stop     Action = "stop"
	Ports    Action = "ports"
	CPU      Action = "cpu"
	Memory   Action = "memory"
	Disk     Action = "disk"
	Jobs     Action = "jobs"
	DNS      Action = "debug-dns"
	Database Action = "connect-database"
)

// Topic is an action with what it is for.
type Topic struct {
	Action Action   `json:"action"`
	About  string   `json:"about"`
	Also   []string `json:"also,omitempty"` // other words for it
}

// topics are in the order people meet them; of a datastore, only those that are marked are done.
var topics = []struct {
	Topic
	datastore bool
}{
	{Topic{Logs, "read what it writes, now and before it crashed", []string{"log", "journal", "journalctl", "tail"}}, true},
	{Topic{Status, "see whether it runs and is well", []string{"health", "systemctl", "ps"}}, true},
	{Topic{Restart, "start it anew", []string{"bounce"}}, true},
	{Topic{Shell, "get a shell where it runs", []string{"ssh", "exec", "login"}}, true},
	{Topic{Env, "see the variables its process has", []string{"environment", "variables", "printenv"}}, false},
	{Topic{Config, "see and change what it is configured with", []string{"configuration", "settings"}}, true},
	{Topic{Files, "look at its files and copy one", []string{"scp", "copy", "ls"}}, true},
	{Topic{Deploy, "put another release in place", []string{"release", "rollout"}}, false},
	{Topic{Rollback, "go back to the release before", []string{"undo", "revert"}}, false},
	{Topic{Scale, "run more or fewer of it", []string{"replicas"}}, false},
	{Topic{Stop, "stop it, and start it again", []string{"start", "kill"}}, true},
	{Topic{Ports, "see what it listens on, and call it", []string{"port", "ss", "netstat", "curl"}}, true},
	{Topic{CPU, "see how much processor time it takes", []string{"top", "load"}}, true},
	{Topic{Memory, "see how much memory it takes, and whether it was killed for it", []string{"ram", "free", "oom"}}, true},
	{Topic{Disk, "see how full its disk is", []string{"df", "du", "storage"}}, true},
	{Topic{Jobs, "see what runs at set times", []string{"cron", "crontab", "timers"}}, false},
	{Topic{DNS, "see what the names it calls lead to", []string{"dns", "dig", "nslookup", "resolve"}}, false},
	{Topic{Database, "open a session with its database", []string{"database", "db", "psql", "sql", "redis-cli"}}, true},
}

// Topics lists the actions that are done to a kind of component, in the order people meet them; none for what is neither service
// nor datastore.
func Topics(kind estate.Kind) []Topic {
	var out []Topic
	for _, t := range topics {
		if kind == estate.Service || kind == estate.Datastore && t.datastore {
			out = append(out, t.Topic)
		}
	}
	return out
}

// Find is the action that a word means. Usage, naming the nearest, when none is called so.
func Find(word string) (Action, error) {
	word = strings.ToLower(word)
	var known []string
	for _, t := range topics {
		if word == string(t.Action) || slices.Contains(t.Also, word) {
			return t.Action, nil
		}
		known = append(append(known, string(t.Action)), t.Also...)
	}
	if near, ok := document.Nearest(word, known); ok {
		return "", fault.Newf(fault.Usage, "no action %q; did you mean %s?", word, near)
	}
	return "", fault.Newf(fault.Usage, "no action %q; choose one of %s", word, strings.Join(Actions(), ", "))
}

// Actions lists the words for actions, in the order people meet them.
func Actions() []string {
	out := make([]string, len(topics))
	for i, t := range topics {
		out[i] = string(t.Action)
	}
	return out
}
