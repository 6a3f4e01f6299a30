// Package workspace knows caravan.yaml: what a company declares about its estate that no configuration file says. Its
// text goes in, a Workspace or every problem with its line comes out; a Workspace gives the sources to scan and the
// sightings it amounts to.
//
// It does not read the sources, and it does not decide what a declaration means for the map.
package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata" // for machines that have no time zones of their own

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// FileName is what a workspace's file is called.
const FileName = "caravan.yaml"

// Workspace is what caravan.yaml declares. Lists keep the order of the file.
type Workspace struct {
	Organisation string         `json:"organisation" jsonschema_description:"Name of the company or the part of it that is mapped."`
	Sources      []Source       `json:"sources" jsonschema:"minItems=1" jsonschema_description:"Directories that hold configuration, and code where there is any."`
	Environments []Environment  `json:"environments,omitempty" jsonschema_description:"Places where things run."`
	Teams        []Team         `json:"teams,omitempty" jsonschema_description:"Who owns what, and how they are reached."`
	Services     []Service      `json:"services,omitempty" jsonschema_description:"What the configuration says wrongly or not at all about a service, datastore or external."`
	Pools        []Pool         `json:"pools,omitempty" jsonschema_description:"Private ranges that may be divided among countries."`
	Networks     []Network      `json:"networks,omitempty" jsonschema_description:"Networks beside the environments that use private ranges: offices, partners."`
	Peerings     []Peering      `json:"peerings,omitempty" jsonschema_description:"Which networks are joined, directly or by VPN."`
	Placement    Placement      `json:"placement,omitempty" jsonschema_description:"Where datastores of a new country run: vm or kubernetes, by technology, or for all under datastores."`
	Rates        []Rate         `json:"rates,omitempty" jsonschema_description:"How often services call each other, where somebody measured it."`
	Targets      []Target       `json:"targets,omitempty" jsonschema_description:"Where steps are carried out for real, with the green light of those who own them."`
	Live         []Live         `json:"live,omitempty" jsonschema_description:"Clusters and machines that are looked at while they run, so that the map shows what is observed beside what is configured."`
	Switching    Switching      `json:"configuration,omitzero" jsonschema_description:"How services are switched to the configuration that is kept here."`
	Consent      consent.Policy `json:"consent,omitzero" jsonschema_description:"What is asked before a step of a journey may begin, beyond one green light of the team that owns it."`
	Channels     Channels       `json:"channels,omitzero" jsonschema_description:"How teams are told what concerns them: Slack, mail, a webhook."`
	SignIn       *SignIn        `json:"signin,omitempty" jsonschema_description:"The OpenID Connect provider people sign in with. Without it the portal is this machine's alone."`
	Database     string         `json:"database,omitempty" jsonschema:"pattern=^$|^postgres(ql)?://" jsonschema_description:"PostgreSQL to keep history in, as postgres://user@host/name, with the password left to PGPASSWORD or a password file. Without it, history is kept in .caravan/caravan.db beside this file."`
	Delivery     Delivery       `json:"delivery,omitzero" jsonschema_description:"How versions of services get to the environments they live in: registry, base image, order, and for how long they may differ."`
	Drift        Drift          `json:"drift,omitzero" jsonschema_description:"How much may differ between what runs and what is declared, and how long a look at an environment counts."`
	Standbys     Standbys       `json:"standby,omitzero" jsonschema_description:"Databases that keep copies of themselves: how they are reached, looked at and kept warm, and what is asked before one takes over by plan."`

	dir       string         // where it was opened; "" when it was only parsed
	lines     map[string]int // path of a value ("teams[0].owns[1]") → its line
	templates consent.Templates
}

// Source is a directory to read.
type Source struct {
	Name        string                 `json:"name" jsonschema:"pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$" jsonschema_description:"Short name; with several sources, the first part of every path."`
	Dir         string                 `json:"dir" jsonschema_description:"Directory, relative to this file."`
	Environment estate.EnvironmentName `json:"environment,omitempty" jsonschema_description:"Environment that everything in it is deployed to, unless its files say otherwise."`
	Exclude     []string               `json:"exclude,omitempty" jsonschema_description:"Folders or globs to leave out, relative to dir."`
	Kind        string                 `json:"kind,omitempty" jsonschema:"enum=config-repository" jsonschema_description:"config-repository when a configuration server hands out its files by the name of the service that asks."`
}

// ConfigRepository is the kind of a source whose files a configuration server hands out by service name.
const ConfigRepository = "config-repository"

// Environment is a place where things run.
type Environment struct {
	Name     estate.EnvironmentName `json:"name" jsonschema_description:"Name, as configuration and people use it."`
	Kind     string                 `json:"kind" jsonschema:"enum=vm,enum=kubernetes" jsonschema_description:"What it is made of."`
	Country  string                 `json:"country,omitempty" jsonschema:"pattern=^[A-Z]{2}$" jsonschema_description:"Country it stands in: two letters of ISO 3166-1, such as ID."`
	Provider string                 `json:"provider,omitempty" jsonschema_description:"Who runs the machines: a cloud or a data centre."`
	Ranges   []string               `json:"ranges,omitempty" jsonschema_description:"Private ranges it uses, as CIDR: 10.10.0.0/22."`
	Pods     *PodSpace              `json:"pods,omitempty" jsonschema_description:"Of a cluster: how its pods get addresses."`
}

