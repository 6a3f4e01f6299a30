package workspace

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Standbys is which datastores are looked at and kept warm, and what is asked of an instance before it may become primary by plan.
type Standbys struct {
	Every      time.Duration `json:"every,omitempty" jsonschema:"type=string" jsonschema_description:"How often caravan serve looks at them, and warms standbys of PostgreSQL, such as 10s; not at all when left out."`
	Lag        int           `json:"lag,omitempty" jsonschema:"minimum=1,maximum=1048576" jsonschema_description:"Most a candidate of a switch-over may lag, in KiB of the log; 16384 when left out."`
	Warmth     int           `json:"warmth,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Least share of the primary's hot blocks a candidate must have in its buffers, in percent; 90 when left out."`
	Datastores []Kept        `json:"datastores,omitempty" jsonschema_description:"The datastores, and how each is reached."`
	Moves      []StoreMove   `json:"moves,omitempty" jsonschema_description:"Datastores that move from one environment to another."`
}

// Kept is a datastore that keeps copies of itself. How its instances are found is said by exactly one of Patroni, Stolon, CloudNativePG, Sentinels and Members.
type Kept struct {
	Name        estate.ServiceName     `json:"name" jsonschema_description:"Name, as the map knows it."`
	Environment estate.EnvironmentName `json:"environment,omitempty" jsonschema_description:"Environment it runs in."`
	Team        estate.TeamName        `json:"team,omitempty" jsonschema_description:"Team that answers for it; the one the map knows when left out."`
	Patroni     []string               `json:"patroni,omitempty" jsonschema:"oneof_required=patroni" jsonschema_description:"Addresses of the REST interface of Patroni, as host:port or https://host:port; one is enough, several survive its loss."`
	Stolon      *Stolon                `json:"stolon,omitempty" jsonschema:"oneof_required=stolon" jsonschema_description:"Where Stolon keeps what it knows of the cluster."`
	CNPG        *InCluster             `json:"cloudnativepg,omitempty" jsonschema:"oneof_required=cloudnativepg" jsonschema_description:"Cluster of CloudNativePG."`
	Sentinels   []string               `json:"sentinels,omitempty" jsonschema:"oneof_required=sentinels" jsonschema_description:"Addresses of Redis Sentinels, as host:port."`
	Master      string                 `json:"master,omitempty" jsonschema_description:"Name under which Sentinels know it; that of the datastore when left out."`
	Members     map[string]string      `json:"members,omitempty" jsonschema:"oneof_required=members" jsonschema_description:"Instances by name, as host:port, where nobody keeps them and people decide who is primary."`
	Technology  string                 `json:"technology,omitempty" jsonschema:"enum=postgres,enum=redis" jsonschema_description:"postgres when left out, redis where Sentinels are named."`
	User        string                 `json:"user,omitempty" jsonschema_description:"PostgreSQL: account that asks; caravan_standby, which caravan standby prepare makes, when left out. A Redis is asked as admin."`
	Password    *Secret                `json:"password,omitempty" jsonschema_description:"Its password."`
	Admin       *Account               `json:"admin,omitempty" jsonschema_description:"Account that moves: a superuser of PostgreSQL; of Redis the one that asks, too, with the rights that the guide on Redis lists."`
	Replication *Account               `json:"replication,omitempty" jsonschema_description:"Account by which the other side of a move follows; PostgreSQL: admin when left out; Redis: what the instances have when left out."`
	Watch       *Account               `json:"watch,omitempty" jsonschema_description:"Account of Caravan at the Sentinels, where they ask for one."`
	Watched     *Account               `json:"watched,omitempty" jsonschema_description:"Account by which the Sentinels log in at the instances."`
	Peers       map[string]string      `json:"peers,omitempty" jsonschema_description:"Addresses, as host:port, at which the other side of a move reaches the instances, by name, where those are others than their own."`
	TLS         string                 `json:"tls,omitempty" jsonschema:"enum=disable,enum=prefer,enum=require,enum=verify-ca,enum=verify-full" jsonschema_description:"As sslmode of PostgreSQL; prefer when left out."`
	Backup      *Backup                `json:"backup,omitempty" jsonschema_description:"Where pgBackRest keeps backups of it, and how often one is restored and checked."`
	Preference  *Preference            `json:"preference,omitempty" jsonschema_description:"Where Patroni is told which standby shall take over first: the warmest. It is told nothing when left out."`
	Through     string                 `json:"through,omitempty" jsonschema:"enum=machines,enum=cluster" jsonschema_description:"How its addresses are reached from here: over SSH to the machine itself, or through the API server of the cluster, as the target of its environment says; directly when left out."`
}

