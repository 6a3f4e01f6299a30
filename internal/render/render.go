// Package render holds what is written out for a place: Site, everything one environment of a new country runs, goes into
// a renderer; Bundle, files by path, comes out. The renderers are its subfolders, one for each kind of world. Nothing here
// or there touches a disk: equal sites give equal bytes.
package render

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

// Site is one environment with all that shall run in it. Lists are sorted by name.
type Site struct {
	Expansion    string                 `json:"expansion"`
	Organisation string                 `json:"organisation"`
	Environment  estate.EnvironmentName `json:"environment"`
	Kind         string                 `json:"kind"`           // "kubernetes" or "vm"
	Country      string                 `json:"country"`        // ISO 3166-1, two letters
	Zone         string                 `json:"zone"`           // suffix of names on machines: "id-data.kopi.internal"
	Pods         string                 `json:"pods,omitempty"` // range of pods, as CIDR; "" when none is planned
	VMs          string                 `json:"vms,omitempty"`  // range of machines, as CIDR; "" when none is planned
	Hosts        []Host                 `json:"hosts,omitempty"`
	Services     []Service              `json:"services,omitempty"`
	Datastores   []Datastore            `json:"datastores,omitempty"`
	Stubs        []Stub                 `json:"stubs,omitempty"`
	Operators    []string               `json:"operators,omitempty"` // Kubernetes: that run there and keep datastores: CloudNativePG
	Images       map[string]string      `json:"images,omitempty"`    // Kubernetes: of datastores, by technology, in the place of those that are usual
	Backups      *Backups               `json:"backups,omitempty"`   // of its PostgreSQL; nothing when nobody said where they go
}

// CloudNativePG is the operator that keeps PostgreSQL on Kubernetes where a company has it.
const CloudNativePG = "cloudnativepg"

// Host is one machine of a VM environment.
type Host struct {
	Name    string `json:"name"`
	Address string `json:"address"` // IP address
}

// Service is a workload with what this environment gives it.
type Service struct {
	Name      estate.ServiceName  `json:"name"`
	Team      estate.TeamName     `json:"team,omitempty"`
	Workload  workload.Workload   `json:"workload"`
	Endpoints map[string]Endpoint `json:"endpoints,omitempty"` // by the workload's name of the resource
	Values    map[string]string   `json:"values,omitempty"`    // variables that have another value in this environment than the workload says
	Callers   []Peer              `json:"callers,omitempty"`   // who may call it, sorted
	Hosts     []string            `json:"hosts,omitempty"`     // VM: names of the hosts it runs on
	Wave      int                 `json:"wave"`                // from 1
}

// Endpoint is where a resource is, seen from the service that uses it.
type Endpoint struct {
	Type      string             `json:"type"` // of resource: a workload.Type… constant
	Target    estate.ServiceName `json:"target,omitempty"`
	Host      string             `json:"host"`
	Port      int                `json:"port,omitempty"`
	Database  string             `json:"database,omitempty"`
	Username  string             `json:"username,omitempty"`
	Path      string             `json:"path,omitempty"`
	Secret    string             `json:"secret,omitempty"`    // name of the secret that holds what is not written down
	Namespace string             `json:"namespace,omitempty"` // Kubernetes: where the target's pods are, when they are in the same cluster
	Ranges    []string           `json:"ranges,omitempty"`    // CIDRs it answers from, when it is elsewhere; empty for the public internet
	Through   string             `json:"through,omitempty"`   // what a call back to the origin goes through
	Dropped   bool               `json:"dropped,omitempty"`   // the edge is given up: Host is a name that never resolves, and nothing is let through
}

// Peer is a caller.
type Peer struct {
	Service   estate.ServiceName `json:"service"`
	Namespace string             `json:"namespace,omitempty"` // when it is a pod of the same cluster
	Ranges    []string           `json:"ranges,omitempty"`    // CIDRs it calls from, when it is elsewhere
}

