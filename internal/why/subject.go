package why

import (
	"net"
	"strconv"

	"example.org/caravan/internal/estate"
)

// Subject is one service in one environment, with what it is called there. Exactly one of Cluster and Machines is given.
type Subject struct {
	Service     estate.ServiceName
	Environment estate.EnvironmentName
	Cluster     *Cluster
	Machines    *Machines
	Ports       []int  // it is to listen on, sorted
	Health      string // path that a well process answers with success; "" when none is known
	Needs       []Need // in a fixed order
}

// Cluster is where a service is in a Kubernetes cluster.
type Cluster struct {
	Context   string // of the kubeconfig, for command lines
	Namespace string
	Kind      string // "deployment" or "statefulset"
	Name      string
	Container string // that answers; "" when unknown
}

// Machines is where a service is on virtual machines.
type Machines struct {
	Hosts []Host
	Units []string // with ".service", the one that answers first
	Files []string // configuration it is given
	// Secrets are files that are put there by hand.
	Secrets []string
	// Balancers are the machines that pass requests on to it.
	Balancers []Host
}

// Host is a machine.
type Host struct {
	Name    string
	Address string // by which it is reached
}

// Need is something a service calls.
type Need struct {
	Name estate.ServiceName
	Type string // "postgres", "redis", "http" …; "" when unknown
	Host string
	Port int
	TLS  bool   // it is spoken to over TLS from the first byte
	From string // the line that says so; "" for what is planned
}

// Address is host:port.
func (n Need) Address() string { return net.JoinHostPort(n.Host, strconv.Itoa(n.Port)) }
