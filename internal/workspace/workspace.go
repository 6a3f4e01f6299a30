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

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// FileName is what a workspace's file is called.
const FileName = "caravan.yaml"

// Workspace is what caravan.yaml declares. Lists keep the order of the file.
type Workspace struct {
	Organisation string        `json:"organisation" jsonschema_description:"Name of the company or the part of it that is mapped."`
	Sources      []Source      `json:"sources" jsonschema:"minItems=1" jsonschema_description:"Directories that hold configuration, and code where there is any."`
	Environments []Environment `json:"environments,omitempty" jsonschema_description:"Places where things run."`
	Teams        []Team        `json:"teams,omitempty" jsonschema_description:"Who owns what, and how they are reached."`
	Services     []Service     `json:"services,omitempty" jsonschema_description:"What the configuration says wrongly or not at all about a service, datastore or external."`
	Database     string        `json:"database,omitempty" jsonschema:"pattern=^$|^postgres(ql)?://" jsonschema_description:"PostgreSQL to keep history in, as postgres://user@host/name, with the password left to PGPASSWORD or a password file. Without it, history is kept in .caravan/caravan.db beside this file."`

	dir   string         // where it was opened; "" when it was only parsed
	lines map[string]int // path of a value ("teams[0].owns[1]") → its line
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
}

// Team owns services and datastores.
type Team struct {
	Name estate.TeamName `json:"name" jsonschema_description:"Name, as CODEOWNERS and catalog files write it, without the organisation."`
	Mail string          `json:"mail,omitempty" jsonschema_description:"Mail address the whole team reads."`
	Chat string          `json:"chat,omitempty" jsonschema_description:"Chat channel, in quotes when it begins with #."`
	Owns []string        `json:"owns,omitempty" jsonschema_description:"Names or globs of services (orders, pg-*), or folders as in CODEOWNERS (/services/orders/)."`
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
	data, err := read(name)
	if err != nil {
		return Workspace{}, err
	}
	p := &parser{file: name}
	w := p.parse(data)
	w.dir = dir
	for i, s := range w.Sources {
		p.directory(dir, s.Dir, fmt.Sprintf("sources[%d].dir", i))
	}
	if err := p.err(); err != nil {
		return Workspace{}, err
	}
	return w, nil
}

func read(name string) ([]byte, error) {
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
