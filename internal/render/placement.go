package render

import (
	"cmp"
	"encoding/json"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Placement is where a file goes on machines.
type Placement struct {
	Hosts  []Host   `json:"hosts"`            // each gets it
	Path   string   `json:"path,omitempty"`   // absolute; "" for what only people read: it is kept with its release and nowhere else
	Owner  string   `json:"owner,omitempty"`  // account; root when empty
	Group  string   `json:"group,omitempty"`  // root when empty
	Base64 bool     `json:"base64,omitempty"` // the text is, and is decoded on the machine
	Block  bool     `json:"block,omitempty"`  // it is a part of a file that others write, too, kept between two marks
	Units  []string `json:"units,omitempty"`  // that read it when they start
}

// InstallName is the name of the file that says what something needs on machines besides files, an Install as JSON. Its
// Subject is that of the files.
const InstallName = "install.json"

// Install is what something needs on its machines besides files.
type Install struct {
	Name     estate.ServiceName `json:"name"`
	Hosts    []Host             `json:"hosts"`              // in the order in which it is renewed, one after the other
	Packages []string           `json:"packages,omitempty"` // of Debian
	Users    []string           `json:"users,omitempty"`    // accounts without a home
	Private  []string           `json:"private,omitempty"`  // folders that there are, and that only root looks into
	Without  []string           `json:"without,omitempty"`  // files of packages that must not be there
	Quiet    []string           `json:"quiet,omitempty"`    // units of packages that must not run
	Units    []Unit             `json:"units,omitempty"`    // in the order in which they are started
	Others   bool               `json:"others,omitempty"`   // the units are somebody else's and run: they are started anew, for its files and when those are gone
	Secrets  []string           `json:"secrets,omitempty"`  // files that people put there before it is started
	Document string             `json:"document,omitempty"` // path in the bundle of what says so
	Health   []string           `json:"health,omitempty"`   // command that ends with 0 when it is well
	Patience int                `json:"patience"`           // seconds it is given for that
	Balance  *Balance           `json:"balance,omitempty"`
	Data     []string           `json:"data,omitempty"`   // folders that hold what it was given to keep
	Shared   []string           `json:"shared,omitempty"` // folders above those, which go with the last in them
}

// Unit is a unit of systemd.
type Unit struct {
	Name   string `json:"name"`
	Reload bool   `json:"reload,omitempty"` // takes changed files in while it runs
}

// Balance is how calls come to a machine: through servers of these backends, called as the machine is unless they are named.
type Balance struct {
	Hosts    []Host            `json:"hosts"`
	Socket   string            `json:"socket"` // HAProxy's runtime API
	Backends []string          `json:"backends"`
	Servers  map[string]string `json:"servers,omitempty"` // by machine, where they are called otherwise
	Drain    int               `json:"drain"`             // seconds that requests under way are given
}

// Server is what a machine is called in the backends.
func (b Balance) Server(machine string) string { return cmp.Or(b.Servers[machine], machine) }

// File writes an Install as a file of a bundle, for people to read, too.
func (i Install) File(path string) (File, error) {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return File{}, fault.Newf(fault.Internal, "%s: %w", path, err)
	}
	return File{Path: path, Text: string(text) + "\n", Mode: 0o644, Subject: i.Name}, nil
}

// ReadInstall reads what File wrote. Invalid when it is something else.
func ReadInstall(f File) (Install, error) {
	var i Install
	if err := json.Unmarshal([]byte(f.Text), &i); err != nil {
		return i, fault.Newf(fault.Invalid, "%s is damaged (%w); plan again", f.Path, err)
	}
	i.Name = cmp.Or(i.Name, f.Subject)
	return i, nil
}