// PodSpace is how a cluster that exists gives addresses to pods.
type PodSpace struct {
	Range   string `json:"range" jsonschema_description:"Private range of its pods, as CIDR."`
	Block   int    `json:"block,omitempty" jsonschema:"minimum=8,maximum=65536" jsonschema_description:"Addresses each node has for its pods; 256 when left out."`
	PerNode int    `json:"perNode,omitempty" jsonschema:"minimum=1,maximum=1024" jsonschema_description:"Most pods on one node; 110 when left out."`
	Nodes   int    `json:"nodes,omitempty" jsonschema:"minimum=1,maximum=15000" jsonschema_description:"Nodes at peak, those that come while others go included."`
}

// Pool is a private range that may be divided.
type Pool struct {
	Name      string `json:"name" jsonschema_description:"Name."`
	Range     string `json:"range" jsonschema_description:"CIDR within RFC 1918, 100.64.0.0/10 or fc00::/7."`
	Countries int    `json:"countries,omitempty" jsonschema_description:"Countries it is to last for; 16 when left out."`
}

// Network uses private ranges and is no environment.
type Network struct {
	Name   string   `json:"name" jsonschema_description:"Name."`
	Ranges []string `json:"ranges" jsonschema:"minItems=1" jsonschema_description:"Private ranges it uses, as CIDR."`
}

// Peering joins two networks or environments.
type Peering struct {
	Between   []string      `json:"between" jsonschema:"minItems=2,maxItems=2" jsonschema_description:"The two networks or environments."`
	Kind      string        `json:"kind,omitempty" jsonschema_description:"What joins them: vpn, peering, interconnect."`
	RoundTrip time.Duration `json:"rtt,omitempty" jsonschema:"type=string" jsonschema_description:"Round trip between the two, such as 9ms."`
}

// Placement is where datastores run, by technology; "datastores" stands for all.
type Placement map[string]string

// Rate is how often one service calls another.
type Rate struct {
	From      estate.ServiceName `json:"from" jsonschema_description:"Consumer."`
	To        estate.ServiceName `json:"to" jsonschema_description:"Provider."`
	PerSecond float64            `json:"perSecond" jsonschema_description:"Calls in a second, at peak."`
}

// Team owns services and datastores.
type Team struct {
	Name   estate.TeamName `json:"name" jsonschema_description:"Name, as CODEOWNERS and catalog files write it, without the organisation."`
	Mail   string          `json:"mail,omitempty" jsonschema_description:"Mail address the whole team reads."`
	Chat   string          `json:"chat,omitempty" jsonschema_description:"Chat channel, in quotes when it begins with #."`
	People []string        `json:"people,omitempty" jsonschema_description:"Mail addresses of those who may answer for the team, as they sign in."`
	Owns   []string        `json:"owns,omitempty" jsonschema_description:"Names or globs of services (orders, pg-*), or folders as in CODEOWNERS (/services/orders/)."`
}

// Service says of one service, datastore or external what its configuration does not.
type Service struct {
	Name    estate.ServiceName `json:"name" jsonschema_description:"Name by which the configuration or the people know it."`
	Aliases []string           `json:"aliases,omitempty" jsonschema_description:"Other names that mean the same: host names, DNS names, IP addresses."`
	Kind    estate.Kind        `json:"kind,omitempty" jsonschema:"enum=service,enum=datastore,enum=external,enum=host" jsonschema_description:"What it is; service when left out."`
	Team    estate.TeamName    `json:"team,omitempty" jsonschema_description:"Team that owns it."`
	Ignore  bool               `json:"ignore,omitempty" jsonschema_description:"True to leave it out of the map."`
}

// Open reads the workspace in a directory. NotFound when there is none; Invalid, with a line for each problem, when it
// says something that cannot be.
func Open(dir string) (Workspace, error) {
	name := filepath.Join(dir, FileName)
	data, err := readFile(name)
	if err != nil {
		return Workspace{}, err
	}
	w, r := parse(data, name)
	w.dir = dir
	for i, s := range w.Sources {
		directory(r, dir, s.Dir, fmt.Sprintf("sources[%d].dir", i))
	}
	if err := r.Err(); err != nil {
		return Workspace{}, err
	}
	w.templates, err = readTemplates(dir)
	return w, err
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Newf(fault.NotFound, "%s: no such workspace; run caravan init to begin one", name)
	case err != nil:
		return nil, fault.Newf(fault.Unavailable, "%w; make the file readable", err)
	case !info.Mode().IsRegular():
		return nil, fault.Newf(fault.Invalid, "%s: not a regular file; put the workspace's text there", name)
	case info.Size() > syntax.MaxBytes:
		return nil, fault.Newf(fault.Invalid, "%s: larger than %d MiB; a workspace is a page or two", name, syntax.MaxBytes>>20)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "%w; make the file readable", err)
	}
	return data, nil
}

// Find is the directory of the workspace that dir lies in: dir itself or the nearest one above it that has a
// caravan.yaml. NotFound when there is none.
func Find(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "find the workspace: %w; change to a directory that exists", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, FileName)); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fault.Newf(fault.NotFound, "no %s in %s or above it; run caravan init there, or name a directory to map", FileName, start)
		}
	}
}

// place is where the file says something; path is like "teams[0].owns[1]".
func (w Workspace) place(path string) estate.Place {
	return estate.Place{File: FileName, Line: w.lines[path]}
}
