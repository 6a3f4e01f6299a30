// Package expansions is the page that lists the countries a workspace wants to open: what each is made of, what it
// waits for, and how to begin one.
package expansions

import (
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/shell"
)

// Line is one expansion.
type Line struct {
	Name      string
	Country   string
	Source    estate.EnvironmentName
	Services  int // that come along
	Undecided int
	Written   int // steps that are in place as planned
	Steps     int
	Problem   string // why it cannot be planned; "" when it can
}

// State is where an expansion stands, in words.
func (l Line) State() string {
	switch {
	case l.Problem != "":
		return "cannot be planned"
	case l.Undecided > 0:
		return shell.Count(l.Undecided, "edge") + " to decide"
	case l.Steps > 0 && l.Written == l.Steps:
		return "written"
	}
	return "decided"
}

// class is how the state looks.
func (l Line) class() string {
	switch {
	case l.Problem != "":
		return "bad"
	case l.Undecided > 0:
		return "open"
	}
	return "good"
}
