package expansion

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
	"example.org/caravan/internal/workload"
)

// storeName is what a new datastore may be called: what names its objects in a cluster, its files on machines and its resource in workloads.
var storeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}[a-z0-9]$`)

// derived are the ends of names that are made of a datastore's own, for what is around it.
var derived = []string{"-accounts", "-config", "-failover", "-nodes", "-pool", "-primary", "-server", "-standby", "-standbys", "-sync"}

// mostInstances is how many instances of a datastore an expansion may ask for.
const mostInstances = 9

// CheckNew reports what a new datastore of a type of resource cannot be asked for with.
func (s StorePlan) CheckNew(resourceType string) error {
	_, makes := newTypes[resourceType]
	switch {
	case !makes:
		return fault.Newf(fault.Invalid, "no datastore of type %q is made; write postgres or redis", resourceType)
	case !storeName.MatchString(string(s.Name)):
		return fault.Newf(fault.Invalid, "%q cannot name a datastore; take 2 to 42 lower case letters, digits and dashes, a letter first", string(s.Name))
	case slices.ContainsFunc(derived, func(end string) bool { return strings.HasSuffix(string(s.Name), end) }):
		return fault.Newf(fault.Invalid, "%q ends like the name of something that is made beside a datastore; take a name that ends in none of %s", string(s.Name), strings.Join(derived, ", "))
	case s.Placement != "" && s.Placement != "vm" && s.Placement != "kubernetes":
		return fault.Newf(fault.Invalid, "placement %q is none; write vm or kubernetes, or leave it out and planning chooses", s.Placement)
	case s.Instances < 0 || s.Instances > mostInstances:
		return fault.Newf(fault.Invalid, "%d instances are none; write a number from 1 to %d", s.Instances, mostInstances)
	case s.Pooled != "" && resourceType != workload.Postgres:
		return fault.Newf(fault.Invalid, "PgBouncer stands before PostgreSQL alone; leave out pooled")
	}
	for what, amount := range map[string]string{"storage": s.Storage, "memory": s.Memory} {
		if amount != "" && !amountForm.MatchString(amount) {
			return fault.Newf(fault.Invalid, "%s %q is not an amount; write it as 50Gi", what, amount)
		}
	}
	return nil
}

// AddStore writes what is wanted of one more datastore into the text of an expansion and leaves everything else as it is, comments included. Conflict when it is there
// already, or the file is laid out in a way that cannot be added to.
func AddStore(data []byte, name, file string, s StorePlan) ([]byte, error) {
	before, err := Parse(data, name, file)
	if err != nil {
		return nil, err
	}
	for _, v := range before.Datastores {
		if v.Name == s.Name {
			return nil, fault.Newf(fault.Conflict, "%s plans %s already; edit it there", file, s.Name)
		}
	}
	by := fault.Newf(fault.Conflict, "%s: its datastores are laid out in a way that cannot be added to; write %s there yourself", file, s.Name)
	docs, err := syntax.YAML(data)
	if err != nil || len(docs) != 1 {
		return nil, by
	}
	text, ok := document.Added(data, docs[0], "datastores", s.lines())
	if !ok {
		return nil, by
	}
	after, err := Parse(text, name, file)
	if err != nil {
		return nil, err
	}
	if !cmp.Equal(append(before.Datastores[:len(before.Datastores):len(before.Datastores)], s), after.Datastores) {
		return nil, by
	}
	return text, nil
}

// lines is what is wanted of a datastore as an item of a YAML list.
func (s StorePlan) lines() []string {
	out := []string{"- name: " + document.Scalar(string(s.Name))}
	add := func(key, value string) {
		if value != "" {
			out = append(out, "  "+key+": "+value)
		}
	}
	text := func(value string) string {
		if value == "" {
			return ""
		}
		return document.Scalar(value)
	}
	add("placement", s.Placement)
	add("in", text(string(s.In)))
	if s.Instances > 0 {
		add("instances", strconv.Itoa(s.Instances))
	}
	add("storage", s.Storage)
	add("memory", s.Memory)
	add("pooled", string(s.Pooled))
	add("why", text(s.Why))
	return out
}
