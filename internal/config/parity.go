package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/redact"
)

// Slot is where a process finds a value: a variable, or a key of a file.
type Slot struct {
	Key  string `json:"key"`
	File string `json:"file,omitempty"` // absolute path; "" for a variable
}

func (s Slot) compare(o Slot) int {
	return cmp.Or(cmp.Compare(s.File, o.File), cmp.Compare(s.Key, o.Key))
}

// Told is what one process is told by whoever starts it, secrets in the clear: it is compared, and never kept or shown.
type Told struct {
	Instance string // the machine or pod it runs on
	Ours     bool   // configuration tells it already
	Values   map[Slot]string
	Hidden   map[Slot]bool // of those that come from where secrets are kept, whatever they are called
}

// Expected is a value as configuration has it for a process.
type Expected struct {
	Slot
	As     As // how its file is written
	Type   Type
	Text   string
	Secret *Reference // where it is kept; nil when it is no secret
	Known  bool       // of a secret: Text is what is kept there; otherwise whatever the process has now is carried over
	Place  estate.Place
}

// Expect is what configuration has for a process, by slot. Reveal gives what a text with placeholders, or a secret, comes to; false for a secret
// that cannot be known here.
func Expect(e Effective, reveal func(Entry) (text string, known bool, err error)) ([]Expected, []Problem) {
	var out []Expected
	var problems []Problem
	for _, entry := range e.Entries {
		x := Expected{Slot: Slot{Key: entry.Key, File: entry.Form.Path}, As: entry.Form.As, Type: entry.Declared.Type, Secret: entry.Value().Secret, Place: entry.Place()}
		var err error
		if x.Text, x.Known, err = reveal(entry); err != nil {
			problems = append(problems, Problem{Service: e.Service, Environment: e.Environment, Key: entry.Key, Text: entry.Key + ": " + err.Error(), Place: entry.Place()})
			continue
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Expected) int { return a.compare(b.Slot) })
	return out, problems
}

// Verdict is what is to be thought of a key.
type Verdict string

// The verdicts.
const (
	Equal       Verdict = "equal"
	Intended    Verdict = "intended"    // it differs, and somebody signed why
	Pending     Verdict = "pending"     // configuration tells the process already, and has another value since
	Unexplained Verdict = "unexplained" // it differs, and nobody signed why
)

// Parity is how a key of a process compares with what configuration has for it.
type Parity struct {
	Slot
	Verdict   Verdict       `json:"verdict"`
	Now       *Side         `json:"now,omitempty"`       // what the process is told; nothing when it is not
	Then      *Side         `json:"then,omitempty"`      // what configuration would tell it
	Instances []string      `json:"instances,omitempty"` // those of which it holds, when they are not all
	Digest    estate.Digest `json:"digest,omitempty"`    // of the difference, which is what is signed
	Signed    *Signature    `json:"signed,omitempty"`
}

// Signature is somebody's word that a difference is meant.
type Signature struct {
	Service     estate.ServiceName     `json:"service"`
	Environment estate.EnvironmentName `json:"environment"`
	Slot
	Digest estate.Digest `json:"digest"` // of the difference: it counts for no other
	By     string        `json:"by"`
	Why    string        `json:"why"`
	At     time.Time     `json:"at"`
}

// Report is the parity of a service in an environment, by slot.
type Report struct {
	Spot
	Instances   []string `json:"instances"` // that were read
	Keys        []Parity `json:"keys"`
	Equal       int      `json:"equal"`
	Intended    int      `json:"intended"`
	Pending     int      `json:"pending"`
	Unexplained int      `json:"unexplained"`
}

// Percent is how many of a hundred keys need no explanation, rounded down.
func (r Report) Percent() int {
	if len(r.Keys) == 0 {
		return 100
	}
	return (r.Equal + r.Intended + r.Pending) * 100 / len(r.Keys)
}

// Compared says how what processes are told compares with what configuration has for them, key by key. What stands in a file that no process
// finds yet is compared with what is known of today.
func Compared(at Spot, want []Expected, told []Told, today []Old, signed []Signature) Report {
	c := comparing{at: at, told: told, today: map[string]Old{}, signed: signed, expected: map[Slot]Expected{}, files: map[string]bool{}}
	out := Report{Spot: at}
	for _, t := range told {
		out.Instances = append(out.Instances, t.Instance)
		for slot := range t.Values {
			c.files[slot.File] = true
		}
	}
	for _, o := range slices.Backward(today) {
		if !o.Variable {
			c.today[estate.Norm(o.Key)] = o
		}
	}
	slots := map[Slot]bool{}
	for _, x := range want {
		slots[x.Slot], c.expected[x.Slot] = true, x
	}
	for _, t := range told {
		for slot := range t.Values {
			slots[slot] = true
		}
	}
	for _, slot := range slices.SortedFunc(maps.Keys(slots), Slot.compare) {
		out.Keys = append(out.Keys, c.slot(slot)...)
	}
	for _, k := range out.Keys {
		switch k.Verdict {
		case Equal:
			out.Equal++
		case Intended:
			out.Intended++
		case Pending:
			out.Pending++
		default:
			out.Unexplained++
		}
	}
	return out
}

type comparing struct {
	at       Spot
	told     []Told
	today    map[string]Old // by the spelling of keys
	signed   []Signature
	expected map[Slot]Expected
	files    map[string]bool // that some process finds
}

