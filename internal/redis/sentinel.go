package redis

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// sentinel is what one Sentinel says of the master.
func (s Set) sentinel(ctx context.Context, address string, now time.Time) standby.RedisSentinel {
	c, err := connect(ctx, address, s.SentinelLogin, s.Dial)
	if err != nil {
		return standby.RedisSentinel{Address: address, Unreachable: err.Error(), Denied: fault.KindOf(err) == fault.Denied}
	}
	defer func() { _ = c.close() }()
	out, _, err := c.watched(ctx, s.Master, now)
	if fault.KindOf(err) == fault.NotFound {
		return standby.RedisSentinel{Address: address, Blind: true}
	}
	if err != nil {
		return standby.RedisSentinel{Address: address, Unreachable: err.Error(), Denied: fault.KindOf(err) == fault.Denied}
	}
	return out
}

// watched is what a Sentinel says of a master, and how it is set up to watch it. A master that it does not watch is NotFound.
func (c *link) watched(ctx context.Context, master string, now time.Time) (standby.RedisSentinel, map[string]string, error) {
	all, err := c.each(ctx, []string{"SENTINEL", "MASTER", master}, []string{"SENTINEL", "CKQUORUM", master})
	if err != nil {
		return standby.RedisSentinel{}, nil, err
	}
	if strings.Contains(all[0].refusal, "No such master") {
		return standby.RedisSentinel{}, nil, fault.Newf(fault.NotFound, "Sentinel %s watches no %s", c.where, master)
	}
	if err := c.refused([]string{"SENTINEL", "MASTER"}, all[0]); err != nil {
		return standby.RedisSentinel{}, nil, err
	}
	said := all[0].pairs()
	out := standby.RedisSentinel{Address: c.where, Master: net.JoinHostPort(said["ip"], said["port"]), NoQuorum: all[1].refusal}
	out.Epoch, _ = strconv.Atoi(said["config-epoch"])
	out.Quorum, _ = strconv.Atoi(said["quorum"])
	out.Others, _ = strconv.Atoi(said["num-other-sentinels"])
	for flag := range strings.SplitSeq(said["flags"], ",") {
		if flag != "master" {
			out.Flags = append(out.Flags, flag)
		}
	}
	for _, key := range scripts() {
		if said[key] != "" {
			out.Scripts = append(out.Scripts, key)
		}
	}
	if ms, err := strconv.ParseInt(said["role-reported-time"], 10, 64); err == nil && said["role-reported"] == "master" {
		out.Since = now.Add(-time.Duration(ms) * time.Millisecond)
	}
	return out, said, nil
}

// kept are the settings of a watch that go with a master to where it is watched again.
func kept() []string {
	return []string{"down-after-milliseconds", "failover-timeout", "parallel-syncs"}
}

// scripts are settings that cannot be given back while a Sentinel runs.
func scripts() []string { return []string{"notification-script", "client-reconfig-script"} }

func (s Set) withSentinel(ctx context.Context, address string, do func(c *link) error) error {
	c, err := connect(ctx, address, s.SentinelLogin, s.Dial)
	if err != nil {
		return err
	}
	defer func() { _ = c.close() }()
	return do(c)
}

// watch has a Sentinel watch a master again as it did before.
func (s Set) watch(ctx context.Context, c *link, w standby.RedisWatch, at string) error {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return fault.Newf(fault.Invalid, "%q is no host:port that a Sentinel could watch", at)
	}
	if _, _, err := c.watched(ctx, s.Master, time.Time{}); err == nil {
		return nil
	} else if fault.KindOf(err) != fault.NotFound {
		return err
	}
	if _, err := c.do(ctx, "SENTINEL", "MONITOR", s.Master, host, port, strconv.Itoa(w.Quorum)); err != nil {
		return err
	}
	words := []string{"SENTINEL", "SET", s.Master}
	for _, key := range kept() {
		if v := w.Settings[key]; v != "" {
			words = append(words, key, v)
		}
	}
	if s.MasterLogin.User != "" {
		words = append(words, "auth-user", s.MasterLogin.User)
	}
	if s.MasterLogin.Password != "" {
		words = append(words, "auth-pass", s.MasterLogin.Password)
	}
	if len(words) == 3 {
		return nil
	}
	_, err = c.do(ctx, words...)
	return err
}
