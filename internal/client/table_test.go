package client

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/technology"
)

func eachRow(f func(ecosystem string, r row)) {
	for ecosystem, rows := range byEcosystem {
		for _, r := range rows {
			f(ecosystem, r)
		}
	}
}

func TestEveryTechnologyIsCalledAsTheRestOfTheMapCallsIt(t *testing.T) {
	eachRow(func(ecosystem string, r row) {
		if r.is.Technology == "" {
			return
		}
		if known, ok := technology.OfName(r.is.Technology); !ok || known.Name != r.is.Technology {
			t.Errorf("%s %v: technology %q is unknown elsewhere", ecosystem, r.names, r.is.Technology)
		}
	})
}

func TestADefaultAddressIsLocalAndCanBeOverridden(t *testing.T) {
	eachRow(func(ecosystem string, r row) {
		l := r.is
		if l.DefaultAddress == "" {
			return
		}
		if l.Technology == "" || len(l.Keys) == 0 {
			t.Errorf("%s %v: a default address needs a technology and a key that overrides it", ecosystem, r.names)
		}
		address := l.DefaultAddress
		if !strings.Contains(address, "://") {
			address = "tcp://" + address
		}
		if u, err := url.Parse(address); err != nil || u.Hostname() != "localhost" || u.Port() == "" {
			t.Errorf("%s %v: %q is no local address with a port", ecosystem, r.names, l.DefaultAddress)
		}
	})
}

func TestNamesAreWrittenInLowerCaseAndOnceForEachMeaning(t *testing.T) {
	eachRow(func(ecosystem string, r row) {
		seen := slices.Clone(r.names)
		slices.Sort(seen)
		if len(slices.Compact(seen)) != len(r.names) {
			t.Errorf("%s: a name is repeated in %v", ecosystem, r.names)
		}
		for _, n := range r.names {
			if n != strings.ToLower(n) {
				t.Errorf("%s: %s would never match", ecosystem, n)
			}
		}
	})
}
