package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

func newConfigKeys(s *session) *cobra.Command {
	o := &output{}
	var env string
	var all bool
	c := &cobra.Command{
		Use: "keys SERVICE | keys --all", Short: "List keys nobody reads, and keys that are read but unset",
		Long: "Holds what a service is given in an environment against what its code reads: variables and keys by name, by the beginning of a name, or all below one.\n\n" +
			"read         set, and something reads it; in brackets what does so without code of the service\n" +
			"loaded       set in a file that code loads as a whole; no place names the key\n" +
			"never read   set, and no place of the code that was read reads it\n" +
			"unset        read without a default, and nothing sets it\n" +
			"defaulted    read, nothing sets it, and its default counts\n" +
			"unknown      set, and no code of the service was read\n\n" +
			"--all lists of every service, everywhere, only what is never read or unset.",
		Example: "  caravan config keys invoicing -e production-sg\n  caravan config keys --all", Args: cobra.MaximumNArgs(1), ValidArgsFunction: s.serviceNames,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if all == (len(args) == 1) || all && env != "" {
				return fault.Newf(fault.Usage, "name a service, or give --all: one of them; -e goes with a service")
			}
			if all {
				list, err := cl.IdleConfigKeys(ctx)
				if err != nil {
					return err
				}
				return o.value(s.terminal, list, func() { s.idleKeysTable(list) })
			}
			found, err := cl.ConfigKeys(ctx, estate.ServiceName(args[0]), estate.EnvironmentName(env))
			if err != nil {
				return err
			}
			return o.value(s.terminal, found, func() { s.keysTable(found) })
		}),
	}
	c.Flags().StringVarP(&env, "environment", "e", "", "where (default: the only one it is in)")
	c.Flags().BoolVar(&all, "all", false, "of all services, what is never read or unset")
	o.flags(c)
	return c
}

func (s *session) keysTable(k app.ConfigKeys) {
	var rows [][]string
	for _, u := range k.Keys {
		rows = append(rows, []string{u.Key, string(u.Verdict), setBy(u), readAt(u), u.Default})
	}
	s.table([]string{"KEY", "VERDICT", "SET BY", "READ AT", "DEFAULT"}, rows, wrap)
	s.keysNotes(k)
	s.say("%s in %s: %s", k.Service, k.Environment, verdictsOf(k.Keys))
}

// keysNotes says what the verdicts rest on.
func (s *session) keysNotes(k app.ConfigKeys) {
	if !k.Code {
		s.say("no code of %s was read, so what it reads is unknown; name its repository among the sources", k.Service)
	}
	if len(k.Computed) > 0 {
		s.say("%s reads keys whose names are computed (%s); what nobody reads may be read there", k.Service, placesText(k.Computed))
	}
}

func (s *session) idleKeysTable(list []app.IdleKey) {
	var rows [][]string
	counts, services := map[config.KeyVerdict]int{}, map[estate.ServiceName]bool{}
	for _, k := range list {
		counts[k.Verdict]++
		services[k.Service] = true
		rows = append(rows, []string{string(k.Service), k.Key, string(k.Verdict), environmentsText(k.Environments), setBy(k.KeyUse), readAt(k.KeyUse)})
	}
	s.table([]string{"SERVICE", "KEY", "VERDICT", "IN", "SET BY", "READ AT"}, rows, wrap)
	s.say("%s never read, %d read and unset, of %s", count(counts[config.NeverRead], "key"), counts[config.NotSet], count(len(services), "service"))
}

func environmentsText(list []estate.EnvironmentName) string {
	var out []string
	for _, e := range list {
		out = append(out, string(e))
	}
	return strings.Join(out, ", ")
}

// setBy is the layer that gives a key, and where.
func setBy(u config.KeyUse) string {
	if u.Given == nil {
		return "-"
	}
	return u.Given.Said() + ", " + u.Given.Place.String()
}

// readAt is the first place that reads a key, and how many more do; in brackets what reads it without any code of the service.
func readAt(u config.KeyUse) string {
	var places []estate.Place
	for _, r := range u.Reads {
		if len(places) == 0 || places[len(places)-1] != r.Place {
			places = append(places, r.Place)
		}
	}
	switch {
	case len(places) > 0 && u.Why != "":
		return placesText(places) + " (" + u.Why + ")"
	case len(places) > 0:
		return placesText(places)
	case u.Why != "":
		return "(" + u.Why + ")"
	}
	return "-"
}

func placesText(places []estate.Place) string {
	if len(places) == 1 {
		return places[0].String()
	}
	return fmt.Sprintf("%s, +%d", places[0], len(places)-1)
}

// verdictsOf counts keys by their verdicts.
func verdictsOf(keys []config.KeyUse) string {
	var out []string
	for _, v := range []config.KeyVerdict{config.IsRead, config.Loaded, config.NeverRead, config.NotSet, config.Defaulted, config.Unknown} {
		n := 0
		for _, k := range keys {
			if k.Verdict == v {
				n++
			}
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(out) == 0 {
		return "no keys"
	}
	return strings.Join(out, ", ")
}
