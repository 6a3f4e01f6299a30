package expansion

import (
	"slices"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// Proposal is the answer to an Expansion: everything that is to be done for a country, and why. Lists are sorted by
// name unless said otherwise, so equal input gives equal bytes.
type Proposal struct {
	Digest        estate.Digest          `json:"digest"` // of everything below
	Expansion     string                 `json:"expansion"`
	Organisation  string                 `json:"organisation"`
	Country       string                 `json:"country"`
	Source        estate.EnvironmentName `json:"source"`
	Map           estate.Digest          `json:"map"` // of the graph it was planned from
	Environments  []Environment          `json:"environments"`
	Substitutions Substitutions          `json:"substitutions,omitzero"`
	Members       []Member               `json:"members"`
	Cuts          []Cut                  `json:"cuts,omitempty"`     // by consumer, then provider
	Optional      []Spared               `json:"optional,omitempty"` // by consumer, then provider
	Datastores    []Datastore            `json:"datastores,omitempty"`
	Stubs         []StubPlan             `json:"stubs,omitempty"`
	Addresses     []Lease                `json:"addresses,omitempty"` // by holder
	Waves         []Wave                 `json:"waves"`
	Questions     []workload.Question    `json:"questions,omitempty"`
}

// Member is a service that comes along.
type Member struct {
	Name      estate.ServiceName       `json:"name"`
	Team      estate.TeamName          `json:"team,omitempty"`
	Reasons   []Reason                 `json:"reasons"` // why it comes, strongest first
	Path      []estate.ServiceName     `json:"path"`    // from something wanted to it
	Routes    []string                 `json:"routes,omitempty"`
	In        []estate.EnvironmentName `json:"in"`
	Workload  workload.Workload        `json:"workload"`
	Own       bool                     `json:"own,omitempty"` // the workload is the team's own file; else it is proposed from what was seen
	Uses      []Use                    `json:"uses,omitempty"`
	Variables map[string]Value         `json:"variables,omitempty"` // what substitutions change
	Given     []Given                  `json:"given,omitempty"`     // what configuration says, by environment
	Wave      int                      `json:"wave"`
}

// Public is the host name under which people outside reach the service; "" when nobody does.
func (m Member) Public() string { return m.Workload.Metadata.Annotations[workload.AnnotationPublic] }

// Reason is one reason with the line it rests on, if there is one.
type Reason struct {
	Text  string       `json:"text"`
	Place estate.Place `json:"place,omitzero"`
}

// Use is something a member needs, and what answers in the new country.
type Use struct {
	Name  estate.ServiceName `json:"name"`
	Type  string             `json:"type"` // of resource
	Fate  Fate               `json:"fate,omitempty"`
	Here  bool               `json:"here"`           // it comes along
	With  string             `json:"with,omitempty"` // replace: what takes its place; call-back: what calls go through
	Host  string             `json:"host,omitempty"` // call-back: its name where it is today
	Kinds []depmap.EdgeKind  `json:"kinds"`
	Port  int                `json:"port,omitempty"`
}

// Given is what configuration gives a member in one of its environments, beyond its workload. Substitutions win over it.
type Given struct {
	In        estate.EnvironmentName  `json:"in"`
	Variables map[string]string       `json:"variables,omitempty"`
	Files     map[string]string       `json:"files,omitempty"`   // content by absolute path
	Unset     []string                `json:"unset,omitempty"`   // variables of the workload that are taken away
	Origins   map[string]estate.Place `json:"origins,omitempty"` // by key
}

// Value is a variable's value in this country, with the reason it differs.
type Value struct {
	Value string `json:"value"`
	Why   Reason `json:"why"`
}

// Cut is an edge whose far end is not among the members.
type Cut struct {
	From      estate.ServiceName `json:"from"`
	To        estate.ServiceName `json:"to"`
	External  bool               `json:"external,omitempty"` // run by others
	Team      estate.TeamName    `json:"team,omitempty"`     // of the far end
	Kinds     []depmap.EdgeKind  `json:"kinds"`
	Proof     depmap.Evidence    `json:"proof"`
	Cost      Cost               `json:"cost"`
	Brings    *Reach             `json:"brings,omitempty"`    // services that would come too if it were cloned, the far end first; nothing for what cannot be
	Forbidden map[Fate]string    `json:"forbidden,omitempty"` // decisions that are not allowed, with the reason
	Decision  *Decision          `json:"decision,omitempty"`
	Place     estate.Place       `json:"place,omitzero"`  // of the decision
	Lacks     string             `json:"lacks,omitempty"` // what must still be done before the decision is in effect; "" when it is
}

// Cost is what a cut edge costs if calls still go to where the far end is today.
type Cost struct {
	CallsPerSecond *float64      `json:"callsPerSecond,omitempty"` // nothing when unknown
	RoundTrip      time.Duration `json:"roundTrip,omitempty"`      // added to each call, in nanoseconds; 0 when unknown
	Residency      string        `json:"residency,omitempty"`      // the rule that data sent over it would break
	Coupled        Reach         `json:"coupled"`                  // members that fail when the far end does, the consumer first
}

// Spared is an edge that only routes need which do not come.
type Spared struct {
	From   estate.ServiceName `json:"from"`
	To     estate.ServiceName `json:"to"`
	Routes []string           `json:"routes"`
	Proof  depmap.Evidence    `json:"proof"`
}

// Datastore is a database, cache or broker of the new country.
type Datastore struct {
	Name       estate.ServiceName     `json:"name"`
	Team       estate.TeamName        `json:"team,omitempty"`
	Technology string                 `json:"technology"`
	Port       int                    `json:"port"`
	For        []estate.ServiceName   `json:"for"`
	Content    Content                `json:"content"`
	Because    Reason                 `json:"because"`       // of the content
	Said       Reason                 `json:"said,omitzero"` // why the expansion wants it as it does, when somebody wrote it down
	In         estate.EnvironmentName `json:"in"`
	Placement  Placement              `json:"placement"`
	Instances  int                    `json:"instances"`
	Storage    string                 `json:"storage,omitempty"`
	Memory     string                 `json:"memory"`
	Databases  []Database             `json:"databases,omitempty"`
	Pooled     render.Pooling         `json:"pooled,omitempty"`    // how PgBouncer before the primary lends its connections; "" when there is none
	Logins     int                    `json:"logins,omitempty"`    // accounts of each service; one when 0
	Followers  []string               `json:"followers,omitempty"` // ranges from which another server may follow it
	// VirtualHosts are those of a broker that its services name.
	VirtualHosts []string `json:"virtualHosts,omitempty"`
	Residency    string   `json:"residency,omitempty"` // the rule that keeps its data in the country
	Wave         int      `json:"wave"`
}

// Database is one database of a server, for one service.
type Database struct {
	Name string             `json:"name"`
	For  estate.ServiceName `json:"for"`
}

// Placement is where a datastore runs, by points for and against.
type Placement struct {
	Kind       string  `json:"kind"` // "vm" or "kubernetes"
	VM         int     `json:"vm"`   // points
	Kubernetes int     `json:"kubernetes"`
	Points     []Point `json:"points"`
	WayBack    string  `json:"wayBack"` // how it is moved to the other kind later
}

// Point is one reason for a placement.
type Point struct {
	For    string       `json:"for"` // "vm" or "kubernetes"
	Points int          `json:"points"`
	Text   string       `json:"text"`
	Place  estate.Place `json:"place,omitzero"`
}

// StubPlan is a service whose answers are canned.
type StubPlan struct {
	Name    estate.ServiceName     `json:"name"`
	Port    int                    `json:"port"`
	Answers []Answer               `json:"answers"`
	For     []estate.ServiceName   `json:"for"`
	In      estate.EnvironmentName `json:"in"`
}

// The first waves are alike in every country; services follow from ServicesWave on.
const (
	RangesWave   = 1 // ranges of addresses become live
	AccessWave   = 2 // namespaces, rights and machines
	DataWave     = 3 // datastores, stubs, and what services are configured with
	ServicesWave = 4
)

// Wave is what moves together: datastores and stubs first, then services whose providers are there.
type Wave struct {
	Number   int                  `json:"number"` // from DataWave
	Services []estate.ServiceName `json:"services"`
}

// Answers reports decisions that decide nothing in the proposal they were made for: NotFound, naming the edge that is not cut.
func (p Proposal) Answers(decisions []Decision) error {
	for _, d := range decisions {
		if d.Decide == Clone { // what was cut comes along now
			continue
		}
		if !slices.ContainsFunc(p.Cuts, func(c Cut) bool { return c.Decision != nil && c.Decision.To == d.To && c.Decision.From == d.From }) {
			return p.NothingCut(d)
		}
	}
	return nil
}

// NothingCut is the fault of a decision that decides nothing.
func (p Proposal) NothingCut(d Decision) error {
	return fault.Newf(fault.NotFound, "%s: nothing of that kind is cut, so there is nothing to decide; caravan plan %s lists what is", d.Edge(), p.Expansion)
}

// Undecided lists the edges that still need a decision.
func (p Proposal) Undecided() []Cut {
	var out []Cut
	for _, c := range p.Cuts {
		if c.Decision == nil {
			out = append(out, c)
		}
	}
	return out
}

// NotInEffect lists the edges that are decided, and where something is still to be done before the decision holds.
func (p Proposal) NotInEffect() []Cut {
	var out []Cut
	for _, c := range p.Cuts {
		if c.Decision != nil && c.Lacks != "" {
			out = append(out, c)
		}
	}
	return out
}

// Member is the service of that name, if it comes along.
func (p Proposal) Member(name estate.ServiceName) (Member, bool) {
	for _, m := range p.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}