// Preference is a file by which a member of Patroni is told its place among those who may take over.
type Preference struct {
	File      string `json:"file" jsonschema_description:"Whole path of a file, ending in .yml, in the folder that each member's Patroni is started with; Caravan writes it and nobody else does."`
	Container string `json:"container,omitempty" jsonschema_description:"Container of the pod it is in, where the datastore is in a cluster; postgres when left out."`
}

// Account is somebody's at a datastore.
type Account struct {
	User     string  `json:"user,omitempty" jsonschema_description:"Name; default of Redis when left out."`
	Password *Secret `json:"password,omitempty" jsonschema_description:"Its password."`
}

// Backup is how the backups of a PostgreSQL are reached, which pgBackRest makes.
type Backup struct {
	Stanza  string `json:"stanza,omitempty" jsonschema_description:"What pgBackRest calls the database; its name when left out."`
	Machine string `json:"machine,omitempty" jsonschema_description:"Address of the machine pgBackRest runs on, reached over SSH as the target of its environment says; this machine when left out."`
	// Container is where it is asked in a cluster.
	Container string        `json:"container,omitempty" jsonschema_description:"Patroni in a cluster: container of its pods in which pgBackRest is asked how backups stand and makes them; drills need the room of a machine, and are done where Caravan runs."`
	Config    string        `json:"config,omitempty" jsonschema_description:"Whole path of its configuration there; its usual one when left out."`
	Scratch   string        `json:"scratch,omitempty" jsonschema_description:"Whole path of a folder there that is a drill's own, on a disk with room for the whole database; /var/lib/caravan/drill when left out."`
	Drill     time.Duration `json:"drill,omitempty" jsonschema:"type=string" jsonschema_description:"How often caravan serve restores the newest backup and checks it, such as 168h; only when asked when left out."`
}

// Stolon is a store of Stolon.
type Stolon struct {
	Cluster string   `json:"cluster" jsonschema_description:"Name of the cluster, as its components are started with."`
	Etcd    []string `json:"etcd,omitempty" jsonschema:"oneof_required=etcd,minItems=1" jsonschema_description:"Addresses of etcd, as host:port or https://host:port, where it keeps the cluster by etcd's API version 3."`
	Prefix  string   `json:"prefix,omitempty" jsonschema_description:"Where in etcd; stolon/cluster when left out."`
	// Namespace is where on Kubernetes.
	Namespace string `json:"namespace,omitempty" jsonschema:"oneof_required=namespace" jsonschema_description:"Namespace of the ConfigMap in which it keeps the cluster on Kubernetes."`
}

// InCluster is an object of a cluster.
type InCluster struct {
	Namespace string `json:"namespace" jsonschema_description:"Its namespace."`
	Name      string `json:"name" jsonschema_description:"Its name."`
}

// Bounds of what is declared.
const (
	mostLag   = 1 << 20
	percent   = 100
	quickest  = time.Second
	usualPath = "stolon/cluster"

	usualScratch  = "/var/lib/caravan/drill"
	quickestDrill = time.Hour
)

func standbys(r *document.Reader, n syntax.Node, at string) (s Standbys) {
	r.Object(n, at, []document.Field{
		document.Optional("every", document.Duration(&s.Every)),
		document.Optional("lag", document.Integer(&s.Lag, 1, mostLag)),
		document.Optional("warmth", document.Integer(&s.Warmth, 1, percent)),
		document.Optional("datastores", document.List(&s.Datastores, kept)),
		document.Optional("moves", document.List(&s.Moves, storeMove)),
	})
	if s.Every != 0 && s.Every < quickest {
		r.At(at+".every", "%s is too often; write a second or more, such as 10s", s.Every)
	}
	return s
}

