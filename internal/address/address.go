// Package address knows private ranges: how large they must be, how they are divided so that none ever overlap, which
// networks that are joined would clash, and when a range will be full. Values go in and come out; it keeps nothing and
// knows no clock.
//
// Ranges are delegated as IANA does it: a pool is divided among countries, a country's range among its environments, an
// environment's among nodes, pods, services and machines, down to single addresses. A lease is always inside the lease
// or pool it is a part of, and never overlaps another part of it.
package address

import (
	"net/netip"
	"time"
)

// Pool is a private range that may be divided.
type Pool struct {
	Name      string       `json:"name"`
	Prefix    netip.Prefix `json:"prefix"`
	Countries int          `json:"countries"` // it is to last for
}

// Lease is a part of a pool, or of another lease, given to one holder.
type Lease struct {
	Holder  string       `json:"holder"` // "indonesia/production-id/pods"; one live lease each
	Parent  string       `json:"parent"` // holder of the lease it is a part of, or "pool:NAME"
	Prefix  netip.Prefix `json:"prefix"`
	Purpose Purpose      `json:"purpose"`
	State   State        `json:"state"`
	Since   time.Time    `json:"since,omitzero"` // it is in this state
	Until   time.Time    `json:"until,omitzero"` // end of quarantine
}

// Purpose is what a range is for.
type Purpose string

// The purposes.
const (
	ForCountry     Purpose = "country"
	ForEnvironment Purpose = "environment"
	ForNodes       Purpose = "nodes"
	ForPods        Purpose = "pods"
	ForServices    Purpose = "services"
	ForMachines    Purpose = "machines"
	ForMachine     Purpose = "machine" // one address
	InUse          Purpose = "in use"  // taken before there was a registry: imported
)

// State is how far a lease is.
type State string

// The states. A quarantined lease still keeps others out.
const (
	Reserved    State = "reserved"
	Live        State = "live"
	Quarantined State = "quarantined"
)

// OfPool is the parent of a lease that is taken from a pool itself.
func OfPool(name string) string { return "pool:" + name }
