package kube

import (
	"errors"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Object is one object of a cluster that runs, as JSON, under the place it is shown at.
type Object struct {
	Place string // "id-prod/shop/Deployment/orders"
	Data  []byte
}

// Live reports the objects of one cluster as their manifests would be, with places that have no lines. It keeps their order.
func Live(objects []Object, report *discover.Report) {
	own := discover.NewReport("kube")
	r := &reader{tree: noTree{}, report: own, doubted: map[string]bool{}}
	for _, o := range objects {
		doc, err := syntax.JSON(o.Data)
		if err != nil {
			own.Broken(discover.File{Path: o.Place}, 0, errors.New("the object is not understood: "+err.Error()))
			continue
		}
		if found := newObject(doc, o.Place, &source{}); found != nil {
			r.objects = append(r.objects, found)
		}
	}
	r.all()
	for _, s := range own.Sightings {
		s.Place.Line = 0
		report.Sightings = append(report.Sightings, s)
	}
	for _, d := range own.Doubts {
		if d.Topic == estate.Disconnected {
			continue // of ConfigMaps that no workload mounts: others ask the API server for theirs
		}
		d.Place.Line = 0
		report.Doubts = append(report.Doubts, d)
	}
}

// noTree is a tree without further files.
type noTree struct{}

func (noTree) Exists(string) bool         { return false }
func (noTree) Open(string) ([]byte, bool) { return nil, false }
