package estate

import "time"

// Sighting is one fact with the place it was seen. Readers fill it; Merge joins sightings whose subjects
// turn out to be the same component. Which of Key and Value mean what depends on Fact.
type Sighting struct {
	Fact        Fact            `json:"fact"`
	Subject     Subject         `json:"subject"`
	Key         string          `json:"key,omitempty"`
	Value       string          `json:"value,omitempty"` // redacted before it leaves discover
	Profile     string          `json:"profile,omitempty"`
	Layer       string          `json:"layer,omitempty"` // where a computed setting came from: "role[web] default"
	Environment EnvironmentName `json:"environment,omitempty"`
	Count       int             `json:"count,omitempty"` // of connections that were open
	At          time.Time       `json:"at,omitzero"`     // when it was so, of what was seen running
	Place       Place           `json:"place"`
	By          ReaderName      `json:"by"`
}

// Subject says whom a sighting is about, as far as the reader knows.
//
// With a Name it is the thing so named in a space of names: one Compose project ("compose:deploy"), one
// Kubernetes namespace ("kube:shop"), one Chef organisation ("chef"). The same name in the same space is the same
// component. Without a Name it is whatever component owns Folder, a slash-separated path relative to the source's
// root ("." is the root itself): Merge walks up from there to the nearest module or claimed folder. In the space "address"
// the name is a host:port, and means whoever answers there.
type Subject struct {
	Space  string `json:"space,omitempty"`
	Name   string `json:"name,omitempty"`
	Folder string `json:"folder,omitempty"`
}

// In is the subject called name in a space of names.
func In(space, name string) Subject { return Subject{Space: space, Name: name} }

// At is the subject that owns a folder.
func At(folder string) Subject { return Subject{Folder: folder} }

// Fact is the sort of a sighting.
type Fact string

// The facts. Each says what Key and Value hold.
const (
	// Runs here: a deployment of some kind names the subject as something that runs.
	// Key: "service", "datastore", "external", "host", "job"; Value: the technology when known ("postgres", "haproxy").
	Runs Fact = "runs"
	// Module: Folder is the root of something that is built. Key: "runnable" (can be started by itself),
	// "library" (only used by others), "aggregate" (only holds modules), "unknown". Value: the module's own name
	// (artifactId, package name, project name).
	Module Fact = "module"
	// Called: the subject is also known as Value. Key is one of the Name… constants.
	Called Fact = "called"
	// Listens: the subject accepts connections. Value: a port number, as decimal text. Key: "container" (its own port),
	// "published" (reachable on the machine's own address, so also as localhost), "vip" (on a virtual address).
	// Profile carries the protocol when it is not TCP.
	Listens Fact = "listens"
	// Sets: the subject is configured with Key = Value, under Profile if one is given. Nested keys are joined with
	// dots, list items are "key[0]". Value is as written, placeholders included.
	Sets Fact = "sets"
	// Links: the subject is declared to use Value, a name, address, URL or host:port. Key is one of the Link… constants.
	Links Fact = "links"
	// Uses: the module in Folder (and those below it, for an aggregate) has the client library Value on its build path.
	// Value is "ecosystem:coordinate": "maven:org.springframework.boot:spring-boot-starter-amqp", "npm:amqplib",
	// "go:github.com/redis/go-redis/v9", "pypi:psycopg2", "nuget:StackExchange.Redis", "gem:pg", "cargo:lapin", "composer:predis/predis".
	Uses Fact = "uses"
	// Mentions: source code of the subject refers to something. Key: one of the Code… constants; Value: what it names.
	Mentions Fact = "mentions"
	// Process: how the subject's process is started and kept. Key is one of the Process… constants, which say what Value is.
	Process Fact = "process"
	// Hosts: the subject (a host) runs Value, a service name, role or unit. Key: "role", "recipe", "unit", "package".
	Hosts Fact = "hosts"
	// Resolves: a name record. Key: the name; Value: the IP address or the name it is an alias of. Subject.Space
	// limits it to an environment ("chef:production"), empty holds everywhere.
	Resolves Fact = "resolves"
	// Spans: a network has a range of addresses. Key: the name of the network; Value: the range, as CIDR.
	Spans Fact = "spans"
	// Owns: Value is the team that owns the subject. A subject with Folder owns everything below it; Key is "codeowners",
	// "catalog", "label" or "workspace", and a later, more specific pattern is a longer Folder.
	// When Folder is a CODEOWNERS pattern it is kept in Profile and Folder is empty.
	Owns Fact = "owns"
	// Person: mail, chat channel or other contact of a team. Subject.Space "team", Subject.Name the team.
	// Key: "mail", "chat", "member"; Value: the address.
	Contact Fact = "contact"
	// Repository: the folder Value holds configuration that a configuration server (the subject) hands out by service name.
	// Value is a root-relative folder, or a URL that may match a second source.
	Repository Fact = "repository"
)

