// Package changes is the page of what differs between two snapshots.
package changes

import (
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/shell"
)

// View is a difference with the times of both sides.
type View struct {
	depmap.Difference
	OldRead, NewRead shell.Moment
}

// Nothing tells that both are the same.
func (v View) Nothing() bool {
	return len(v.ServicesAdded)+len(v.ServicesRemoved)+len(v.ServicesChanged)+len(v.EdgesAdded)+len(v.EdgesRemoved)+len(v.EdgesChanged) == 0
}

// row is one line of a list of changes.
type row struct {
	text, note string
	service    estate.ServiceName
}

func services(all []depmap.Service) []row {
	var out []row
	for _, s := range all {
		note := string(s.Kind)
		if s.Team != "" {
			note += ", " + string(s.Team)
		}
		out = append(out, row{text: string(s.Name), note: note, service: s.Name})
	}
	return out
}

func edges(all []depmap.Edge) []row {
	var out []row
	for _, e := range all {
		note := string(e.Kind)
		if len(e.Evidence) > 0 {
			note += ", " + e.Evidence[0].Place.String()
		}
		out = append(out, row{text: string(e.From) + " → " + string(e.To), note: note})
	}
	return out
}
