package redis

import (
	"net"
	"strconv"

	"example.org/caravan/internal/standby"
)

// usual is the priority of a replica for Sentinels, where nobody says another (replica-priority in redis.conf).
const usual = 100

// own is how an instance of a set logs in at its own side again, where the other side's login had taken the place of that.
func own(set, other Set) [][]string {
	if set.Replication.Given() || !other.Replication.Given() {
		return login(set.Replication)
	}
	return [][]string{{"CONFIG", "SET", "masteruser", ""}, {"CONFIG", "SET", "masterauth", ""}}
}

// hidden are the settings of a replica that the Sentinels of its master cannot reach, whatever they think of it, and that can take writes at once when it is told to lead.
// Sentinels that could would subscribe to it, and those of two sets that watch a master of the same name would take each other for one set.
func hidden() [][]string {
	return [][]string{
		{"CONFIG", "SET", "replica-announce-ip", standby.RedisNowhere}, {"CONFIG", "SET", "replica-announced", "no"}, {"CONFIG", "SET", "replica-priority", "0"},
		{"CONFIG", "SET", "replica-read-only", "yes"}, {"CONFIG", "SET", "min-replicas-to-write", "0"},
	}
}

// shown takes hidden back at an instance of a side, but for the replicas it needs to write.
func shown(side standby.RedisSide, i Instance) [][]string {
	was := side.Of(i.Name)
	priority, announces := usual, hostOf(i.Address)
	if was.Priority != nil {
		priority = *was.Priority
	}
	if was.Announces != nil {
		announces = *was.Announces
	}
	return [][]string{{"CONFIG", "SET", "replica-announce-ip", announces}, {"CONFIG", "SET", "replica-announced", "yes"}, {"CONFIG", "SET", "replica-priority", strconv.Itoa(priority)}}
}

func needing(side standby.RedisSide) [][]string {
	if side.MinReplicas == nil {
		return nil
	}
	return [][]string{{"CONFIG", "SET", "min-replicas-to-write", strconv.Itoa(*side.MinReplicas)}}
}

// login is how a replica logs in at its master.
func login(l Login) [][]string {
	if !l.Given() {
		return nil
	}
	return [][]string{{"CONFIG", "SET", "masteruser", l.User}, {"CONFIG", "SET", "masterauth", l.Password}}
}

func replicaOf(address string) [][]string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		port = "6379"
	}
	return [][]string{{"REPLICAOF", hostOf(address), port}}
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

func noOne() [][]string { return [][]string{{"REPLICAOF", "NO", "ONE"}} }

func written() [][]string { return [][]string{{"CONFIG", "REWRITE"}} }