// The facts of what was seen running, each with the time it was so. The subject is a machine ("live:production", "app1") or
// a workload of a cluster.
const (
	// Looked: the open connections of the subject were listed, all of them.
	Looked Fact = "looked"
	// Holds: the subject has the address Value. Key is one of the Held… constants.
	Holds Fact = "holds"
	// Hears: the process Key of the subject accepts connections at Value, ip:port; an unspecified address stands for all of the subject's.
	Hears Fact = "hears"
	// Connects: the process Key of the subject has Count connections open to Value, ip:port, which it opened itself. Key is empty when the
	// process was gone already or is not the machine's to tell.
	Connects Fact = "connects"
	// Accepts: Count connections from the address Value are open to the subject's port Profile, at which the process Key listens.
	Accepts Fact = "accepts"
)

// How a subject has an address (Key of Holds).
const (
	HeldAddress = "address" // its own, or one it took over for now
	HeldService = "service" // of a Kubernetes Service that leads to it
	HeldPod     = "pod"     // Value is the UID of one of the subject's pods
	HeldName    = "name"    // a name of the world outside (the subject, in the space NameSpace) led to it
)

// NameSpace is the space of names of the world outside, PodSpace that of pods by their UID, which a cluster says whose they are.
const (
	NameSpace = "name"
	PodSpace  = "pod"
)

// LivePrefix begins the spaces of machines that were seen running: "live:" and their environment.
const LivePrefix = "live:"

// How a subject is called (Key of Called).
const (
	NameCompose     = "compose"     // key in a Compose file
	NameContainer   = "container"   // container_name
	NameHostname    = "hostname"    // hostname, network alias, FQDN
	NameImage       = "image"       // image reference, tag and digest kept
	NameBuild       = "build"       // folder it is built from, root-relative
	NameMounts      = "mounts"      // file or folder mounted into it, root-relative: configuration under it is the subject's
	NameApplication = "application" // spring.application.name and the like: what it registers as
	NameModule      = "module"      // name in a build manifest
	NameWorkload    = "workload"    // Deployment, StatefulSet, unit, Terraform resource …
	NameService     = "service"     // Kubernetes Service and its DNS forms, Consul service
	NameNode        = "node"        // Chef node
	NameRole        = "role"        // Chef role, Ansible group
	NameAddress     = "address"     // IP address
	NameVirtual     = "virtual"     // virtual IP
	NameDNS         = "dns"         // DNS name or alias
	NameCatalog     = "catalog"     // Backstage entity
	NameSelf        = "self"        // its advertised host in its own configuration (eureka.instance.hostname …)
)

// Why a link was declared (Key of Links). Start order is weaker evidence than an address.
const (
	LinkDependsOn = "depends_on" // start order
	LinkLink      = "links"      // Compose links, external_links
	LinkWait      = "wait"       // wait-for script or init container
	LinkUpstream  = "upstream"   // proxy → backend
	LinkScrape    = "scrape"     // monitoring → target
	LinkShip      = "ship"       // logs or metrics → collector
	LinkCommand   = "command"    // address in a command line
	LinkVolume    = "volumes_from"
	LinkRequires  = "requires"  // systemd Requires/Wants/After, service level
	LinkDeclared  = "declared"  // a person says so: catalog dependsOn, consumesApis
	LinkPolicy    = "policy"    // a network policy allows it
	LinkDashboard = "dashboard" // data source of a dashboard
)

// What code refers to (Key of Mentions).
const (
	CodeURL        = "url"        // host or host:port in a URL or address literal; Value is scheme://host[:port] or host:port
	CodeClient     = "client"     // name in a declarative client (Feign, Refit, gRPC target …)
	CodeRoute      = "route"      // target of a route defined in code
	CodeFallback   = "fallback"   // environment variable with a default; Value "NAME=default", default may be empty
	CodeRuns       = "runs"       // Value of CodeAnnotation: the file is a program's entry
	CodeReads      = "reads"      // key that is read: "NAME", "NAME=default" ("…" for one that is computed), "PREFIX*" when only its beginning is known or all below it is read
	CodeLoads      = "loads"      // configuration file that is named; Value is its path as written
	CodeWrites     = "writes"     // variable that a template of a deployment writes for the processes of the subject
	CodeAnnotation = "annotation" // annotation or call that makes it a role: "EnableEurekaServer", "KafkaListener"
)

// What is known of a process (Key of Process).
const (
	ProcessUnit      = "unit"      // the systemd unit that keeps it, without ".service"; "orders@" is one that is started by instance
	ProcessCommand   = "command"   // the program and its arguments, as one line of shell words
	ProcessUser      = "user"      // the account it runs under
	ProcessDirectory = "directory" // absolute path it starts in
	ProcessFile      = "file"      // absolute path of a configuration file it is given
	ProcessMemory    = "memory"    // most memory it may use, in bytes, as decimal text
	ProcessCPU       = "cpu"       // most processor time it may use, in thousandths of a core, as decimal text
	ProcessHealth    = "health"    // path of an HTTP request that a healthy process answers with success: "/healthz"
	ProcessReplicas  = "replicas"  // how many of it run, as decimal text
	ProcessStop      = "stop"      // seconds it is given to end, as decimal text
	ProcessState     = "state"     // how systemd says it is: "active (running)", "failed (failed)"
	ProcessRestarts  = "restarts"  // times it was started anew by itself, as decimal text
)
