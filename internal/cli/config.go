package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

func newConfig(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Show and set how services are configured: by layers, each value with its line",
		Long: "What a service is given in an environment comes from layers, the later ones win: what was seen or its workload says, then what config/ in the workspace\n" +
			"says for everybody (base.yaml, kind/, environment/, country/), then the same below services/NAME/config, then what an expansion puts in its place.\n" +
			"Secrets are only ever named: where they are kept.",
	}
	c.AddCommand(newConfigGet(s), newConfigSet(s), newConfigDiff(s), newConfigTrace(s), newConfigKeys(s), newConfigImport(s), newConfigShadow(s), newConfigSwitch(s), newConfigBack(s))
	return c
}

func newConfigGet(s *session) *cobra.Command {
	o := &output{}
	var env string
	c := &cobra.Command{
		Use: "get SERVICE [KEY]", Short: "Show what a service is given in an environment, or one key with all layers that give it",
		Example: "  caravan config get orders -e indonesia\n  caravan config get orders CURRENCY -e indonesia", Args: cobra.RangeArgs(1, 2), ValidArgsFunction: s.serviceNames,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			found, err := cl.Config(ctx, estate.ServiceName(args[0]), estate.EnvironmentName(env))
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return o.value(s.terminal, found, func() { s.configTable(found) })
			}
			e, ok := found.Entry(args[1])
			if !ok {
				return fault.Newf(fault.NotFound, "%s is not given %s in %s", args[0], args[1], found.Environment)
			}
			return o.value(s.terminal, e, func() { s.layersTable(e) })
		}),
	}
	c.Flags().StringVarP(&env, "environment", "e", "", "where (default: the only one it is in)")
	o.flags(c)
	return c
}

func (s *session) configTable(c app.Configured) {
	var rows [][]string
	for _, e := range c.Entries {
		rows = append(rows, []string{e.Key, entryText(e), e.Winner().Said(), e.Place().String()})
	}
	s.table([]string{"KEY", "VALUE", "LAYER", "WHERE"}, rows, wrap)
	for _, p := range c.Problems {
		s.say("%s", plain(p.String()))
	}
	s.say("%s in %s: %s", c.Service, c.Environment, count(len(c.Entries), "key"))
}

func (s *session) layersTable(e config.Entry) {
	var rows [][]string
	for i, g := range e.Given {
		wins := ""
		if i == len(e.Given)-1 {
			wins = "wins"
		}
		rows = append(rows, []string{g.Said(), shown(g.Value), wins, g.Place.String()})
	}
	slices.Reverse(rows)
	s.table([]string{"LAYER", "VALUE", "", "WHERE"}, rows, wrap)
}

// entryText is what a process is given, as far as it can be shown.
func entryText(e config.Entry) string {
	if e.Value().Secret != nil {
		return "(" + e.Text() + ")"
	}
	return e.Text()
}

// shown is a value as people see it: of a secret, where it is kept.
func shown(v config.Value) string {
	switch {
	case v.Unset:
		return "(taken away)"
	case v.Secret != nil:
		return "(" + v.Secret.String() + ")"
	}
	return v.Text
}

func newConfigSet(s *session) *cobra.Command {
	o := &output{}
	var set app.Setting
	var env, country, kind, secret string
	var common bool
	c := &cobra.Command{
		Use: "set SERVICE KEY [VALUE] | set --common KEY [VALUE]", Short: "Set a value in a layer of a service, or for everybody",
		Long: "Writes into the file of the layer, in the workspace, and leaves everything else in it as it is. The base layer is meant unless -e, --country or --kind says\n" +
			"otherwise. A secret is never given: --secret says where it is kept.",
		Example: "  caravan config set orders POOL_SIZE 40 -e indonesia\n  caravan config set orders API_KEY --secret kubernetes:orders-secrets/api-key\n  caravan config set --common CURRENCY IDR --country ID\n  caravan config set orders DEBUG --unset",
		Args:    cobra.RangeArgs(1, 3), ValidArgsFunction: s.serviceNames,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			service := ""
			if !common {
				service, args = args[0], args[1:]
			}
			if err := setting(&set, args, secret, layerFlags{config.Environment: env, config.Country: country, config.Kind: kind}); err != nil {
				return err
			}
			done, err := cl.SetConfig(ctx, estate.ServiceName(service), set)
			if err != nil {
				return err
			}
			return o.value(s.terminal, done, func() {
				was := ""
				if done.Was != nil {
					was = "; it was " + plain(shown(done.Was.Value))
				}
				s.say("wrote %s into %s%s", plain(set.Key), done.File, was)
			})
		}),
	}
	f := c.Flags()
	f.StringVarP(&env, "environment", "e", "", "for one environment")
	f.StringVar(&country, "country", "", "for all environments of a country: two letters")
	f.StringVar(&kind, "kind", "", "for all environments of a kind: vm or kubernetes")
	f.StringVar(&secret, "secret", "", "where the value is kept: kubernetes:NAME/KEY, sops:FILE#KEY or env:VARIABLE")
	f.BoolVar(&set.Unset, "unset", false, "take away what weaker layers give")
	f.BoolVar(&common, "common", false, "for every service")
	o.flags(c)
	return c
}

// layerFlags are the names given by flags, by layer.
type layerFlags map[config.Layer]string

