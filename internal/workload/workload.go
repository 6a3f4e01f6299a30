// Package workload knows what a team writes about a service: a Score v1b1 workload (https://score.dev), read and written
// with its lines, and proposed for a service that so far only ran on machines. Text or what was seen goes in, a Workload and
// questions come out; what cannot be known is a question, never a guess.
//
// It renders nothing: where a resource is, and what a secret holds, is not known here.
package workload

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Version is the one apiVersion that is read and written.
const Version = "score.dev/v1b1"

// FileName is what a workload's file is called, in services/NAME.
const FileName = "score.yaml"

// Workload is a Score v1b1 workload. Maps are keyed by name, as in the file.
type Workload struct {
	APIVersion string               `json:"apiVersion"`
	Metadata   Metadata             `json:"metadata"`
	Service    *Service             `json:"service,omitempty"`
	Containers map[string]Container `json:"containers"`
	Resources  map[string]Resource  `json:"resources,omitempty"`
}

// Metadata names a workload. What Score has no field for is an annotation.
type Metadata struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Annotations that Caravan reads. Their values are texts.
const (
	AnnotationTeam     = "caravan.example.org/team"      // owner
	AnnotationReplicas = "caravan.example.org/replicas"  // "2", or "2-6" to be scaled between
	AnnotationDrain    = "caravan.example.org/drain"     // seconds between being taken out of balance and being told to stop
	AnnotationStop     = "caravan.example.org/stop"      // seconds to end in, after that
	AnnotationStart    = "caravan.example.org/start"     // seconds it may take until it is first ready
	AnnotationState    = "caravan.example.org/state"     // "stateful" when replicas have names and disks of their own
	AnnotationPublic   = "caravan.example.org/public"    // host name under which people outside reach it
	AnnotationPath     = "caravan.example.org/path"      // path below that host, "/" when left out
	AnnotationUser     = "caravan.example.org/user"      // account on machines
	AnnotationFolder   = "caravan.example.org/directory" // directory it starts in on machines
	AnnotationRelease  = "caravan.example.org/release"   // version or tag that is deployed
)

// Service is what others may call.
type Service struct {
	Ports map[string]Port `json:"ports,omitempty"`
}

// Port is a port others call (Port) and the one the process listens on (TargetPort; the same when 0).
type Port struct {
	Port       int    `json:"port"`
	Protocol   string `json:"protocol,omitempty"` // "TCP" when empty, or "UDP"
	TargetPort int    `json:"targetPort,omitempty"`
}

// Container is one process.
type Container struct {
	Image          string            `json:"image"` // "." for one that is built and named elsewhere
	Command        []string          `json:"command,omitempty"`
	Args           []string          `json:"args,omitempty"`
	Variables      map[string]string `json:"variables,omitempty"` // environment; may hold ${resources.NAME.PROPERTY}
	Files          map[string]File   `json:"files,omitempty"`     // by absolute path
	Volumes        map[string]Volume `json:"volumes,omitempty"`   // by absolute path
	Resources      *Compute          `json:"resources,omitempty"`
	LivenessProbe  *Probe            `json:"livenessProbe,omitempty"`
	ReadinessProbe *Probe            `json:"readinessProbe,omitempty"`
	Before         map[string]Before `json:"before,omitempty"`
}

// File is a file the process finds. Exactly one of Source, Content and BinaryContent is given.
type File struct {
	Mode          string `json:"mode,omitempty"` // octal
	Source        string `json:"source,omitempty"`
	Content       string `json:"content,omitempty"`
	BinaryContent string `json:"binaryContent,omitempty"` // base64
	NoExpand      bool   `json:"noExpand,omitempty"`
}

