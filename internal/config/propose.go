package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/redact"
)

// Old is a key as the system of today gives it to a service.
type Old struct {
	Key      string
	Value    string // secrets masked
	Variable bool   // of the process; else it stands in a file that the service reads
	As       As     // the file's form
	Place    estate.Place
}

// Proposed is a service's base layer, made from what it is given today.
type Proposed struct {
	Text      string   `json:"text"`
	Keys      int      `json:"keys"`
	Secrets   []string `json:"secrets,omitempty"`   // keys whose values have to be put where the text says
	Questions []string `json:"questions,omitempty"` // what could not be taken over, and why
	Unread    []string `json:"unread,omitempty"`    // keys that are in it and that nobody reads, as far as code was read
}

// Propose writes the base layer of a service from what it is given today: variables as they are, keys of files in a file of properties, secrets
// as references into the service's own Secret, each with the line it is from. What somebody has written already under a key that is known is
// left out, what nobody reads is marked. A key that stands in several places has the first.
func Propose(service estate.ServiceName, own string, today []Old, known, unread func(key string) bool) Proposed {
	w := proposal{own: own, unread: unread, done: map[string]bool{}}
	list := slices.Clone(today)
	slices.SortStableFunc(list, func(x, y Old) int { return cmp.Or(cmp.Compare(x.rank(), y.rank()), cmp.Compare(x.Key, y.Key)) })
	for _, o := range list {
		if !known(o.Key) {
			w.add(o)
		}
	}
	text := "# Taken over from what " + string(service) + " is given today, each key with the line it is from.\n"
	for _, q := range w.out.Questions {
		text += "# QUESTION: " + q + "\n"
	}
	if len(w.lines) > 0 {
		text += "values:\n" + strings.Join(w.lines, "")
	}
	if w.files != "" {
		name := map[As]string{AsJSON: "appsettings.json"}[w.files]
		text += "# Variables come as variables; what has dots in its name in a file, which the service has to be told of.\n" +
			"reads:\n  - {as: " + string(w.files) + ", path: /etc/" + string(service) + "/" + cmp.Or(name, "application.properties") + ", keys: [\"*.*\"]}\n  - {as: variables}\n"
	}
	w.out.Text = text
	return w.out
}

// rank orders what a key is given by: a variable wins over a file.
func (o Old) rank() int {
	if o.Variable {
		return 0
	}
	return 1
}

// keptIn is how a reader says in which Secret of a cluster a value is.
var keptIn = regexp.MustCompile(`^\$\{secret:([^/{}]+)/([^{}]+)\}$`)

type proposal struct {
	own    string
	unread func(key string) bool
	out    Proposed
	lines  []string
	done   map[string]bool // by spelling
	files  As              // of the first key that stands in one
}

func (w *proposal) add(o Old) {
	spelt := estate.Norm(o.Key)
	if w.done[spelt] {
		return
	}
	w.done[spelt] = true
	v := Value{Text: strings.ReplaceAll(o.Value, "${", "$${")}
	kept := keptIn.FindStringSubmatch(o.Value)
	switch {
	case !keyForm.MatchString(o.Key):
		w.question(o, "cannot be a key here; give it another name, and the service with it")
		return
	case strings.Contains(o.Value, "#{") || strings.Contains(o.Value, "<%"):
		w.question(o, "is computed when it is deployed; write its value")
		return
	case strings.HasPrefix(o.Value, "${configmap:"):
		w.question(o, "stands in a ConfigMap that was not read; name its folder among the sources, or write its value")
		return
	case kept != nil:
		v = Value{Secret: &Reference{Kubernetes: kept[1], Key: kept[2]}}
	case o.Value == redact.Mask:
		v = Value{Secret: &Reference{Kubernetes: w.own, Key: SecretKey(o.Key)}}
		w.out.Secrets = append(w.out.Secrets, o.Key)
	case strings.Contains(o.Value, redact.Mask), redact.Value(o.Key, v.Text) != v.Text:
		w.question(o, "holds a secret among other text; keep all of it in a secret, or take the secret out of it")
		return
	}
	if !o.Variable && strings.Contains(o.Key, ".") {
		w.files = cmp.Or(w.files, o.As, AsProperties)
	}
	w.out.Keys++
	remark := o.Place.String()
	if w.unread(o.Key) {
		w.out.Unread = append(w.out.Unread, o.Key)
		remark += "; nobody reads it"
	}
	w.lines = append(w.lines, "  "+lineOf(o.Key, v)+" # "+remark+"\n")
}

func (w *proposal) question(o Old, text string) {
	w.out.Questions = append(w.out.Questions, o.Key+" "+text+" ("+o.Place.String()+")")
}
