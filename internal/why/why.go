// Package why says why a service does not work. Evidence, which is what a cluster or machines say of it at one moment, goes in; a
// Diagnosis comes out: causes, the one that explains the others first, each with what proves it and the command line that comes next.
//
// It looks at nothing itself. What could not be looked at is told beside what was found, and where nothing is wrong it says so.
package why

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
)

// Verdict is how a service is.
type Verdict string

// The verdicts.
const (
	Well  Verdict = "well"  // nothing is wrong that can be seen
	Ill   Verdict = "ill"   // a cause was found
	Doubt Verdict = "doubt" // nothing is wrong, but something may be
)

// Diagnosis is why a service does not work in one environment.
type Diagnosis struct {
	Service     estate.ServiceName     `json:"service"`
	Environment estate.EnvironmentName `json:"environment"`
	Kind        string                 `json:"kind"`  // "kubernetes" or "vm"
	Where       string                 `json:"where"` // namespace and object, or hosts
	Read        time.Time              `json:"read"`
	Verdict     Verdict                `json:"verdict"`
	First       string                 `json:"first"`            // the most likely cause in one line, or that there is none
	Causes      []Cause                `json:"causes,omitempty"` // the most likely first
	Doubts      []Cause                `json:"doubts,omitempty"` // what may be wrong
	Fine        []string               `json:"fine,omitempty"`   // what was looked at and found well
	Unseen      []string               `json:"unseen,omitempty"` // what could not be looked at, and why
}

// Cause is one thing that is wrong.
type Cause struct {
	Rule  string    `json:"rule"` // that found it
	Line  string    `json:"line"` // in one sentence without a full stop
	Means string    `json:"means,omitempty"`
	Proof []Proof   `json:"proof,omitempty"`
	Next  []Command `json:"next,omitempty"`
}

// Proof is one fact behind a cause, with its place and time.
type Proof struct {
	Where string     `json:"where"`
	At    *time.Time `json:"at,omitempty"` // nil when it is so now
	Text  string     `json:"text"`
}

// Command is one line for a POSIX shell.
type Command struct {
	Line string `json:"line"`
	Note string `json:"note,omitempty"`
}

// rule finds causes of one sort.
type rule struct {
	name  string
	judge func(view) []Cause
	last  bool // it says no more than that something is so, and nothing where another rule said why
}

// view is what a rule looks at.
type view struct{ Evidence }

// Diagnose says what is wrong, by the first rule that explains it. Equal evidence gives equal diagnoses.
func Diagnose(e Evidence) Diagnosis {
	d := Diagnosis{Service: e.Service, Environment: e.Environment, Kind: e.kind(), Where: e.where(), Read: e.At, Fine: []string{}, Unseen: e.Unseen}
	v := view{e}
	for _, r := range rules {
		for _, c := range named(r.name, r.judge(v)) {
			if !r.last || !explained(d.Causes, c) {
				d.Causes = append(d.Causes, c)
			}
		}
	}
	d.Causes = once(d.Causes)
	for _, r := range doubts {
		if r.last && len(d.Causes) > 0 {
			continue
		}
		d.Doubts = append(d.Doubts, named(r.name, r.judge(v))...)
	}
	d.Fine = v.fine()
	d.Verdict, d.First = v.verdict(d)
	return d
}

// explained reports whether a cause is about something that a cause before it explains.
func explained(before []Cause, c Cause) bool {
	return slices.ContainsFunc(before, func(b Cause) bool {
		return len(c.Proof) > 0 && slices.ContainsFunc(b.Proof, func(p Proof) bool { return p.Where == c.Proof[0].Where })
	})
}

func named(rule string, found []Cause) []Cause {
	for i := range found {
		found[i].Rule = rule
	}
	return found
}

// once leaves out causes that say what another said already.
func once(all []Cause) []Cause {
	var out []Cause
	for _, c := range all {
		if !slices.ContainsFunc(out, func(o Cause) bool { return o.Line == c.Line }) {
			out = append(out, c)
		}
	}
	return out
}

func (v view) verdict(d Diagnosis) (Verdict, string) {
	switch {
	case len(d.Causes) > 0:
		return Ill, d.Causes[0].Line
	case len(d.Doubts) > 0:
		return Doubt, fmt.Sprintf("nothing is wrong with %s that can be seen from here, but %s", v.Service, d.Doubts[0].Line)
	}
	return Well, fmt.Sprintf("nothing is wrong with %s that can be seen from here", v.Service)
}

func (s Subject) kind() string {
	if s.Cluster != nil {
		return "kubernetes"
	}
	return "vm"
}

func (s Subject) where() string {
	if c := s.Cluster; c != nil {
		return "namespace " + c.Namespace + ", " + c.Kind + "/" + c.Name
	}
	var names []string
	if s.Machines != nil {
		for _, h := range s.Machines.Hosts {
			names = append(names, h.Name)
		}
	}
	return strings.Join(names, ", ")
}

// proof is a fact that is so now.
func proof(where, format string, args ...any) Proof {
	return Proof{Where: where, Text: fmt.Sprintf(format, args...)}
}

// since is a fact with its time.
func since(where string, at time.Time, format string, args ...any) Proof {
	p := proof(where, format, args...)
	if !at.IsZero() {
		at = at.UTC()
		p.At = &at
	}
	return p
}

// listed names a few and counts the rest.
func listed(names []string) string {
	const most = 4
	if len(names) > most+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// count says how many of something: "1 pod", "2 pods".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// short is the first line of a text, cut where it gets long.
func short(text string) string {
	const most = 300
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if r := []rune(line); len(r) > most {
		return string(r[:most]) + "…"
	}
	return line
}