func kept(r *document.Reader, n syntax.Node, at string) (k Kept) {
	r.Object(n, at, []document.Field{
		document.Required("name", document.Text(&k.Name)),
		document.Optional("environment", document.Text(&k.Environment)),
		document.Optional("team", document.Text(&k.Team)),
		document.Optional("patroni", document.NonEmpty(document.Texts(&k.Patroni))),
		document.Optional("stolon", func(r *document.Reader, n syntax.Node, at string) { k.Stolon = stolon(r, n, at) }),
		document.Optional("cloudnativepg", func(r *document.Reader, n syntax.Node, at string) { k.CNPG = inCluster(r, n, at) }),
		document.Optional("sentinels", document.NonEmpty(document.Texts(&k.Sentinels))),
		document.Optional("master", document.Text(&k.Master)),
		document.Optional("members", document.Table(&k.Members)),
		document.Optional("technology", document.OneOf(&k.Technology, "postgres", "redis")),
		document.Optional("user", document.Text(&k.User)),
		document.Optional("password", secretOf(&k.Password)),
		document.Optional("admin", account(&k.Admin)),
		document.Optional("replication", account(&k.Replication)),
		document.Optional("watch", account(&k.Watch)),
		document.Optional("watched", account(&k.Watched)),
		document.Optional("peers", document.Table(&k.Peers)),
		document.Optional("tls", document.OneOf(&k.TLS, "disable", "prefer", "require", "verify-ca", "verify-full")),
		document.Optional("backup", func(r *document.Reader, n syntax.Node, at string) { k.Backup = backup(r, n, at, k.Name) }),
		document.Optional("preference", func(r *document.Reader, n syntax.Node, at string) { k.Preference = preference(r, n, at) }),
		document.Optional("through", document.OneOf(&k.Through, "machines", "cluster")),
	})
	k.check(r, at)
	return k
}

func preference(r *document.Reader, n syntax.Node, at string) *Preference {
	p := &Preference{Container: "postgres"}
	r.Object(n, at, []document.Field{
		document.Required("file", document.Text(&p.File)),
		document.Optional("container", document.Text(&p.Container)),
	})
	if p.File != "" && (!path.IsAbs(p.File) || path.Clean(p.File) != p.File || path.Ext(p.File) != ".yml") {
		r.At(at+".file", "%q is no whole path that ends in .yml; name a file in the folder that Patroni is started with", p.File)
	}
	return p
}

func account(into **Account) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		var a Account
		r.Object(n, at, []document.Field{
			document.Optional("user", document.Text(&a.User)),
			document.Optional("password", secretOf(&a.Password)),
		})
		*into = &a
	}
}

func backup(r *document.Reader, n syntax.Node, at string, name estate.ServiceName) *Backup {
	b := Backup{Stanza: string(name), Scratch: usualScratch}
	r.Object(n, at, []document.Field{
		document.Optional("stanza", document.Text(&b.Stanza)),
		document.Optional("machine", document.Text(&b.Machine)),
		document.Optional("container", document.Text(&b.Container)),
		document.Optional("config", document.Text(&b.Config)),
		document.Optional("scratch", document.Text(&b.Scratch)),
		document.Optional("drill", document.Duration(&b.Drill)),
	})
	if b.Drill != 0 && b.Drill < quickestDrill {
		r.At(at+".drill", "a drill each %s is too often: it restores the whole database; write an hour or more, such as 168h", b.Drill)
	}
	if !stanzaName.MatchString(b.Stanza) {
		r.At(at+".stanza", "%q is no stanza; write letters, digits, - and _", b.Stanza)
	}
	checkWhole(r, at+".config", b.Config)
	checkWhole(r, at+".scratch", b.Scratch)
	return &b
}

func checkWhole(r *document.Reader, at, file string) {
	if file != "" && (!path.IsAbs(file) || path.Clean(file) != file || file == "/") {
		r.At(at, "%q is no whole path; write one that begins with /", file)
	}
}

// stanzaName is what is passed on to pgBackRest, and into paths of its repository.
var stanzaName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

func stolon(r *document.Reader, n syntax.Node, at string) *Stolon {
	s := Stolon{Prefix: usualPath}
	r.Object(n, at, []document.Field{
		document.Required("cluster", document.Text(&s.Cluster)),
		document.Optional("etcd", document.NonEmpty(document.Texts(&s.Etcd))),
		document.Optional("prefix", document.Text(&s.Prefix)),
		document.Optional("namespace", document.Text(&s.Namespace)),
	})
	if (len(s.Etcd) > 0) == (s.Namespace != "") {
		r.At(at, "Stolon keeps a cluster in etcd or on Kubernetes; write either etcd or namespace")
	}
	for i, a := range s.Etcd {
		checkReached(r, fmt.Sprintf("%s.etcd[%d]", at, i), a, true)
	}
	return &s
}

func inCluster(r *document.Reader, n syntax.Node, at string) *InCluster {
	var c InCluster
	r.Object(n, at, []document.Field{
		document.Required("namespace", document.Text(&c.Namespace)),
		document.Required("name", document.Text(&c.Name)),
	})
	return &c
}

