package workspace

import (
	"fmt"
	"path"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Target is where steps are carried out for real: nothing is, in its environments, without the green lights of those who own it.
// What has no target is written below rendered/, where nothing runs. Exactly one of Folder, Cluster and Machines is given.
type Target struct {
	Environment string    `json:"environment" jsonschema_description:"Name or glob of environments, such as indonesia or *-data; the first target that fits counts."`
	Folder      string    `json:"folder,omitempty" jsonschema:"oneof_required=folder" jsonschema_description:"Folder that something else applies from, such as a checkout that Argo CD or Flux follows; relative to this file."`
	Cluster     *Cluster  `json:"cluster,omitempty" jsonschema:"oneof_required=cluster" jsonschema_description:"Kubernetes cluster that manifests are applied to."`
	Machines    *Machines `json:"machines,omitempty" jsonschema:"oneof_required=machines" jsonschema_description:"How the environment's virtual machines are reached over SSH."`
	// Servers names the datastore whose servers there a step is carried out at. No file declares it.
	Servers string `json:"servers,omitempty" jsonschema:"-"`
}

// Cluster is a Kubernetes cluster, as kubectl would reach it.
type Cluster struct {
	Context    string `json:"context" jsonschema_description:"Context of the kubeconfig; the current one is never taken, so that nothing lands in another cluster by accident."`
	Kubeconfig string `json:"kubeconfig,omitempty" jsonschema_description:"File with the context; relative to this file, ~ is the home folder. $KUBECONFIG or ~/.kube/config when left out."`
}

// Machines are virtual machines, as ssh would reach them, at the addresses that the plan gives them.
type Machines struct {
	User       string `json:"user,omitempty" jsonschema_description:"Account on the machines; root when left out. Another one must be allowed to run sudo without a password."`
	Key        string `json:"key,omitempty" jsonschema_description:"Private key; relative to this file, ~ is the home folder. Those of the SSH agent when left out."`
	KnownHosts string `json:"knownHosts,omitempty" jsonschema_description:"File with the machines' keys, in OpenSSH's format; ~/.ssh/known_hosts when left out. A machine that is not in it is not talked to."`
	Port       int    `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535" jsonschema_description:"Port of sshd; 22 when left out."`
}

func target(r *document.Reader, n syntax.Node, at string) (t Target) {
	r.Object(n, at, []document.Field{
		document.Required("environment", document.Text(&t.Environment)),
		document.Optional("folder", document.Text(&t.Folder)),
		document.Optional("cluster", func(r *document.Reader, n syntax.Node, at string) { t.Cluster = cluster(r, n, at) }),
		document.Optional("machines", func(r *document.Reader, n syntax.Node, at string) { t.Machines = machines(r, n, at) }),
	})
	if _, err := path.Match(t.Environment, ""); err != nil {
		r.At(at+".environment", "%q is not a glob; write a name or a pattern such as *-data", t.Environment)
	}
	return t
}

func cluster(r *document.Reader, n syntax.Node, at string) *Cluster {
	var c Cluster
	r.Object(n, at, []document.Field{
		document.Required("context", document.Text(&c.Context)),
		document.Optional("kubeconfig", document.Text(&c.Kubeconfig)),
	})
	return &c
}

func machines(r *document.Reader, n syntax.Node, at string) *Machines {
	var m Machines
	r.Object(n, at, []document.Field{
		document.Optional("user", document.Text(&m.User)),
		document.Optional("key", document.Text(&m.Key)),
		document.Optional("knownHosts", document.Text(&m.KnownHosts)),
		document.Optional("port", document.Integer(&m.Port, 1, 65535)),
	})
	return &m
}

// TargetOf is where an environment's steps are carried out; false when that is nowhere but below rendered/.
func (w Workspace) TargetOf(env estate.EnvironmentName) (Target, bool) {
	for _, t := range w.Targets {
		if ok, err := path.Match(t.Environment, string(env)); ok && err == nil && env != "" {
			return t, true
		}
	}
	return Target{}, false
}

// String is where a target leads, in words that are others when it leads elsewhere; "" for none. With which keys a place is reached is not part of it.
func (t Target) String() string {
	switch {
	case t.Servers != "":
		return "servers of " + t.Servers
	case t.Folder != "":
		return "folder " + t.Folder
	case t.Cluster != nil && t.Cluster.Kubeconfig != "":
		return "cluster of context " + t.Cluster.Context + " in " + t.Cluster.Kubeconfig
	case t.Cluster != nil:
		return "cluster of context " + t.Cluster.Context
	case t.Machines != nil && t.Machines.Port != 0:
		return fmt.Sprintf("machines over SSH, port %d", t.Machines.Port)
	case t.Machines != nil:
		return "machines over SSH"
	}
	return ""
}

// ways counts where a target leads to.
func (t Target) ways() int {
	n := 0
	for _, given := range []bool{t.Folder != "", t.Cluster != nil, t.Machines != nil} {
		if given {
			n++
		}
	}
	return n
}

// checkTargets reports targets that lead nowhere or to several places, and folders that several targets would share.
func checkTargets(r *document.Reader, w Workspace) {
	seen := map[string]int{}
	for i, t := range w.Targets {
		at := fmt.Sprintf("targets[%d]", i)
		if t.ways() != 1 {
			r.At(at, "a target is one of folder, cluster and machines; write exactly one")
		}
		if t.Folder == "" {
			continue
		}
		folder := path.Clean(t.Folder)
		if before, ok := seen[folder]; ok {
			r.At(at+".folder", "%s is the folder of targets[%d], too; give each a folder of its own", t.Folder, before)
		}
		seen[folder] = i
	}
}