// Datastore is a database, cache or broker that is placed in this environment.
type Datastore struct {
	Name       estate.ServiceName `json:"name"`
	Team       estate.TeamName    `json:"team,omitempty"`
	Technology string             `json:"technology"` // "postgres", "redis", "rabbitmq" …
	Version    string             `json:"version,omitempty"`
	Port       int                `json:"port"`
	Instances  int                `json:"instances"`         // one primary and the rest standbys
	Storage    string             `json:"storage,omitempty"` // of each instance: "20Gi"
	Memory     string             `json:"memory,omitempty"`  // of each instance: "4Gi"
	CPU        string             `json:"cpu,omitempty"`     // of each instance: "2"
	Databases  []Database         `json:"databases,omitempty"`
	Pooled     Pooling            `json:"pooled,omitempty"`    // PostgreSQL: how PgBouncer before the primary lends its connections; "" when there is none
	Logins     int                `json:"logins,omitempty"`    // PostgreSQL: accounts of each owner; one when 0
	Followers  []string           `json:"followers,omitempty"` // CIDRs from which another server may follow it; PostgreSQL and Redis
	// VirtualHosts are those of a broker, its own "/" when there are none.
	VirtualHosts []string             `json:"virtualHosts,omitempty"`
	Content      string               `json:"content"` // "empty", "seeded", "replica", "anonymised"
	Callers      []Peer               `json:"callers,omitempty"`
	Open         []estate.ServiceName `json:"open,omitempty"`  // callers that log in with no password
	Hosts        []string             `json:"hosts,omitempty"` // VM
	Wave         int                  `json:"wave"`
}

// Pooling is for how long PgBouncer lends a caller a connection to the primary.
type Pooling string

// The kinds of pooling.
const (
	PoolSessions     Pooling = "session"     // until the caller ends its own
	PoolTransactions Pooling = "transaction" // until the transaction ends
)

// Database is one database of a server, with the role that owns it.
type Database struct {
	Name   string             `json:"name"`
	Owner  string             `json:"owner"`
	Secret string             `json:"secret"` // name of the secret that holds the owner's password
	For    estate.ServiceName `json:"for"`
}

// Stub answers with canned answers in the place of a service that stays behind.
type Stub struct {
	Name    estate.ServiceName `json:"name"`
	Port    int                `json:"port"`
	Answers []Answer           `json:"answers"`
	Callers []Peer             `json:"callers,omitempty"`
	Hosts   []string           `json:"hosts,omitempty"` // VM
	Wave    int                `json:"wave"`
}

// Answer is what a stub says to requests whose path begins with Path.
type Answer struct {
	Path   string `json:"path"`
	Status int    `json:"status"`
	Type   string `json:"type,omitempty"` // of content; "application/json" when empty
	Body   string `json:"body,omitempty"`
}

// StubNamespace is where stubs run on Kubernetes.
const StubNamespace = "stubs"

// Unowned is the namespace of what no team owns.
const Unowned = "unowned"

// Namespace is where a team's pods are: a namespace of its own. Teams whose names are no names of namespaces, or are those of the
// cluster's own, are told apart by a digest.
func Namespace(team estate.TeamName) string {
	if team == "" {
		return Unowned
	}
	name := workload.NameOf(string(team))
	if name == string(team) && !reserved(name) {
		return name
	}
	const readable, digits = 56, 6
	_, hex, _ := strings.Cut(string(estate.DigestOf(team)), ":")
	return strings.TrimRight(name[:min(len(name), readable)], "-") + "-" + hex[:digits]
}

// reserved reports whether a namespace is somebody else's: the cluster's, or that of what no team owns.
func reserved(name string) bool {
	return name == "default" || name == StubNamespace || name == Unowned || strings.HasPrefix(name, "kube-")
}

// File is one rendered file.
type File struct {
	Path    string             `json:"path"` // slash-separated, relative, clean
	Text    string             `json:"text"`
	Mode    uint32             `json:"mode"`              // permission bits
	Subject estate.ServiceName `json:"subject,omitempty"` // service or datastore it is for; "" when it is for the whole environment
	Placed  *Placement         `json:"placed,omitempty"`  // on machines; nil for what is put elsewhere
}

// Bundle is rendered files, sorted by path, each path once.
type Bundle struct {
	Digest estate.Digest `json:"digest"` // of the files
	Files  []File        `json:"files"`
}

// Pack makes a bundle of files in any order.
func Pack(files ...[]File) Bundle {
	all := slices.Concat(files...)
	slices.SortFunc(all, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return Bundle{Digest: estate.DigestOf(all), Files: all}
}

// Merge is the files of several bundles, sorted by path. Environments share what is the same everywhere: a file that several
// bundles have is there once. Internal when they differ on it.
func Merge(bundles []Bundle) ([]File, error) {
	var all []File
	for _, b := range bundles {
		all = append(all, b.Files...)
	}
	slices.SortStableFunc(all, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	out := all[:0]
	for _, f := range all {
		if last := len(out) - 1; last >= 0 && out[last].Path == f.Path {
			if estate.DigestOf(out[last]) != estate.DigestOf(f) {
				return nil, fault.Newf(fault.Internal, "%s differs between environments; please report it", f.Path)
			}
			continue
		}
		out = append(out, f)
	}
	return out, nil
}
