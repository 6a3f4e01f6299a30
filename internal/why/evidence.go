package why

import "time"

// Evidence is what was seen of a subject. It is values alone: no secret is among them, and log lines are redacted.
type Evidence struct {
	Subject
	At         time.Time // when it was read
	InCluster  *InCluster
	OnMachines []OnMachine
	Tries      []Try
	Lookups    []Lookup
	Looked     []string // what was looked at, one phrase each
	Unseen     []string // what could not be looked at, and why, one line each
}

// InCluster is what a cluster says of a subject.
type InCluster struct {
	Unreachable string // why its API server does not answer; nothing else is known then
	NoSpace     bool   // its namespace is not there
	Missing     bool   // it is not there itself
	Rollout     Rollout
	Pods        []Pod       // those of the newest release first
	Events      []Event     // the last first, of the last hour
	References  []Reference // to Secrets and ConfigMaps
	Services    []Service   // those that are its own by name or selector
	Claims      []Claim
	Nodes       []Node
	Quotas      []Quota
	DNS         *DNS // nil when it could not be looked at
	Providers   []Provider
	Refusals    []Refusal
}

// Rollout is how a release is doing.
type Rollout struct {
	Wanted, Updated, Ready int
	Paused                 bool
	Failure                string // why pods cannot even be made
	FailureAt              time.Time
}

// Pod is one pod.
type Pod struct {
	Name, Node      string
	Phase           string
	Reason, Message string // of the pod itself: "Evicted"
	Newest          bool   // it is of the newest release
	Ready           bool
	Unscheduled     string // why it has no node
	Labels          map[string]string
	Created         time.Time
	Containers      []Container
}

// Container is one container of a pod.
type Container struct {
	Name, Image  string
	Init         bool
	Ready        bool
	Restarts     int
	Waiting      string // reason: "CrashLoopBackOff"
	WaitingFor   string // message
	Running      bool
	Exit         *Exit    // the last one
	Log          []string // last lines; of the process that ended where it runs no more
	Probes       []Probe
	MemoryLimit  string
	MemoryUsed   string // "" when nothing measures it
	Ports        []int  // declared
	Listens      []int  // what its processes listen on, of all addresses
	ListensKnown bool
	Program      string // first word of its command; "" when that is the image's own
}

// Exit is how a process ended.
type Exit struct {
	Reason  string // "OOMKilled", "Error", "Completed", "StartError"
	Code    int
	Signal  int
	Message string
	At      time.Time
}

// Probe is a question the kubelet asks a container.
type Probe struct {
	Kind   string // "liveness", "readiness", "startup"
	Path   string // of an HTTP request; "" for another way
	Port   int    // 0 when it is a command
	Scheme string
	Failed string // what the kubelet said last
	At     time.Time
	Count  int // times it said so
	Status int // what the process answers now, asked through the API server; 0 when it was not asked or does not answer
}

// Event is something the cluster says happened.
type Event struct {
	Object  string // "pod/orders-7c9"
	Reason  string
	Message string
	At      time.Time
	Count   int
	Warning bool
}

// Reference is to a Secret or ConfigMap that a pod takes values from.
type Reference struct {
	Kind, Name string // "Secret", "ConfigMap"
	Key        string // "" for all of it
	For        string // "variable DB_PASSWORD", "volume config"
	Optional   bool
	There      bool // the object
	HasKey     bool // the key in it; true where none is asked for
	Unknown    bool // it could not be looked at
}

// Service is an object that leads requests to pods.
type Service struct {
	Name            string
	Selector        string // as kubectl's -l takes it; "" for none
	Matches         int    // pods it chooses
	Ready, NotReady int    // addresses it leads to
	Ports           []ServicePort
}

// ServicePort is a port of a Service.
type ServicePort struct {
	Port   int
	Target string // number, or name of a container's port
	Number int    // what that comes to in its pods; 0 when no container has a port so named
	// Status says that something answers there: "answers", "refused", or "" when it was not asked.
	Status string
}

