// Package estate holds the words of Caravan: what runs, who owns it and where each fact was seen.
//
// A reader produces Sightings and Doubts; Merge (merge.go) joins them into one Snapshot. Nothing here
// reads files, knows a clock or talks to anyone: equal sightings give an equal snapshot, to the byte.
package estate

import "fmt"

// Identifiers have types of their own, so that one cannot be passed for another.
//
//nolint:revive // the comment is about all of them
type (
	ServiceName     string // a service, datastore, external or host, as Caravan calls it
	TeamName        string
	EnvironmentName string
	ReaderName      string // the reader that saw a fact: "spring", "compose", …
	Digest          string // "sha256:" and 64 hexadecimal digits
)

// Place is where a fact was seen. File is a slash-separated path relative to the source's root;
// Line counts from 1, 0 when the whole file is meant.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Compare orders places by file, then line.
func (p Place) Compare(q Place) int {
	if p.File != q.File {
		if p.File < q.File {
			return -1
		}
		return 1
	}
	return p.Line - q.Line
}

// Kind is what a component of the estate is.
type Kind string

// The kinds of component.
const (
	Service   Kind = "service"
	Datastore Kind = "datastore"
	External  Kind = "external"
	Host      Kind = "host"
)

// TechnologyNode is the technology of a host that is a node of a Kubernetes cluster: its pods come and go, and any of them may be
// behind its address.
const TechnologyNode = "kubernetes-node"

// Doubt is a question only an owner can answer, or something that could not be read.
type Doubt struct {
	Place Place       `json:"place"`
	Topic DoubtTopic  `json:"topic"`
	About ServiceName `json:"about,omitempty"` // the component concerned, when known
	Text  string      `json:"text"`            // one line: what is unclear and what would settle it
	By    ReaderName  `json:"by,omitempty"`
}

// DoubtTopic groups doubts of one sort.
type DoubtTopic string

// The topics of doubts.
const (
	Unreadable   DoubtTopic = "unreadable"   // a file, folder or host that could not be read
	Unparsable   DoubtTopic = "unparsable"   // read, but not in the format it claims
	Unresolved   DoubtTopic = "unresolved"   // a name or placeholder that leads nowhere
	Ambiguous    DoubtTopic = "ambiguous"    // more than one answer
	Conflicting  DoubtTopic = "conflicting"  // two sources say different things
	Unowned      DoubtTopic = "unowned"      // no team owns it
	Unsupported  DoubtTopic = "unsupported"  // understood to be something this reader cannot evaluate
	Unconfigured DoubtTopic = "unconfigured" // seen running, and no configuration says so
	Disconnected DoubtTopic = "disconnected" // nothing uses it and it uses nothing
)
