// Package catalog reads what people wrote down about their services: Backstage catalogs, OpsLevel and Cortex files and
// Score workloads. Out come services and datastores with their owners, what each is declared to use, and how to
// reach a team.
//
// It reads all files together, because an API's consumers and its provider are usually in different ones. What a
// catalog says is a person's word: it carries no address.
package catalog

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of service catalogs.
func Format() discover.Format {
	return discover.Format{Name: "catalog", Wants: wants, Claims: claims, ReadTree: read}
}

func wants(p string) bool {
	ext := path.Ext(p)
	return ext == ".yaml" || ext == ".yml"
}

// dialect is whose catalog a file is written for.
type dialect uint8

const (
	none dialect = iota
	backstage
	opslevel
	cortex
	score
)

func claims(f discover.File) discover.Claim {
	if dialectOf(f) == none {
		return discover.No
	}
	return discover.Owns
}

func dialectOf(f discover.File) dialect {
	base := strings.TrimSuffix(strings.TrimSuffix(f.Base(), ".yml"), ".yaml")
	switch {
	case base == "opslevel":
		return opslevel
	case bytes.Contains(f.Data, []byte("x-cortex-tag")):
		return cortex
	case bytes.Contains(f.Data, []byte("apiVersion: score.dev/")):
		return score
	case bytes.Contains(f.Data, []byte("backstage.io/v1")) && bytes.Contains(f.Data, []byte("\nkind:")) || bytes.HasPrefix(f.Data, []byte("kind:")) && bytes.Contains(f.Data, []byte("apiVersion: backstage.io/")):
		return backstage
	}
	return none
}

// document is one YAML document of a file.
type document struct {
	file discover.File
	root syntax.Node
	lone bool // the only document that runs in its file
}

func read(files []discover.File, _ discover.Tree, r *discover.Report) {
	b := &book{report: r, providers: map[string][]string{}, systems: map[string]syntax.Node{}}
	for _, f := range files {
		docs, err := syntax.YAML(f.Data)
		if err != nil {
			r.Broken(f, syntax.LineOf(err), err)
		}
		kind := dialectOf(f)
		lone := len(docs) == 1 || components(docs) == 1
		for _, root := range docs {
			d := document{file: f, root: root, lone: lone}
			switch kind {
			case backstage:
				b.entities = append(b.entities, d)
			case opslevel:
				readOpsLevel(d, r)
			case cortex:
				readCortex(d, r)
			case score:
				readScore(d, r)
			}
		}
	}
	b.read()
}

func components(docs []syntax.Node) int {
	n := 0
	for _, d := range docs {
		if strings.EqualFold(d.Get("kind").Value, "component") {
			n++
		}
	}
	return n
}

// entry writes sightings about one subject of one file.
type entry struct {
	report  *discover.Report
	subject estate.Subject
	file    string
}

func (e entry) see(fact estate.Fact, key, value string, at syntax.Node) {
	e.report.See(estate.Sighting{Fact: fact, Subject: e.subject, Key: key, Value: value, Place: estate.Place{File: e.file, Line: at.Line}})
}

// built says that the folder of a file holds the component, when the file describes nothing else.
func (e entry) built(d document, at syntax.Node) {
	if d.lone {
		e.see(estate.Called, estate.NameBuild, d.file.Dir(), at)
	}
}

func (e entry) owned(owner syntax.Node) {
	if _, name := parseRef(owner.Value); owner.Kind == syntax.Scalar && name != "" {
		e.see(estate.Owns, "catalog", name, owner)
	}
}

// parseRef reads "component:default/orders", "default/orders" and "orders" into kind and name.
func parseRef(ref string) (kind, name string) {
	name = ref
	if before, after, ok := strings.Cut(ref, ":"); ok {
		kind, name = strings.ToLower(before), after
	}
	return kind, name[strings.LastIndexByte(name, '/')+1:]
}

// technologies that a resource's type, tags or name may tell, by the word that tells it.
var technologies = map[string]string{
	"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "redis": "redis", "mongodb": "mongodb", "mongo": "mongodb",
	"rabbitmq": "rabbitmq", "amqp": "rabbitmq", "kafka": "kafka", "elasticsearch": "elasticsearch", "opensearch": "elasticsearch", "memcached": "memcached",
	"cassandra": "cassandra", "nats": "nats", "s3": "s3", "mssql": "mssql", "dynamodb": "dynamodb", "clickhouse": "clickhouse",
}

func technologyOf(words ...string) string {
	for _, word := range words {
		for _, part := range strings.FieldsFunc(strings.ToLower(word), func(c rune) bool { return c == '-' || c == '_' || c == ' ' || c == '.' || c == ':' }) {
			if t := technologies[part]; t != "" {
				return t
			}
		}
	}
	return ""
}
