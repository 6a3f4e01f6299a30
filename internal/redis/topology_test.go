package redis

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/standby"
)

// who are the roles of a topology, by name.
func who(t standby.Topology) string {
	var out []string
	for _, m := range t.Members {
		out = append(out, m.Name+" "+string(m.Role))
	}
	return strings.Join(out, ", ")
}

func TestTopologyFollowsAFailover(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 3)
	s := set(b.source, b.sentinels)
	look := func() standby.RedisLook { return s.Look(context.Background(), time.Now) }
	seen := look().Topology()
	if seen.Keeper != standby.Sentinel || who(seen) != "s0 primary, s1 standby" || !strings.HasPrefix(seen.Version, "7.") || !seen.Failover.IsZero() || len(seen.Doubts) > 0 {
		t.Fatalf("%+v", seen)
	}
	eventually(t, "nothing is missing on s1", func() bool {
		m, _ := look().Topology().Member("s1")
		return m.Healthy() && m.Lag != nil && *m.Lag == 0 && m.Behind == 0
	})

	before := time.Now()
	b.source[0].kill()
	eventually(t, "s1 leads, and s0 is still listed", func() bool {
		seen = look().Topology()
		return who(seen) == "s0 unknown, s1 primary"
	})
	if m, _ := seen.Member("s0"); m.Unreachable == "" || strings.Contains(m.Unreachable, password) {
		t.Errorf("s0 cannot be asked because %q", m.Unreachable)
	}
	eventually(t, "the failover has a time", func() bool { return look().Topology().Failover.After(before.Add(-time.Second)) })

	b.source[0].start()
	eventually(t, "s0 follows s1", func() bool {
		seen = look().Topology()
		m, _ := seen.Member("s0")
		return who(seen) == "s0 standby, s1 primary" && m.Healthy()
	})
	b.sentinels[1].kill()
	b.sentinels[2].kill()
	eventually(t, "the one Sentinel that is left says that it has no majority", func() bool {
		seen = look().Topology()
		return seen.Paused && len(seen.Doubts) == 3
	})
}

func TestTopologyWithoutSentinels(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	s := set(b.source, nil)
	seen := s.Look(context.Background(), time.Now).Topology()
	if seen.Keeper != standby.Nobody || who(seen) != "s0 primary, s1 standby" {
		t.Fatalf("%+v", seen)
	}
	b.source[0].kill()
	eventually(t, "s1 says since when it follows nobody", func() bool {
		f := s.Look(context.Background(), time.Now).Of("s1")
		return !f.Link && f.Role == standby.Standby
	})
}

func TestAnAccountWithFewRightsIsADoubt(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	for _, s := range b.source {
		s.ask("ACL", "SETUSER", "few", "on", ">"+password, "-@all", "+info")
	}
	s := set(b.source, nil)
	s.Login = Login{User: "few", Password: password}
	f := s.Look(context.Background(), time.Now).Of("s0")
	if f.Role != standby.Primary || len(f.Doubts) != 2 || strings.Contains(strings.Join(f.Doubts, ""), password) {
		t.Fatalf("%+v", f)
	}
	for _, server := range b.source {
		server.ask("ACL", "SETUSER", "few", "+acl|whoami", "+acl|users", "+acl|dryrun", "+config|get")
	}
	f = s.Look(context.Background(), time.Now).Of("s0")
	if len(f.Doubts) != 0 || !slices.Contains(f.Lacks, "REPLICAOF") || !slices.Contains(f.Lacks, "CLIENT PAUSE") || slices.Contains(f.Lacks, "INFO") {
		t.Fatalf("%+v", f)
	}
	s.Login.Password = "another"
	f = s.Look(context.Background(), time.Now).Of("s0")
	if !strings.Contains(f.Unreachable, "AUTH: WRONGPASS") || strings.Contains(f.Unreachable, "another") {
		t.Errorf("%q", f.Unreachable)
	}
}

// What is read of an account's rules is what a server that can be asked says.
func TestRightsAreReadAsTheServerTellsThem(t *testing.T) {
	t.Parallel()
	s := newServer(t, "s0", durable)
	s.start()
	eventually(t, "it answers", func() bool { return s.ask("PING").text == "PONG" })
	for _, rules := range []string{
		"+@all", "-@all", "-@all " + strings.TrimPrefix(standby.RedisRights, "-@all "), "+@all -@dangerous", "+@all -@admin", "-@all +@admin -acl|save",
		"-@all +client -client|pause", "+@all -config -multi +config|get", "-@all +@slow +@transaction -@dangerous +replicaof",
	} {
		s.ask(slices.Concat([]string{"ACL", "SETUSER", "some", "reset", "on", ">" + password}, strings.Fields(rules))...)
		c, err := connect(context.Background(), s.address(), Login{Password: password}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		f := standby.RedisFacts{Account: "some"}
		tries := slices.Concat(needed(), copying())
		want, err := c.tryOut(context.Background(), &f, tries)
		if err != nil || f.Untried {
			t.Fatal(err, f)
		}
		got, err := c.readRights(context.Background(), &f, tries)
		if err != nil || f.Untried || !slices.Equal(got, want) {
			t.Errorf("%s: read as lacking %v, it lacks %v, %v", rules, got, want, err)
		}
	}
}

func TestTheRightsOfAMoveAreAskedFor(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	for _, s := range b.everyone() {
		s.ask(slices.Concat([]string{"ACL", "SETUSER", "caravan", "on", ">another"}, strings.Fields(standby.RedisRights))...)
	}
	blocks := func(accounts bool) string {
		move, _ := (&mover{b: b, login: Login{User: "caravan", Password: "another"}}).move()
		move.Options.Accounts = accounts
		p, err := move.Preview(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return lines(p.Blocks)
	}
	if got := blocks(false); got != "" {
		t.Errorf("%s", got)
	}
	if got := blocks(true); !strings.Contains(got, "the account caravan at s0 may not give ACL LIST, ACL SETUSER, ACL SAVE") || !strings.Contains(got, "redis-cli ACL SETUSER caravan +acl|list +acl|setuser +acl|save") || !strings.Contains(got, "at t0") || strings.Contains(got, "at t1") {
		t.Errorf("accounts are copied: %s", got)
	}
	b.source[1].ask("ACL", "SETUSER", "caravan", "-replicaof", "-client|pause")
	if got := blocks(false); !strings.Contains(got, "the account caravan at s1 may not give CLIENT PAUSE, REPLICAOF") || !strings.Contains(got, "ACL SETUSER caravan +client|pause +replicaof") {
		t.Errorf("a replica's account may not: %s", got)
	}
	b.source[1].ask("ACL", "SETUSER", "caravan", "-acl|dryrun")
	if got := blocks(false); !strings.Contains(got, "at s1 may not give ACL DRYRUN") || !strings.Contains(got, "+replicaof") {
		t.Errorf("it may not ask: %s", got)
	}
	b.source[1].ask("ACL", "SETUSER", "caravan", "-@all", "+info")
	if got := blocks(false); !strings.Contains(got, "at s1 may not give CONFIG GET, ACL WHOAMI, ACL USERS, ACL DRYRUN") {
		t.Errorf("it may do nothing: %s", got)
	}
}
