package expansion

import (
	"net/netip"
	"strings"

	"example.org/caravan/internal/estate"
)

// Lease is a range of addresses that a proposal takes.
type Lease struct {
	Holder  string       `json:"holder"` // "indonesia/production-id/pods"
	Prefix  netip.Prefix `json:"prefix"`
	Purpose string       `json:"purpose"` // "country", "environment", "nodes", "pods", "services", "machines", "machine"
}

// Holder is who holds the range of an environment that serves a purpose.
func Holder(expansion string, env estate.EnvironmentName, purpose string) string {
	return strings.Join([]string{expansion, string(env), purpose}, "/")
}

// containsName reports whether a text holds a DNS name, alone or as the end of a longer one.
func containsName(text, name string) bool {
	for {
		i := strings.Index(text, name)
		if i < 0 {
			return false
		}
		after := text[i+len(name):]
		if (i == 0 || !isWord(rune(text[i-1]))) && (after == "" || !isWord(rune(after[0])) && after[0] != '-') {
			return true
		}
		text = after
	}
}
