package vm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// account is what a service logs in with.
type account struct {
	name   string
	secret string // that holds its password
}

// owners lists the accounts that have databases, each once, sorted.
func (s store) owners() []account {
	var out []account
	for _, d := range s.Databases {
		for _, login := range s.LoginsOf(d.Owner) {
			out = append(out, account{login, d.Secret})
		}
	}
	return sortedAccounts(out)
}

// accounts lists the accounts of all who log in, each once, sorted: the owners of databases, and callers under their own names.
func (s store) accounts() []account {
	out := s.owners()
	for _, p := range s.Callers {
		owns := slices.ContainsFunc(s.Databases, func(d render.Database) bool { return d.For == p.Service })
		if !owns && !slices.Contains(s.Open, p.Service) {
			out = append(out, account{workload.NameOf(string(p.Service)), string(s.Name) + "-" + string(p.Service)})
		}
	}
	return sortedAccounts(out)
}

func sortedAccounts(all []account) []account {
	slices.SortFunc(all, func(a, b account) int { return cmp.Compare(a.name, b.name) })
	return slices.CompactFunc(all, func(a, b account) bool { return a.name == b.name })
}

// ungiven says of callers that nothing here gives them a password; "" when there are none.
func (s store) ungiven() string {
	if len(s.Open) == 0 {
		return ""
	}
	return fmt.Sprintf("\nWhat is rendered does not tell this password to %s: no variable of a workload has it. Set here the one that the release\nhas in it, or give the workload a variable for it.\n", joined(s.Open))
}

// joined names services for people.
func joined(services []estate.ServiceName) string {
	out := make([]string, len(services))
	for i, name := range services {
		out[i] = unitComment(string(name))
	}
	return strings.Join(out, ", ")
}