// Volume is a directory that outlives the process.
type Volume struct {
	Source   string `json:"source"`
	Path     string `json:"path,omitempty"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// Compute is what a process is given at least (Requests) and at most (Limits).
type Compute struct {
	Limits   Quantity `json:"limits,omitzero"`
	Requests Quantity `json:"requests,omitzero"`
}

// Quantity is memory ("512Mi", "2G") and processor time ("500m", "2"), as Score and Kubernetes write them.
type Quantity struct {
	Memory string `json:"memory,omitempty"`
	CPU    string `json:"cpu,omitempty"`
}

// Probe asks whether a process is well: by HTTP or by a command.
type Probe struct {
	HTTPGet *HTTPGet `json:"httpGet,omitempty"`
	Exec    *Exec    `json:"exec,omitempty"`
}

// HTTPGet is a request that a healthy process answers with success.
type HTTPGet struct {
	Path        string   `json:"path"`
	Port        int      `json:"port"`
	Host        string   `json:"host,omitempty"`
	Scheme      string   `json:"scheme,omitempty"` // "HTTP" when empty, or "HTTPS"
	HTTPHeaders []Header `json:"httpHeaders,omitempty"`
}

// Header is one header of a request.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Exec is a command that ends with 0 when all is well.
type Exec struct {
	Command []string `json:"command"`
}

// Before says how far a container must be before another one starts: "started", "healthy" or "complete".
type Before struct {
	Ready string `json:"ready"`
}

// Resource is something the workload needs. Its name is the provider's as the map calls it, where there is one.
type Resource struct {
	Type     string           `json:"type"` // one of the Type… constants
	Class    string           `json:"class,omitempty"`
	ID       string           `json:"id,omitempty"` // workloads that give the same type, class and ID share one
	Metadata ResourceMetadata `json:"metadata,omitzero"`
	Params   map[string]any   `json:"params,omitempty"`
}

// ResourceMetadata holds a resource's annotations.
type ResourceMetadata struct {
	Annotations map[string]string `json:"annotations,omitempty"`
}

// The types of resource, each with the properties a placeholder may ask for.
const (
	Postgres      = "postgres"      // host, port, database, username, password
	MySQL         = "mysql"         // host, port, database, username, password
	MongoDB       = "mongodb"       // host, port, database, username, password
	Redis         = "redis"         // host, port, username, password
	RabbitMQ      = "rabbitmq"      // host, port, username, password
	Kafka         = "kafka"         // host, port, username, password
	Elasticsearch = "elasticsearch" // host, port, username, password
	DNS           = "dns"           // host
	Route         = "route"         // host, path
	Peer          = "service"       // host, port: another service of the estate
	External      = "external"      // host, port: run by others
	Secret        = "secret"        // any key: a value that is kept elsewhere
)

// Types lists the types of resource, in the order of documentation.
func Types() []string {
	return []string{Postgres, MySQL, MongoDB, Redis, RabbitMQ, Kafka, Elasticsearch, DNS, Route, Peer, External, Secret}
}

// secretProperties are never written down where they are used, whatever the resource.
var secretProperties = map[string]bool{"password": true, "uri": true}

// IsSecret reports whether a property of a resource of a type is to be given by reference only.
func IsSecret(resourceType, property string) bool {
	return resourceType == Secret || secretProperties[property]
}

// Variable is the value of an environment variable in whichever container has it; "" when none does.
func (w Workload) Variable(name string) string {
	for _, key := range sorted(w.Containers) {
		if v, ok := w.Containers[key].Variables[name]; ok {
			return v
		}
	}
	return ""
}

// VariableNames lists the variables of all containers, sorted, each once.
func (w Workload) VariableNames() []string {
	all := map[string]bool{}
	for _, c := range w.Containers {
		for name := range c.Variables {
			all[name] = true
		}
	}
	return sorted(all)
}

// AsksFor reports whether a variable or a file of the workload holds the placeholder of a resource's property.
func (w Workload) AsksFor(resource, name string) bool {
	asked := property(resource, name)
	for _, c := range w.Containers {
		for _, v := range c.Variables {
			if strings.Contains(v, asked) {
				return true
			}
		}
		for _, f := range c.Files {
			if strings.Contains(f.Content, asked) && !f.NoExpand {
				return true
			}
		}
	}
	return false
}

// ListensOn lists the ports the process itself listens on, sorted, each once.
func (w Workload) ListensOn() []int {
	var out []int
	if w.Service == nil {
		return nil
	}
	for _, p := range w.Service.Ports {
		out = append(out, cmp.Or(p.TargetPort, p.Port))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
