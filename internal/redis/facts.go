package redis

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/standby"
)

// info is what INFO says, by name.
type info map[string]string

func parseInfo(text string) info {
	out := info{}
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); found && !strings.HasPrefix(key, "#") {
			if key == "module" {
				key = "module:" + field(value, "name")
			}
			out[key] = value
		}
	}
	return out
}

func (i info) number(key string) int64 {
	n, _ := strconv.ParseInt(i[key], 10, 64)
	return n
}

func (i info) seconds(key string) time.Duration {
	return time.Duration(max(i.number(key), 0)) * time.Second
}

// field is a value of a list such as "ip=127.0.0.1,port=6379".
func field(list, name string) string {
	for part := range strings.SplitSeq(list, ",") {
		if key, value, _ := strings.Cut(part, "="); key == name {
			return value
		}
	}
	return ""
}

// facts asks a server for all that judging it takes.
func (c *link) facts(ctx context.Context, i Instance) (standby.RedisFacts, error) {
	r, err := c.do(ctx, "INFO")
	if err != nil {
		return standby.RedisFacts{}, err
	}
	f := parseInfo(r.text).facts(i)
	if err := c.settings(ctx, &f); err != nil {
		return f, err
	}
	return f, c.accounts(ctx, &f)
}

// standing asks a server only for its role and how far it is.
func (c *link) standing(ctx context.Context, i Instance) (standby.RedisFacts, error) {
	r, err := c.do(ctx, "INFO")
	if err != nil {
		return standby.RedisFacts{}, err
	}
	return parseInfo(r.text).facts(i), nil
}

func (i info) facts(at Instance) standby.RedisFacts {
	f := standby.RedisFacts{
		Instance: at.Name, Address: at.Address, Peer: at.Peer,
		Run: i["run_id"], Version: i["redis_version"], Role: standby.Unknown,
		Loading: i["loading"] == "1", Replication: i["master_replid"], Offset: i.number("master_repl_offset"),
		Full: i.number("sync_full"), Partial: i.number("sync_partial_ok"), Missed: i.number("sync_partial_err"),
		Backlog: i.number("repl_backlog_size"), Clients: int(i.number("connected_clients")),
		Memory: i.number("used_memory"), MaxMemory: i.number("maxmemory"), Policy: i["maxmemory_policy"], Evicted: i.number("evicted_keys"),
		Cluster: i["cluster_enabled"] == "1", Log: i["aof_enabled"] == "1",
		Rewriting:  i["aof_rewrite_in_progress"] == "1" || i["aof_rewrite_scheduled"] == "1" || i["aof_enabled"] == "1" && i["aof_last_bgrewrite_status"] == "err",
		ConfigFile: i["config_file"],
	}
	switch i["role"] {
	case "master":
		f.Role = standby.Primary
	case "slave":
		f.Role = standby.Standby
		f.Master = net.JoinHostPort(i["master_host"], i["master_port"])
		f.Link, f.Down = i["master_link_status"] == "up", i.seconds("master_link_down_since_seconds")
		f.Syncing = i["master_sync_in_progress"] == "1"
		f.Writable = i["slave_read_only"] == "0"
		f.Offset = i.number("slave_repl_offset")
	}
	i.lists(&f)
	return f
}

func (i info) lists(f *standby.RedisFacts) {
	for key, value := range i {
		switch {
		case strings.HasPrefix(key, "module:"):
			f.Modules = append(f.Modules, strings.TrimPrefix(key, "module:"))
		case strings.HasPrefix(key, "db") && strings.HasPrefix(value, "keys="):
			n, _ := strconv.ParseInt(field(value, "keys"), 10, 64)
			f.Keys += n
		case strings.HasPrefix(key, "slave") && strings.HasPrefix(value, "ip="):
			f.Replicas = append(f.Replicas, replica(value))
		}
	}
	slices.Sort(f.Modules)
	slices.SortFunc(f.Replicas, func(x, y standby.RedisReplica) int { return strings.Compare(x.Address, y.Address) })
}

func replica(value string) standby.RedisReplica {
	offset, _ := strconv.ParseInt(field(value, "offset"), 10, 64)
	quiet, _ := strconv.ParseInt(field(value, "lag"), 10, 64)
	return standby.RedisReplica{Address: net.JoinHostPort(field(value, "ip"), field(value, "port")), State: field(value, "state"), Offset: offset, Quiet: time.Duration(quiet) * time.Second}
}

// settings are what INFO does not say. What the account may not ask is a doubt.
func (c *link) settings(ctx context.Context, f *standby.RedisFacts) error {
	names := []string{"save", "min-replicas-to-write", "replica-ignore-maxmemory", "replica-priority", "replica-announce-ip", "masterauth"}
	commands := make([][]string, len(names))
	for i, n := range names {
		commands[i] = []string{"CONFIG", "GET", n}
	}
	all, err := c.each(ctx, commands...)
	if err != nil {
		return err
	}
	if all[0].refusal != "" {
		f.Lacks = append(f.Lacks, "CONFIG GET")
		f.Doubts = append(f.Doubts, "its settings cannot be read: "+c.refused(commands[0], all[0]).Error())
		return nil
	}
	values := map[string]string{}
	for i, n := range names {
		values[n] = all[i].pairs()[n]
	}
	f.Snapshots = new(values["save"] != "")
	f.IgnoresMax = new(values["replica-ignore-maxmemory"] == "yes")
	f.Announces = new(values["replica-announce-ip"])
	f.Follows = new(values["masterauth"] != "")
	if n, err := strconv.Atoi(values["min-replicas-to-write"]); err == nil {
		f.MinReplicas = &n
	}
	if n, err := strconv.Atoi(values["replica-priority"]); err == nil {
		f.Priority = &n
	}
	return nil
}

// needed are commands of a move, each in a form that can be tried without being done.
func needed() [][]string {
	return [][]string{
		{"INFO"}, {"MULTI"}, {"EXEC"}, {"REPLICAOF", "NO", "ONE"}, {"FLUSHALL"}, {"CONFIG", "GET", "save"}, {"CONFIG", "SET", "replica-priority", "100"}, {"CONFIG", "REWRITE"},
		{"CLIENT", "ID"}, {"CLIENT", "PAUSE", "1", "WRITE"}, {"CLIENT", "UNPAUSE"}, {"CLIENT", "KILL", "ID", "0"},
	}
}
