package expansion

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// Comparison is what differs from one proposal to another, of one country or of two.
type Comparison struct {
	Old         string        `json:"old"` // name of the expansion
	New         string        `json:"new"`
	OldDigest   estate.Digest `json:"oldDigest"`
	NewDigest   estate.Digest `json:"newDigest"`
	Differences []Difference  `json:"differences,omitempty"` // by path
}

// Difference is one thing that differs. It is intended when somebody wrote down why; Reasons are theirs.
type Difference struct {
	Path    string   `json:"path"` // "services/orders/variables/CURRENCY"
	Old     string   `json:"old,omitempty"`
	New     string   `json:"new,omitempty"`
	Reasons []Reason `json:"reasons,omitempty"`
}

// Unexplained lists the differences nobody gave a reason for.
func (c Comparison) Unexplained() []Difference {
	return slices.DeleteFunc(slices.Clone(c.Differences), func(d Difference) bool { return len(d.Reasons) > 0 })
}

// Empty reports whether nothing differs.
func (c Comparison) Empty() bool { return len(c.Differences) == 0 }

// Compare lists what differs from a to b. Names of environments and addresses are each country's own and are compared
// by what they are for.
func Compare(a, b Proposal) Comparison {
	c := Comparison{Old: a.Expansion, New: b.Expansion, OldDigest: a.Digest, NewDigest: b.Digest}
	left, right := flatten(a), flatten(b)
	for _, path := range union(left, right) {
		l, inLeft := left[path]
		r, inRight := right[path]
		if inLeft && inRight && l.value == r.value || coveredAbove(path, left, right) {
			continue
		}
		why := slices.Concat(r.why, l.why)
		if inLeft && !inRight && substitution.MatchString(path) {
			why = nil // why the old one has it does not tell why the new one lacks it
		}
		c.Differences = append(c.Differences, Difference{Path: path, Old: l.value, New: r.value, Reasons: reasons(slices.Concat(why, followed(path, a, b), followed(path, b, a)))})
	}
	return c
}

// substitution is a value that a country has in the place of the source's.
var substitution = regexp.MustCompile(`^services/[^/]+/variables/`)

