package estate

import "time"

// Snapshot is one picture of what runs, made by Merge. Components are sorted by name and every list inside by
// place, so equal sightings give equal bytes.
type Snapshot struct {
	Components []Component `json:"components"`
	Records    []Record    `json:"records,omitempty"`
	Ranges     []Range     `json:"ranges,omitempty"`
	Teams      []Team      `json:"teams,omitempty"`
	Looks      []Look      `json:"looks,omitempty"` // what was looked at while it ran, by name
	Flows      []Flow      `json:"flows,omitempty"` // connections that were seen
	Doubts     []Doubt     `json:"doubts,omitempty"`
	Files      int         `json:"files"` // seen by the scan
	Read       int         `json:"read"`  // opened by it
}

// Component is one thing that runs, under all the names it was seen with.
type Component struct {
	Name         ServiceName       `json:"name"`
	Kind         Kind              `json:"kind"`
	Technology   string            `json:"technology,omitempty"` // "postgres", "nginx", "spring-boot" …, when known
	Role         string            `json:"role,omitempty"`       // "config", "registry", "gateway", "broker", "monitoring" …, when known
	Team         TeamName          `json:"team,omitempty"`
	TeamFrom     string            `json:"teamFrom,omitempty"` // "codeowners CODEOWNERS:12"
	Environments []EnvironmentName `json:"environments,omitempty"`
	Hosts        []ServiceName     `json:"hosts,omitempty"`
	Folders      []string          `json:"folders,omitempty"` // modules that build it
	Names        []Alias           `json:"names"`
	Listens      []Listen          `json:"listens,omitempty"`
	Settings     []Setting         `json:"settings,omitempty"`
	Process      []Trait           `json:"process,omitempty"` // how it is started and kept
	Links        []Link            `json:"links,omitempty"`
	Libraries    []Library         `json:"libraries,omitempty"`
	Mentions     []Mention         `json:"mentions,omitempty"`
	Places       []Place           `json:"places,omitempty"` // where it is declared to run
}

// Alias is one of a component's names. Kind is a Name… constant.
type Alias struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
	Place Place  `json:"place"`
}

// Listen is a port a component accepts connections on. Via is "container", "published" or "vip".
type Listen struct {
	Port  int    `json:"port"`
	Via   string `json:"via"`
	Place Place  `json:"place"`
}

// Trait is one thing known of a component's process. Key is a Process… constant.
type Trait struct {
	Key         string          `json:"key"`
	Value       string          `json:"value"`
	Environment EnvironmentName `json:"environment,omitempty"`
	Place       Place           `json:"place"`
	By          ReaderName      `json:"by"`
}

// Setting is one configured value. Shared settings come from a file that several components read.
type Setting struct {
	Key         string          `json:"key"`
	Value       string          `json:"value"`
	Profile     string          `json:"profile,omitempty"`
	Layer       string          `json:"layer,omitempty"`
	Environment EnvironmentName `json:"environment,omitempty"`
	Shared      bool            `json:"shared,omitempty"`
	Place       Place           `json:"place"`
	By          ReaderName      `json:"by"`
}

// LayerConfigurationServer is the Layer of settings that a configuration server hands out.
const LayerConfigurationServer = "configuration server"

// LayerMounted is the Layer of settings in files that a cluster mounts into a workload.
const LayerMounted = "mounted"

// Link is a declared use of something. Why is a Link… constant.
type Link struct {
	Why         string          `json:"why"`
	Target      string          `json:"target"`
	Layer       string          `json:"layer,omitempty"`
	Environment EnvironmentName `json:"environment,omitempty"`
	Place       Place           `json:"place"`
}

// Library is a client library on a component's build path.
type Library struct {
	Coordinate string `json:"coordinate"`
	Place      Place  `json:"place"`
}

// Mention is a reference from source code. What is a Code… constant.
type Mention struct {
	What  string `json:"what"`
	Value string `json:"value"`
	Place Place  `json:"place"`
}

// Record is a name record: Name resolves to Target in Environment, or everywhere when that is empty.
type Record struct {
	Name        string          `json:"name"`
	Target      string          `json:"target"`
	Environment EnvironmentName `json:"environment,omitempty"`
	Place       Place           `json:"place"`
}

// Range is a range of addresses of a network, as CIDR.
type Range struct {
	Network     string          `json:"network"`
	Prefix      string          `json:"prefix"`
	Environment EnvironmentName `json:"environment,omitempty"`
	Place       Place           `json:"place"`
}

// Look says when a host, or a workload of a cluster, was last looked at: all of its connections were listed.
type Look struct {
	Component   ServiceName     `json:"component"`
	Environment EnvironmentName `json:"environment,omitempty"`
	At          time.Time       `json:"at"`
	Place       Place           `json:"place"`
}

// Flow is connections that were open from one place to another at one time. From is empty when only the machine is known, To
// when nobody was seen at the address.
type Flow struct {
	From        ServiceName     `json:"from,omitempty"`    // component
	Host        ServiceName     `json:"host,omitempty"`    // machine it ran on
	Peer        string          `json:"peer,omitempty"`    // the address it came from, when nobody is known to have it
	Process     string          `json:"process,omitempty"` // unit or container
	Address     string          `json:"address"`           // ip:port they led to
	To          ServiceName     `json:"to,omitempty"`      // component that was seen listening there
	Names       []ServiceName   `json:"names,omitempty"`   // that led to the address, of what lies outside
	Count       int             `json:"count"`             // of connections
	Environment EnvironmentName `json:"environment,omitempty"`
	At          time.Time       `json:"at"`
	Place       Place           `json:"place"`
}

// Team owns components. Contacts are "mail:…", "chat:…".
type Team struct {
	Name     TeamName `json:"name"`
	Contacts []string `json:"contacts,omitempty"`
}