func (k *Kept) check(r *document.Reader, at string) {
	ways := 0
	for _, there := range []bool{len(k.Patroni) > 0, k.Stolon != nil, k.CNPG != nil, len(k.Sentinels) > 0, len(k.Members) > 0} {
		if there {
			ways++
		}
	}
	if ways != 1 {
		r.At(at, "%s needs exactly one way to find its instances: patroni, stolon, cloudnativepg, sentinels or members", k.Name)
	}
	if k.Technology == "" {
		k.Technology = "postgres"
		if len(k.Sentinels) > 0 {
			k.Technology = "redis"
		}
	}
	if redis := k.Technology == "redis"; redis && len(k.Members) == 0 && len(k.Sentinels) == 0 || !redis && len(k.Sentinels) > 0 {
		r.At(at+".technology", "%s does not go with how its instances are found", k.Technology)
	}
	if k.Backup != nil && k.Technology != "postgres" {
		r.At(at+".backup", "pgBackRest backs PostgreSQL up, and %s is %s", k.Name, k.Technology)
	}
	if k.Backup != nil && k.Backup.Container != "" && (len(k.Patroni) == 0 || k.Through != "cluster" || k.Backup.Machine != "") {
		r.At(at+".backup.container", "pgBackRest is asked in pods of Patroni, which needs patroni and through: cluster, and no machine")
	}
	if k.Preference != nil && (len(k.Patroni) == 0 || k.Through == "") {
		r.At(at+".preference", "%s is told by a file who takes over first, which needs patroni, and through: machines or cluster", k.Name)
	}
	if (k.Through != "" || k.InCluster()) && k.Environment == "" {
		r.At(at, "%s is reached by way of its environment; say which with environment", k.Name)
	}
	for i, a := range k.Patroni {
		checkReached(r, fmt.Sprintf("%s.patroni[%d]", at, i), a, true)
	}
	for i, a := range k.Sentinels {
		checkReached(r, fmt.Sprintf("%s.sentinels[%d]", at, i), a, false)
	}
	for name, a := range k.Members {
		checkReached(r, at+".members."+name, a, false)
	}
}

// InCluster reports whether a datastore is reached by way of a cluster.
func (k Kept) InCluster() bool {
	return k.Through == "cluster" || k.CNPG != nil || k.Stolon != nil && k.Stolon.Namespace != ""
}

// checkReached reports what is no host:port, nor an address of the web where that may be.
func checkReached(r *document.Reader, at, text string, web bool) {
	if u, err := url.Parse(text); web && err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil {
		return
	}
	host, port, err := net.SplitHostPort(text)
	if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
		r.At(at, "%q is no address; write host:port", text)
	}
}

// checkStandbys reports datastores that are named twice in one environment, what is reached by way of an environment without such a target, and teams that are
// not among those declared. Environments may be those of an expansion, so any name will do.
func checkStandbys(r *document.Reader, w Workspace) {
	type place struct {
		name estate.ServiceName
		env  estate.EnvironmentName
	}
	var seen []place
	teams := names(w.Teams, func(t Team) string { return string(t.Name) })
	for i, k := range w.Standbys.Datastores {
		at := fmt.Sprintf("standby.datastores[%d]", i)
		if len(teams) > 0 { // else they are named elsewhere
			reference(r, at+".team", "team", string(k.Team), teams)
		}
		if slices.Contains(seen, place{k.Name, k.Environment}) {
			r.At(at, "%s is there twice", k.Name)
		}
		seen = append(seen, place{k.Name, k.Environment})
		t, _ := w.TargetOf(k.Environment)
		switch {
		case k.Through == "machines" && t.Machines == nil:
			r.At(at+".through", "%s has no target with machines; declare one under targets", k.Environment)
		case k.Backup != nil && k.Backup.Machine != "" && t.Machines == nil:
			r.At(at+".backup.machine", "%s has no target with machines; declare one under targets", cmp.Or(string(k.Environment), "no environment"))
		case k.InCluster() && t.Cluster == nil:
			r.At(at, "%s has no target with a cluster; declare one under targets", k.Environment)
		}
	}
}

// PlaceOf is the line that declares a datastore in an environment, or its password where it has one; the file alone where no line does.
func (w Workspace) PlaceOf(name estate.ServiceName, env estate.EnvironmentName) estate.Place {
	i := slices.IndexFunc(w.Standbys.Datastores, func(k Kept) bool { return k.Name == name && k.Environment == env })
	at := fmt.Sprintf("standby.datastores[%d]", i)
	if i >= 0 && w.Standbys.Datastores[i].Password != nil {
		at += ".password"
	}
	return w.place(at)
}

// StandbyOf are the declared datastores of a name: the one in an environment, or those in all when none is named.
func (w Workspace) StandbyOf(name estate.ServiceName, env estate.EnvironmentName) []Kept {
	return slices.DeleteFunc(slices.Clone(w.Standbys.Datastores), func(k Kept) bool { return k.Name != name || env != "" && k.Environment != env })
}