// reasons are reasons, each once.
func reasons(all []Reason) []Reason {
	var out []Reason
	for _, r := range all {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// followed explains a datastore or an edge that only one proposal has by a service that only it has.
func followed(path string, has, lacks Proposal) []Reason {
	var out []Reason
	only := func(name estate.ServiceName) {
		m, here := has.Member(name)
		if _, there := lacks.Member(name); here && !there {
			out = append(out, Reason{Text: fmt.Sprintf("%s comes in %s only", name, has.Expansion), Place: m.Reasons[0].Place})
		}
	}
	if name, ok := strings.CutPrefix(path, "datastores/"); ok {
		for _, d := range has.Datastores {
			if string(d.Name) == name {
				for _, user := range d.For {
					only(user)
				}
			}
		}
	}
	if edge, ok := strings.CutPrefix(path, "edges/"); ok {
		from, to, _ := strings.Cut(edge, " → ")
		only(estate.ServiceName(from))
		if m, ok := lacks.Member(estate.ServiceName(to)); ok { // cut here, and not there
			out = append(out, Reason{Text: fmt.Sprintf("%s comes in %s", to, lacks.Expansion), Place: m.Reasons[0].Place})
		}
	}
	return out
}

// leaf is one value of a proposal, with what somebody wrote down about it.
type leaf struct {
	value string
	why   []Reason
}

type leaves map[string]leaf

func (l leaves) add(path, value string, why ...Reason) {
	if value == "" {
		return
	}
	var written []Reason
	for _, r := range why {
		if r.Place.File != "" {
			written = append(written, r)
		}
	}
	l[path] = leaf{value, written}
}

func union(a, b leaves) []string {
	out := make([]string, 0, len(a)+len(b))
	for path := range a {
		out = append(out, path)
	}
	for path := range b {
		if _, both := a[path]; !both {
			out = append(out, path)
		}
	}
	sort.Strings(out)
	return out
}

// coveredAbove reports whether something that holds the path is only on one side: then that is the difference.
func coveredAbove(path string, a, b leaves) bool {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		_, inA := a[path[:i]]
		_, inB := b[path[:i]]
		if inA != inB {
			return true
		}
	}
	return false
}

func flatten(p Proposal) leaves {
	l := leaves{}
	own := p.role()
	place := func(key string) Reason { return Reason{Text: "the country's own", Place: p.at(key)} }
	l.add("country", p.Country, place("country"))
	l.add("source", string(p.Source), place("source"))
	l.add("substitutions/locale", p.Substitutions.Locale, place("substitutions.locale"))
	l.add("substitutions/currency", p.Substitutions.Currency, place("substitutions.currency"))
	l.add("substitutions/timezone", p.Substitutions.TimeZone, place("substitutions.timezone"))
	for i, e := range p.Environments {
		at := place(fmt.Sprintf("environments[%d]", i))
		path := "environments/" + own[e.Name]
		l.add(path, e.Kind, at)
		l.add(path+"/provider", e.Provider, at)
		l.add(path+"/nodes", number(e.Nodes), at)
		l.add(path+"/surge", number(e.Surge), at)
		l.add(path+"/pods", number(e.Pods), at)
		l.add(path+"/machines", number(e.Machines), at)
	}
	for _, m := range p.Members {
		l.member(m, own)
	}
	for _, c := range p.Cuts {
		l.cut(c)
	}
	for _, d := range p.Datastores {
		l.datastore(d, own)
	}
	return l
}

// role names an environment by what it is: the first cluster, the second set of machines.
func (p Proposal) role() map[estate.EnvironmentName]string {
	out := map[estate.EnvironmentName]string{}
	seen := map[string]int{}
	for _, e := range p.Environments {
		seen[e.Kind]++
		out[e.Name] = fmt.Sprintf("%s-%d", e.Kind, seen[e.Kind])
	}
	return out
}

// at is where the expansion's file stands for a key; the line is not kept in a proposal.
func (p Proposal) at(string) estate.Place { return estate.Place{File: FileOf(p.Expansion)} }

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (l leaves) member(m Member, own map[estate.EnvironmentName]string) {
	path := "services/" + string(m.Name)
	l.add(path, "comes", m.Reasons...)
	roles := make([]string, len(m.In))
	for i, env := range m.In {
		roles[i] = own[env]
	}
	l.add(path+"/in", strings.Join(roles, ", "), m.Reasons...)
	l.add(path+"/routes", strings.Join(m.Routes, ", "), m.Reasons...)
	values(m.Workload, func(key, value string) {
		var why []Reason
		if key == wishedReplicas || key == wishedPublic {
			why = m.Reasons
		}
		l.add(path+"/workload/"+key, value, why...)
	})
	for name, v := range m.Variables {
		l.add(path+"/variables/"+name, v.Value, v.Why)
	}
}

// What the expansion itself says of a workload.
const (
	wishedReplicas = "metadata/annotations/" + workload.AnnotationReplicas
	wishedPublic   = "metadata/annotations/" + workload.AnnotationPublic
)

// values calls use for every value inside v, by its path in JSON.
func values(v any, use func(path, value string)) {
	data, err := json.Marshal(v)
	if err != nil {
		return
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return
	}
	walk("", tree, use)
}

func walk(path string, v any, use func(path, value string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			walk(strings.TrimPrefix(path+"/"+key, "/"), inner, use)
		}
	case []any:
		for i, inner := range v {
			walk(path+"/"+strconv.Itoa(i), inner, use)
		}
	default:
		use(path, fmt.Sprint(v))
	}
}

func (l leaves) cut(c Cut) {
	if c.Decision == nil {
		l.add("edges/"+string(c.From)+" → "+string(c.To), "undecided")
		return
	}
	d := c.Decision
	value := string(d.Decide)
	for _, more := range []string{d.With, d.Through} {
		if more != "" {
			value += " " + more
		}
	}
	l.add("edges/"+string(c.From)+" → "+string(c.To), value, Reason{Text: d.Why, Place: c.Place})
}

func (l leaves) datastore(d Datastore, own map[estate.EnvironmentName]string) {
	path := "datastores/" + string(d.Name)
	users := make([]Reason, len(d.For))
	for i, name := range d.For {
		users[i] = Reason{Text: "for " + string(name)}
	}
	l.add(path, d.Technology, users...)
	l.add(path+"/content", string(d.Content), d.Said)
	l.add(path+"/placement", d.Placement.Kind+" "+own[d.In], d.Said)
	l.add(path+"/instances", number(d.Instances), d.Said)
	l.add(path+"/memory", d.Memory, d.Said)
	l.add(path+"/storage", d.Storage, d.Said)
	l.add(path+"/logins", number(d.Logins), d.Said)
	l.add(path+"/pooled", string(d.Pooled), d.Said)
	l.add(path+"/followers", strings.Join(d.Followers, " "), d.Said)
}