// Claim asks for a disk.
type Claim struct {
	Name, Phase string
	Class       string
	ClassThere  bool
	Why         string // last event
}

// Node is a machine of the cluster.
type Node struct {
	Name     string
	Ready    bool
	Why      string // it is not ready
	Since    time.Time
	Cordoned bool
	Pressure []string // "DiskPressure" …
	Runs     bool     // a pod of the subject is on it
}

// Quota is a resource of a namespace that is limited.
type Quota struct {
	Name, Resource string
	Used, Hard     string
	Full           bool
}

// DNS is the server that pods ask.
type DNS struct {
	Pods, Ready int
	Why         string // it is not ready
}

// Provider is a need that is a Service of the same cluster.
type Provider struct {
	Need            int // index in Subject.Needs
	Service         string
	There           bool
	HasPort         bool
	Ports           []int
	Ready, NotReady int
}

// Refusal is a NetworkPolicy that lets nothing through to a need.
type Refusal struct {
	Need   int // index in Subject.Needs
	Policy string
}

// Result is what came of trying a need.
type Result string

// The results.
const (
	Reached    Result = "reached"
	Refused    Result = "connection refused"
	TimedOut   Result = "no answer in time"
	NoName     Result = "no such name"
	NoAnswer   Result = "names are not answered"
	Unroutable Result = "no route"
	BadTLS     Result = "TLS"
	Untried    Result = "not tried"
)

// Try is one attempt to reach a need from where the subject runs.
type Try struct {
	Need   int    // index in Subject.Needs
	From   string // "pod orders-7c9", "vm1"
	Way    string // how: "nc in its own container"
	Result Result
	Detail string // what was said, or why it was not tried
	Took   time.Duration
}

// Lookup is one name that was looked up for the subject.
type Lookup struct {
	Need    int
	From    string
	Way     string
	Result  Result // Reached, NoName, TimedOut, NoAnswer or Untried
	Answers []string
	Detail  string
}

// OnMachine is what a machine says of a subject.
type OnMachine struct {
	Host        Host
	Unreachable string // why it lets nobody in; nothing else is known then
	Units       []Unit
	Journal     []Line // last lines of its units, the oldest first
	Killed      []Line // what the kernel said of memory that ran out
	Disks       []Disk
	Listeners   []Listener
	Files       []File
	Backends    []Backend // what its balancer says of it; on a machine of the balancer
}

// Line is a line of a log.
type Line struct {
	At   time.Time
	Unit string
	Text string
}

// Unit is a unit of systemd (systemctl(1), systemd.service(5)).
type Unit struct {
	Name      string
	Load      string // "loaded", "not-found", "masked", "bad-setting"
	Active    string // "active", "failed", "inactive", "activating"
	Sub       string // "running", "auto-restart", "dead"
	Enabled   string // "enabled", "disabled", "masked", "static"
	Result    string // "success", "exit-code", "oom-kill", "signal", "start-limit-hit", "timeout", "resources"
	Code      string // "exited", "killed"
	Status    int    // exit status, or signal
	Restarts  int
	Since     time.Time
	Program   string
	User      string
	MemoryMax int64 // bytes; 0 for none
	Condition string
}

// Disk is a mounted file system.
type Disk struct {
	Mount      string
	Size, Free int64 // bytes
	FullFiles  bool  // no file can be made any more
}

// Full reports whether nothing more fits.
func (d Disk) Full() bool { return d.FullFiles || d.Size > 0 && d.Free*100 < d.Size }

// Listener is a process that listens.
type Listener struct {
	Port    int
	Address string
	Process string
	Unit    string // that keeps it; "" when unknown
}

// File is a file that the subject is given.
type File struct {
	Path  string
	There bool
	For   string // "EnvironmentFile of orders.service"
	Empty bool
}

// Backend is a server as HAProxy sees it ("show stat", management guide, 9.1).
type Backend struct {
	Proxy, Server string
	Status        string // "UP", "DOWN", "MAINT", "no check"
	Check         string // last health check: "L4CON"
	Detail        string
	Since         time.Duration
}