// slot compares one slot: a row for each value that instances have there.
func (c comparing) slot(slot Slot) []Parity {
	want, wanted := c.expected[slot]
	if o, ok := c.today[estate.Norm(slot.Key)]; ok && slot.File != "" && !c.files[slot.File] {
		return []Parity{c.row(slot, want, wanted, o.Value, true, o.Place, nil, false)}
	}
	type value struct {
		text string
		has  bool
	}
	by, others, hidden := map[value][]string{}, map[value]bool{}, false
	for _, t := range c.told {
		text, has := t.Values[slot]
		hidden = hidden || t.Hidden[slot]
		v := value{text, has}
		by[v], others[v] = append(by[v], t.Instance), others[v] || !t.Ours
	}
	var out []Parity
	for v, instances := range by {
		slices.Sort(instances)
		place := estate.Place{File: strings.Join(instances, ", ")}
		if len(by) == 1 {
			instances = nil
		}
		p := c.row(slot, want, wanted, v.text, v.has, place, instances, hidden)
		if p.Verdict == Unexplained && !others[v] {
			p.Verdict = Pending
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Parity) int { return slices.Compare(a.Instances, b.Instances) })
	return out
}

// row says how a value compares with what is expected.
func (c comparing) row(slot Slot, want Expected, wanted bool, text string, has bool, at estate.Place, instances []string, secret bool) Parity {
	p := Parity{Slot: slot, Instances: instances, Verdict: Unexplained}
	hidden := secret || wanted && want.Secret != nil || has && redact.Value(slot.Key, text) != text || wanted && want.Secret == nil && redact.Value(slot.Key, want.Text) != want.Text
	if has {
		p.Now = &Side{Text: text, Secret: hidden, Place: at}
	}
	if wanted {
		p.Then = &Side{Text: want.Text, Secret: hidden, Place: want.Place}
	}
	if has && wanted && (want.Secret != nil && !want.Known || want.Type.Same(text, want.Text)) {
		p.Verdict = Equal
	}
	if hidden {
		p.hide(want)
	}
	if p.Verdict == Equal {
		return p
	}
	p.Digest = estate.DigestOf([]any{c.at.Service, c.at.Environment, p.Slot, p.Now.said(), p.Then.said()})
	i := slices.IndexFunc(c.signed, func(s Signature) bool {
		return s.Service == c.at.Service && s.Environment == c.at.Environment && s.Slot == slot && s.Digest == p.Digest
	})
	if i >= 0 {
		p.Verdict, p.Signed = Intended, &c.signed[i]
	}
	return p
}

// said is what somebody who signs a difference has read of a side.
func (s *Side) said() any {
	if s == nil {
		return nil
	}
	return s.Text
}

// hide puts what may be said of a secret in its place.
func (p *Parity) hide(want Expected) {
	if p.Now != nil {
		p.Now.Text = "a secret"
	}
	switch {
	case p.Then == nil:
	case want.Secret != nil && *want.Secret != (Reference{}):
		p.Then.Text = want.Secret.String()
	default:
		p.Then.Text = "another value"
	}
}

// Since is a change in one line: what a process is told now, and was before.
func (p Parity) Since() string {
	switch {
	case p.Now == nil:
		return fmt.Sprintf("%s is new: %s", p.Key, p.Then.What())
	case p.Then == nil:
		return fmt.Sprintf("%s is gone; it was %s", p.Key, p.Now.What())
	}
	return fmt.Sprintf("%s is %s, and was %s", p.Key, p.Then.What(), p.Now.What())
}

// Text is a difference in one line.
func (p Parity) Text() string {
	name := p.Key
	if p.File != "" {
		name += " of " + p.File
	}
	switch {
	case p.Now == nil:
		return fmt.Sprintf("%s would be new: %s", name, p.Then.What())
	case p.Then == nil:
		return fmt.Sprintf("%s would be gone: %s", name, p.Now.What())
	}
	return fmt.Sprintf("%s would be %s, and is %s", name, p.Then.What(), p.Now.What())
}

// What is a side in words, in one line.
func (s *Side) What() string {
	if s == nil {
		return "nothing"
	}
	if strings.ContainsFunc(s.Text, unicode.IsControl) {
		return strconv.Quote(s.Text)
	}
	return s.Text
}

// Adopted is the value that lets configuration have what processes are told: a secret as a reference into the secret named own.
func (p Parity) Adopted(own string) Value {
	switch {
	case p.Now == nil:
		return Value{Unset: true}
	case p.Now.Secret:
		return Value{Secret: &Reference{Kubernetes: own, Key: SecretKey(p.Key)}}
	}
	return Value{Text: strings.ReplaceAll(p.Now.Text, "${", "$${")}
}

// Changed is what a process is told otherwise than it was before. Nothing when nothing is known of that. What configuration says is a secret is one,
// however it is called.
func Changed(at Spot, expected []Expected, before, now Told) []Parity {
	if before.Instance == "" {
		return nil
	}
	secret := map[Slot]bool{}
	for _, x := range expected {
		secret[x.Slot] = x.Secret != nil
	}
	before.Hidden = map[Slot]bool{}
	for slot := range before.Values {
		before.Hidden[slot] = secret[slot] || now.Hidden[slot]
	}
	var want []Expected
	for slot, text := range now.Values {
		x := Expected{Slot: slot, Type: Text, Text: text}
		if secret[slot] || now.Hidden[slot] || redact.Value(slot.Key, text) != text {
			x.Secret, x.Known = &Reference{}, true
		}
		want = append(want, x)
	}
	all := Compared(at, want, []Told{before}, nil, nil).Keys
	return slices.DeleteFunc(all, func(p Parity) bool { return p.Verdict == Equal })
}
