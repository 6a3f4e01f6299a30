// Package drift knows how what runs differs from what is declared, and environments from each other. What is declared and what was observed
// goes in, each with the time it was so; differences come out, each with its owner, its class, evidence without secrets, and what would mend it.
// Their ages, the exceptions people made of them and the budgets of teams are thought about here, too.
//
// It looks at nothing itself: no clock, file, cluster or machine. Equal input gives equal bytes.
package drift

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
)

// ID names a difference, however its two sides change: 12 hexadecimal digits.
type ID string

// Difference is one thing that is not as declared, or not as elsewhere.
type Difference struct {
	ID          ID                     `json:"id"`
	Service     estate.ServiceName     `json:"service,omitempty"` // "" when it is the environment's own
	Environment estate.EnvironmentName `json:"environment"`
	Kind        Kind                   `json:"kind"`
	Subject     string                 `json:"subject"`         // "deployment orders/orders", "sg-app1:/etc/orders.env"
	Field       string                 `json:"field,omitempty"` // within it: path of a field, key of a setting
	Team        estate.TeamName        `json:"team,omitempty"`
	Class       Class                  `json:"class"`
	What        string                 `json:"what"`               // one line
	Declared    string                 `json:"declared,omitempty"` // text, without secrets
	Live        string                 `json:"live,omitempty"`
	Evidence    []string               `json:"evidence"`
	Mend        string                 `json:"mend,omitempty"` // unified diff, or the command that mends
	Step        string                 `json:"step,omitempty"` // of the course that would put it in place again
	Expansion   string                 `json:"expansion,omitempty"`
	Reason      string                 `json:"reason,omitempty"` // of what is intended, and of exceptions: who wants it and why
	Until       time.Time              `json:"until,omitzero"`   // of exceptions
	Since       time.Time              `json:"since,omitzero"`   // when it was first seen
	Seen        time.Time              `json:"seen"`             // when it was last seen
	Stale       bool                   `json:"stale,omitempty"`  // nobody knows whether it is still so: what it was seen in was not looked at for too long
	Content     estate.Digest          `json:"content"`          // of both sides: an exception holds for exactly these
	Times       int                    `json:"times,omitempty"`  // it came, when it went and came again
}

// Kind is the sort of a difference.
type Kind string

// The kinds of difference.
const (
	Version     Kind = "version"      // another version runs than in most environments
	Release     Kind = "release"      // another version runs than was released there
	Missing     Kind = "missing"      // a declared object is not there
	Extra       Kind = "extra"        // something runs beside what is declared
	Image       Kind = "image"        // of a container
	Replicas    Kind = "replicas"     // how many run
	Resources   Kind = "resources"    // requests and limits
	Variable    Kind = "variable"     // of a process
	Data        Kind = "data"         // of a ConfigMap or Secret
	Field       Kind = "field"        // any other field of an object
	Added       Kind = "added"        // somebody added to an object
	Setting     Kind = "setting"      // a key has another value in another environment
	NotGiven    Kind = "not-given"    // a key is declared, and the process does not have it
	NotDeclared Kind = "not-declared" // a process has a key that nobody declares
	GivenOther  Kind = "given-other"  // a process has another value than is declared
	FileEdited  Kind = "file-edited"  // on a machine
	FileMissing Kind = "file-missing" // on a machine
	Unit        Kind = "unit"         // does not run, is not enabled, or runs something older than is there
	Instance    Kind = "instance"     // one runs where none is declared
	Package     Kind = "package"      // another version is installed than on its like
	Unreachable Kind = "unreachable"  // a place could not be looked at
)

// Kinds lists them.
func Kinds() []Kind {
	return []Kind{Version, Release, Missing, Extra, Image, Replicas, Resources, Variable, Data, Field, Added, Setting, NotGiven, NotDeclared, GivenOther, FileEdited, FileMissing, Unit, Instance, Package, Unreachable}
}

// Class is what a difference is to those who own it.
type Class string

// The classes.
const (
	Intended Class = "intended"  // somebody declared that it shall be so, and why
	Accident Class = "accident"  // nobody did
	Excepted Class = "exception" // accepted until a date
)

// Look is when an environment was looked at.
type Look struct {
	Environment estate.EnvironmentName `json:"environment"`
	At          time.Time              `json:"at"`
	Failed      string                 `json:"failed,omitempty"` // why it could not be looked at
	Partly      bool                   `json:"partly,omitempty"` // some of it could
	Where       string                 `json:"where,omitempty"`  // "cluster of context kopi-id"
	Moving      bool                   `json:"moving,omitempty"` // something is being carried out there
}

// Fresh reports whether what a look saw may be taken for how it is.
func (l Look) Fresh(now time.Time, lasts time.Duration) bool {
	return l.Failed == "" && now.Sub(l.At) <= lasts
}

// spot is a service in an environment.
type spot struct {
	service estate.ServiceName
	env     estate.EnvironmentName
}

// identify gives a difference its name and the digest of its sides. Of a secret, which is not among the texts, whoever wrote it last and
// when stand for it.
func identify(d Difference, sides ...string) Difference {
	const digits = 12
	sum := string(estate.DigestOf([]string{string(d.Service), string(d.Environment), string(d.Kind), d.Subject, d.Field}))
	_, hex, _ := strings.Cut(sum, ":")
	d.ID = ID(hex[:digits])
	d.Content = estate.DigestOf(append([]string{d.Declared, d.Live}, sides...))
	return d
}

// order sorts differences: by service, environment, kind, subject and field.
func order(all []Difference) []Difference {
	slices.SortFunc(all, func(x, y Difference) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.Environment, y.Environment), cmp.Compare(x.Kind, y.Kind),
			cmp.Compare(x.Subject, y.Subject), cmp.Compare(x.Field, y.Field), cmp.Compare(x.What, y.What))
	})
	return slices.CompactFunc(all, func(x, y Difference) bool { return x.ID == y.ID })
}
