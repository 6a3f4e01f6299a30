package machine

import (
	"strings"

	"example.org/caravan/internal/discover/process"
)

// Unit is a service unit as systemd keeps it.
type Unit struct {
	Name     string // without ".service"
	Active   string // "active", "failed" …
	State    string // "running", "exited" …
	Restarts int    // times it was started anew by itself
	Fragment string // its file
	Settings []process.Trait
}

// units reads systemctl show: Key=Value lines, with an empty one between units.
func units(text string) []Unit {
	var out []Unit
	u := Unit{}
	end := func() {
		if u.Name != "" && len(out) < maxUnits && (u.Active == "active" || u.Active == "failed" || u.Active == "activating") {
			out = append(out, u)
		}
		u = Unit{}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "":
			end()
		case ok && len(line) < maxLine:
			u.set(key, value)
		}
	}
	end()
	return out
}

func (u *Unit) set(key, value string) {
	switch key {
	case "Id":
		u.Name = strings.TrimSuffix(value, ".service")
	case "ActiveState":
		u.Active = value
	case "SubState":
		u.State = value
	case "NRestarts":
		u.Restarts = whole(value)
	case "FragmentPath":
		u.Fragment = value
	case "ExecStart":
		if command, ok := argv(value); ok {
			u.Settings = append(u.Settings, process.OfUnit(key, command)...)
		}
	case "EnvironmentFiles":
		file, _, _ := strings.Cut(value, " (")
		u.Settings = append(u.Settings, process.OfUnit("EnvironmentFile", file)...)
	case "User", "WorkingDirectory", "MemoryMax":
		if value != "infinity" && value != "[not set]" {
			u.Settings = append(u.Settings, process.OfUnit(key, strings.TrimPrefix(value, "!"))...)
		}
	}
}

// argv is the command line in "{ path=/usr/bin/x ; argv[]=/usr/bin/x -a ; ignore_errors=no ; … }".
func argv(text string) (string, bool) {
	_, rest, ok := strings.Cut(text, "argv[]=")
	if !ok {
		return "", false
	}
	command, _, ok := strings.Cut(rest, " ; ignore_errors=")
	return command, ok
}