// setting fills in what the arguments and flags of config set say. Usage when they say too little or contradict each other.
func setting(set *app.Setting, args []string, secret string, in layerFlags) error {
	given := 0
	for layer, name := range in {
		if name != "" {
			set.Layer, set.Name = layer, name
			given++
		}
	}
	ways := 0
	for _, way := range []bool{len(args) == 2, secret != "", set.Unset} {
		if way {
			ways++
		}
	}
	switch {
	case given > 1:
		return fault.Newf(fault.Usage, "a value is set in one layer; give one of -e, --country and --kind")
	case len(args) == 0 || len(args) > 2:
		return fault.Newf(fault.Usage, "name the service, the key and the value; with --common no service")
	case ways != 1:
		return fault.Newf(fault.Usage, "give %s a value, --secret or --unset: one of them", args[0])
	}
	set.Key = args[0]
	if len(args) == 2 {
		set.Value = args[1]
	}
	if secret != "" {
		r, err := config.ParseReference(secret)
		if err != nil {
			return err
		}
		set.Secret = &r
	}
	return nil
}

func newConfigDiff(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use: "diff SERVICE OLD NEW", Short: "List what a service is given differently in two environments",
		Long:    "OLD and NEW are environments. Values that mean the same for the type of their key are equal, and so are spellings of one key.\nExits with 8 when there are differences.",
		Example: "  caravan config diff orders production-sg indonesia", Args: cobra.ExactArgs(3), ValidArgsFunction: s.serviceNames,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			d, err := cl.ConfigDiff(ctx, estate.ServiceName(args[0]), estate.EnvironmentName(args[1]), estate.EnvironmentName(args[2]))
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, d, func() { s.configDiffTable(d) }); err != nil || len(d.Keys) == 0 {
				return err
			}
			return &silent{fault.Newf(fault.Differs, "there are differences")}
		}),
	}
	o.flags(c)
	return c
}

func (s *session) configDiffTable(d app.ConfigComparison) {
	side := func(v *config.Side) string {
		switch {
		case v == nil:
			return "-"
		case v.Secret:
			return "(" + v.Text + ")"
		}
		return v.Text
	}
	var rows [][]string
	for _, k := range d.Keys {
		rows = append(rows, []string{k.Key, side(k.Old), side(k.New), k.Place.String()})
	}
	s.table([]string{"KEY", strings.ToUpper(string(d.Old)), strings.ToUpper(string(d.New)), "WHERE"}, rows, wrap)
	s.say("%s", count(len(d.Keys), "difference"))
}

func newConfigTrace(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use: "trace KEY", Short: "List every service that is given a key, where, and by which layer",
		Example: "  caravan config trace CURRENCY", Args: cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			list, err := cl.ConfigTrace(ctx, args[0])
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() {
				var rows [][]string
				for _, u := range list {
					rows = append(rows, []string{string(u.Service), string(u.Environment), entryText(u.Entry), u.Entry.Winner().Said(), u.Entry.Place().String()})
				}
				s.table([]string{"SERVICE", "ENVIRONMENT", "VALUE", "LAYER", "WHERE"}, rows, wrap)
			})
		}),
	}
	o.flags(c)
	return c
}

func newConfigImport(s *session) *cobra.Command {
	o := &output{}
	var from string
	var write bool
	c := &cobra.Command{
		Use: "import SERVICE", Short: "Take over what a service is given today, as its base layer",
		Long: "Prints services/SERVICE/config/base.yaml as it would be, from what was read of the service in an environment: variables from Chef, units, manifests and env\n" +
			"files, keys of its own files, of configuration servers and of Consul. Each line says where it is from. Secrets become references; what cannot be taken over\n" +
			"is a question. --write puts it there; from then on it is the team's.",
		Example: "  caravan config import orders --from production-sg\n  caravan config import orders --from production-sg --write", Args: cobra.ExactArgs(1), ValidArgsFunction: s.serviceNames,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			ask := cl.ImportConfig
			if write {
				ask = cl.WriteConfig
			}
			p, err := ask(ctx, estate.ServiceName(args[0]), estate.EnvironmentName(from))
			if err != nil {
				return err
			}
			return o.value(s.terminal, p, func() { s.configProposal(p, write) })
		}),
	}
	c.Flags().StringVar(&from, "from", "", "environment it runs in (default: the only one)")
	c.Flags().BoolVar(&write, "write", false, "put it where the team keeps it")
	o.flags(c)
	return c
}

func (s *session) configProposal(p app.ConfigProposal, written bool) {
	if !written {
		fmt.Fprint(s.out, p.Text)
	}
	if len(p.Secrets) > 0 {
		s.say("secrets to put where they are kept: %s", plain(strings.Join(p.Secrets, ", ")))
	}
	if len(p.Unread) > 0 {
		s.say("nobody reads %d of them, as far as its code was read: %s", len(p.Unread), plain(strings.Join(p.Unread, ", ")))
	}
	if written {
		s.say("wrote %s into %s, with %s", count(p.Keys, "key"), p.File, count(len(p.Questions), "question"))
		return
	}
	s.say("%s and %s; --write puts it into %s", count(p.Keys, "key"), count(len(p.Questions), "question"), p.File)
}
