package kube

import (
	"maps"
	"path"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// Names are what a service or datastore is called in a cluster, and what Render gives it there.
type Names struct {
	Namespace  string
	Kind       string // "deployment", "statefulset", or "clusters.postgresql.cnpg.io" for what CloudNativePG keeps
	Name       string
	Container  string   // the one that answers
	Label      string   // chooses its pods, as kubectl's -l takes it
	ConfigMaps []string // sorted
	Secrets    []string // sorted
	Listens    []render.Listen
	Least      int // pods; without a scaler as many as Most
	Most       int
	Share      render.Share
	Files      []string // paths of files it is given, sorted
	Kept       []string // folders on a disk that outlives a pod, sorted
	Lost       []string // folders it may write to that go with the pod, sorted
	Overlay    string   // folder of the bundle that kubectl apply -k takes
	Patroni    string   // configuration of Patroni in its pods; "" when nothing else than Kubernetes keeps it
	TeamRole   bool     // its team has the rights of teamRole there
}

// NamesOf are the names of one service or datastore of a site of kind "kubernetes", as Render writes them. NotFound when it is not
// placed there; Invalid when Render refuses it.
func NamesOf(s render.Site, name estate.ServiceName) (Names, error) {
	c := &cluster{Site: s, folder: path.Join("kubernetes/overlays", string(s.Environment)), targets: map[target]int{}, spaces: map[string]*space{}}
	for _, v := range s.Services {
		if v.Name == name {
			return c.serviceNames(v)
		}
	}
	for _, d := range s.Datastores {
		if d.Name == name {
			return c.storeNames(d)
		}
	}
	return Names{}, fault.Newf(fault.NotFound, "%s is not placed in %s", name, s.Environment)
}

func (c *cluster) serviceNames(of render.Service) (Names, error) {
	s, err := c.service(of)
	if err != nil {
		return Names{}, err
	}
	given, err := c.given(s)
	if err != nil {
		return Names{}, err
	}
	share, err := render.ShareOf(s.Name, s.Workload.Containers[s.main].Resources)
	if err != nil {
		return Names{}, err
	}
	n := c.names(s.named, share)
	n.Kind, n.Container, n.Label, n.Overlay = "deployment", workload.NameOf(s.main), labelName+"="+s.name, path.Join(c.folder, s.name)
	n.Listens, n.Least, n.Most = s.listens, s.replicas.least, s.replicas.most
	for _, at := range slices.Sorted(maps.Keys(s.Workload.Containers[s.main].Files)) {
		if s.Workload.Containers[s.main].Files[at].Source == "" { // else the image brings it
			n.Files = append(n.Files, at)
		}
	}
	n.Lost = append([]string{temporary}, s.kept()...)
	if s.stateful {
		n.Kind, n.Lost, n.Kept = "statefulset", n.Lost[:1], s.kept()
	}
	for _, m := range given.maps {
		n.ConfigMaps = append(n.ConfigMaps, objectName(m))
	}
	slices.Sort(n.ConfigMaps)
	return n, nil
}

// objectName is the name in an object's metadata.
func objectName(m configMap) string {
	for i := 0; i+1 < len(m.object.Content); i += 2 {
		if m.object.Content[i].Value == "metadata" {
			return m.object.Content[i+1].Content[1].Value
		}
	}
	return ""
}

// storeNames are those of a datastore. Its files are written to be read: what it asks of secrets is known only afterwards.
func (c *cluster) storeNames(d render.Datastore) (Names, error) {
	s, err := c.store(d)
	if err != nil {
		return Names{}, err
	}
	one := &cluster{Site: c.Site, folder: c.folder, targets: c.targets, spaces: map[string]*space{}}
	one.Datastores = []render.Datastore{d}
	if err := one.datastores(); err != nil {
		return Names{}, err
	}
	n := one.names(s.named, s.share)
	n.Kind, n.Container, n.Label, n.Overlay = "statefulset", workload.NameOf(d.Technology), labelName+"="+s.name, path.Join(c.folder, "datastores", s.name)
	n.Listens, n.Least, n.Most = []render.Listen{{Name: d.Technology, Protocol: "TCP", Port: d.Port, Target: d.Port}}, d.Instances, d.Instances
	n.Lost, n.Kept = []string{temporary}, []string{"/data"}
	switch d.Technology {
	case "postgres", "postgresql":
		n.Container, n.Kept, n.Patroni = "postgres", []string{postgresHome}, patroniFolder
		n.Listens[0].Target = postgresPort
		if c.hasOperator() {
			n.Kind, n.Label, n.Kept, n.Patroni = "clusters.postgresql.cnpg.io", "cnpg.io/cluster="+s.name, []string{"/var/lib/postgresql/data"}, ""
		}
	case "redis", "valkey":
		n.Container = "redis"
		if s.forgetful() {
			n.Kept, n.Lost = nil, []string{"/data", temporary}
		}
	case "rabbitmq":
		n.Kept = []string{"/var/lib/rabbitmq"}
	default:
		n.Kept = nonEmpty(plainStores[d.Technology].data)
	}
	return n, nil
}

// names is what services and datastores have alike.
func (c *cluster) names(n named, share render.Share) Names {
	out := Names{Namespace: n.namespace, Name: n.name, Share: share, TeamRole: n.team != ""}
	for _, s := range c.secrets {
		if s.namespace == n.namespace && !slices.Contains(out.Secrets, s.name) {
			out.Secrets = append(out.Secrets, s.name)
		}
	}
	slices.Sort(out.Secrets)
	return out
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}
