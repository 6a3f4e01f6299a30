package render

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

// Piece is a part of a value as a process is given it: a text, or what is kept under a key of a secret.
type Piece struct {
	Text     string
	Secret   string // name of the secret; "" for a text
	Key      string // in the secret
	Resource string // whose secret it is
}

// Hidden reports whether a piece is kept elsewhere.
func (p Piece) Hidden() bool { return p.Secret != "" }

// Variable is one variable of a process.
type Variable struct {
	Name   string
	Pieces []Piece
}

// Hidden reports whether any piece of the variable is kept elsewhere.
func (v Variable) Hidden() bool { return slices.ContainsFunc(v.Pieces, Piece.Hidden) }

// Text is the variable's value; of one that is hidden the form of it.
func (v Variable) Text() string { return Form(v.Pieces) }

// Form is what pieces look like: texts as they are, <KEY of RESOURCE> for what is kept elsewhere.
func Form(pieces []Piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.Hidden() {
			b.WriteString("<" + p.Key + " of " + p.Resource + ">")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Variables are the variables of one of the service's containers, by name. What this environment says of one wins over the
// workload. Invalid when a placeholder has no value here.
func (s Service) Variables(c workload.Container) ([]Variable, error) {
	var out []Variable
	for _, name := range s.variableNames(c) {
		pieces, err := s.Value(s.VariableText(c, name))
		if err != nil {
			return nil, fault.Newf(fault.KindOf(err), "%s: variable %s: %w", s.Name, name, err)
		}
		out = append(out, Variable{Name: name, Pieces: pieces})
	}
	return out, nil
}

// variableNames are those of a container, and those this environment sets that no container has: all are given those. Sorted.
func (s Service) variableNames(c workload.Container) []string {
	names := slices.Collect(maps.Keys(c.Variables))
	own := s.Workload.VariableNames()
	for name := range s.Values {
		if _, found := slices.BinarySearch(own, name); !found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// VariableText is a variable as the workload, or this environment, writes it.
func (s Service) VariableText(c workload.Container, name string) string {
	if own, ok := s.Values[name]; ok {
		return own
	}
	return c.Variables[name]
}

// Value puts in what this environment knows for each placeholder of a value. Invalid when it knows nothing for one.
func (s Service) Value(text string) ([]Piece, error) {
	parts, err := workload.Parts(text)
	if err != nil {
		return nil, err
	}
	out := make([]Piece, 0, len(parts))
	for _, part := range parts {
		p, err := s.piece(part)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// piece is what a part of a value stands for.
func (s Service) piece(p workload.Part) (Piece, error) {
	if p.Secret != "" {
		return Piece{Secret: p.Secret, Key: p.Property, Resource: p.Secret}, nil
	}
	switch p.Resource {
	case "":
		return Piece{Text: p.Text}, nil
	case workload.Self:
		if p.Property != "name" {
			return Piece{}, fault.Newf(fault.Invalid, "${metadata.%s} is not known where it runs; only ${metadata.name} is", p.Property)
		}
		return Piece{Text: s.Workload.Metadata.Name}, nil
	}
	e, ok := s.Endpoints[p.Resource]
	if !ok {
		return Piece{}, fault.Newf(fault.Invalid, "nothing is planned for resource %s; add it to the workload's resources or take its placeholder out", p.Resource)
	}
	if e.Dropped && (p.Property == "password" || p.Property == "username") {
		return Piece{}, nil // nobody keeps an account for what is given up, and no process shall wait for one
	}
	if workload.IsSecret(e.Type, p.Property) {
		return s.hidden(e, p), nil
	}
	known := e.properties()
	text, given := known[p.Property]
	switch {
	case !given:
		return Piece{}, fault.Newf(fault.Invalid, "a resource of type %s has no %s; the workload's resource %s can be asked for %s",
			e.Type, p.Property, p.Resource, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	case text == "" && p.Property == "username" && e.Secret != "":
		return s.hidden(e, p), nil // it is kept with the password
	case text == "" && p.Property != "path" && p.Property != "username":
		return Piece{}, fault.Newf(fault.Invalid, "the %s of %s is not known in this environment; write it into the expansion's decision for %s, or into the variable itself",
			p.Property, p.Resource, p.Resource)
	}
	return Piece{Text: text}, nil
}

// hidden is a piece that is kept in the secret of an endpoint, or of the service itself.
func (s Service) hidden(e Endpoint, p workload.Part) Piece {
	return Piece{Secret: cmp.Or(e.Secret, s.OwnSecret()), Key: p.Property, Resource: p.Resource}
}

// OwnSecret is the name of the secret that holds what belongs to no resource.
func (s Service) OwnSecret() string { return workload.OwnSecret(string(s.Name)) }

// properties lists what a resource can be asked for. A dropped edge that never had a port is given 0, which nothing can be
// called at.
func (e Endpoint) properties() map[string]string {
	out := map[string]string{"host": e.Host}
	switch e.Type {
	case workload.DNS:
		return out
	case workload.Route:
		out["path"] = e.Path
		return out
	case workload.Peer, workload.External:
		out["path"] = e.Path
	case workload.Postgres, workload.MySQL, workload.MongoDB:
		out["database"], out["username"] = e.Database, e.Username
	default:
		out["username"] = e.Username
	}
	out["port"] = ""
	if e.Port != 0 || e.Dropped {
		out["port"] = strconv.Itoa(e.Port)
	}
	return out
}
