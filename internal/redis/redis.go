// Package redis asks Redis servers and Sentinels who leads, how far the others are and how they are set up, and moves a Redis from one
// set of instances to another without losing a write that was acknowledged. Addresses and logins go in; a standby.RedisLook comes out.
//
// What is wrong with what it saw, what stands in the way of a move and what a broken cut means is judged by package standby. It reads and
// writes no keys.
package redis

import (
	"context"
	"slices"
	"sync"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Instance is one server.
type Instance struct {
	Name    string
	Address string // host:port clients reach it at; Dial is given this
	Peer    string // host:port servers of the other place reach it at; Address when empty
}

// peer is where other servers reach an instance.
func (i Instance) peer() string {
	if i.Peer != "" {
		return i.Peer
	}
	return i.Address
}

// Set is a master, its replicas and the Sentinels that watch them.
type Set struct {
	Instances     []Instance
	Login         Login    // of Caravan, at each instance
	Replication   Login    // by which a replica logs in at an instance of this set
	Sentinels     []string // host:port of every one
	SentinelLogin Login    // of Caravan, at the Sentinels
	MasterLogin   Login    // by which the Sentinels log in at the instances
	Master        string   // the name they know the master by
	Dial          Dial
}

// Validate reports what a set lacks.
func (s Set) Validate() error {
	if len(s.Instances) == 0 {
		return fault.Newf(fault.Invalid, "no instance of Redis is named: name at least its master")
	}
	if len(s.Sentinels) > 0 && s.Master == "" {
		return fault.Newf(fault.Invalid, "the Sentinels of %s are named, and not the master they watch: give the name after `sentinel monitor`", s.Instances[0].Name)
	}
	if len(s.Sentinels) > 0 && s.Login.Given() && !s.MasterLogin.Given() {
		return fault.Newf(fault.Invalid, "the Sentinels of %s are named, and not how they log in at its instances: they are told to forget the master, and need it to watch again; say as whom under watched of the datastore in caravan.yaml", s.Master)
	}
	seen := map[string]bool{}
	for _, i := range s.Instances {
		if i.Name == "" || i.Address == "" || seen[i.Name] {
			return fault.Newf(fault.Invalid, "instance %q at %q needs a name of its own and an address", i.Name, i.Address)
		}
		seen[i.Name] = true
	}
	return nil
}

// of is the instance of a name.
func (s Set) of(name string) (Instance, error) {
	i := slices.IndexFunc(s.Instances, func(i Instance) bool { return i.Name == name })
	if i < 0 {
		return Instance{}, fault.Newf(fault.NotFound, "there is no instance %s in this set of Redis", name)
	}
	return s.Instances[i], nil
}

// at is the instance at an address, by clients' or servers' reckoning.
func (s Set) at(address string) (Instance, bool) {
	for _, i := range s.Instances {
		if address == i.Address || address == i.Peer {
			return i, true
		}
	}
	return Instance{}, false
}

func (s Set) connect(ctx context.Context, i Instance) (*link, error) {
	return connect(ctx, i.Address, s.Login, s.Dial)
}

// Look asks every instance and every Sentinel of a set. Who does not answer is in it, with the reason.
func (s Set) Look(ctx context.Context, now func() time.Time) standby.RedisLook {
	return s.look(ctx, now, (*link).facts)
}

// glance is a Look that asks for roles and offsets alone.
func (s Set) glance(ctx context.Context, now func() time.Time) standby.RedisLook {
	return s.look(ctx, now, (*link).standing)
}

type asking func(c *link, ctx context.Context, i Instance) (standby.RedisFacts, error)

func (s Set) look(ctx context.Context, now func() time.Time, how asking) standby.RedisLook {
	out := standby.RedisLook{Instances: make([]standby.RedisFacts, len(s.Instances)), Sentinels: make([]standby.RedisSentinel, len(s.Sentinels))}
	var all sync.WaitGroup
	for n, i := range s.Instances {
		all.Go(func() { out.Instances[n] = s.ask(ctx, i, how) })
	}
	for n, address := range s.Sentinels {
		all.Go(func() { out.Sentinels[n] = s.sentinel(ctx, address, now()) })
	}
	all.Wait()
	out.At = now()
	return out
}

// ask is what one instance says of itself.
func (s Set) ask(ctx context.Context, i Instance, how asking) standby.RedisFacts {
	c, err := s.connect(ctx, i)
	if err != nil {
		return unreachable(i, err)
	}
	defer func() { _ = c.close() }()
	f, err := how(c, ctx, i)
	if err != nil {
		return unreachable(i, err)
	}
	return f
}

func unreachable(i Instance, err error) standby.RedisFacts {
	return standby.RedisFacts{Instance: i.Name, Address: i.Address, Peer: i.Peer, Role: standby.Unknown, Unreachable: err.Error(), Denied: fault.KindOf(err) == fault.Denied}
}
