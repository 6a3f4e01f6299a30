package kube

import (
	"errors"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// chart reports what a Helm chart says without being rendered: its name, what it depends on, the variables among its values.
// A chart of several workloads is none of them.
func (r *reader) chart(f discover.File, templated, several bool) {
	docs, err := syntax.YAML(f.Data)
	if err != nil {
		r.report.Broken(f, syntax.LineOf(err), errors.New("not read to its end as a chart; mend the YAML: "+err.Error()))
	}
	if len(docs) == 0 {
		return
	}
	chart, name := docs[0], docs[0].Get("name")
	if name.Value == "" {
		return
	}
	key := "runnable"
	if several || chart.Get("type").Value == "library" {
		key = "library"
	}
	at := estate.At(f.Dir())
	r.report.See(estate.Sighting{Fact: estate.Module, Subject: at, Key: key, Value: name.Value, Place: estate.Place{File: f.Path, Line: name.Line}})
	r.dependencies(at, f.Path, chart)
	if old := r.values(path.Join(f.Dir(), "requirements.yaml")); old.Kind == syntax.Map {
		r.dependencies(at, path.Join(f.Dir(), "requirements.yaml"), old)
	}
	values := path.Join(f.Dir(), "values.yaml")
	r.variables(at, values, r.values(values), 0)
	if templated {
		r.report.Doubt(estate.Unsupported, estate.Place{File: f.Path}, "the chart's templates were not read; render it with helm template and scan the output")
	}
}

// values parses a file beside a chart, if there is one.
func (r *reader) values(name string) syntax.Node {
	data, ok := r.tree.Open(name)
	if !ok {
		return syntax.Node{}
	}
	docs, err := syntax.YAML(data)
	if err != nil {
		r.report.Broken(discover.File{Path: name}, syntax.LineOf(err), errors.New("not read to its end; mend the YAML: "+err.Error()))
	}
	if len(docs) == 0 {
		return syntax.Node{}
	}
	return docs[0]
}

// dependencies reports the charts a chart brings along. Those called common only lend templates.
func (r *reader) dependencies(at estate.Subject, file string, chart syntax.Node) {
	for _, d := range chart.Get("dependencies").Items {
		name := d.Get("name")
		if alias := d.Get("alias"); alias.Value != "" {
			name = alias
		}
		if name.Value != "" && name.Value != "common" {
			r.report.See(estate.Sighting{Fact: estate.Links, Subject: at, Key: estate.LinkDeclared, Value: name.Value, Place: estate.Place{File: file, Line: name.Line}})
		}
	}
}

// variables reports what stands under keys such as env or extraEnv: name and value pairs, or a map.
func (r *reader) variables(at estate.Subject, file string, n syntax.Node, depth int) {
	if depth > syntax.MaxDepth {
		return
	}
	for _, p := range n.Pairs {
		if !strings.Contains(strings.ToLower(p.Key), "env") {
			r.variables(at, file, p.Value, depth+1)
			continue
		}
		for _, v := range p.Value.Pairs {
			r.chartVariable(at, file, v.Key, v.Value)
		}
		for _, item := range p.Value.Items {
			r.chartVariable(at, file, item.Get("name").Value, item.Get("value"))
		}
	}
	for _, item := range n.Items {
		r.variables(at, file, item, depth+1)
	}
}

func (r *reader) chartVariable(at estate.Subject, file, key string, value syntax.Node) {
	if key != "" && value.Kind == syntax.Scalar {
		r.report.See(estate.Sighting{Fact: estate.Sets, Subject: at, Key: key, Value: value.Value, Place: estate.Place{File: file, Line: value.Line}})
	}
}

// strayTemplate asks about a template whose chart is not in the tree; with the chart one question for all is enough.
func (r *reader) strayTemplate(f discover.File, files []discover.File) {
	chart, _, _ := strings.Cut("/"+f.Path, "/templates/")
	chart = strings.TrimPrefix(chart+"/Chart.yaml", "/")
	for _, other := range files {
		if other.Path == chart {
			return
		}
	}
	r.report.Doubt(estate.Unsupported, estate.Place{File: f.Path}, "a template, which was not read; render it and scan the output")
}
