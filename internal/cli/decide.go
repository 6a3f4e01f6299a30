package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
)

// decideOptions are the flags of decide.
type decideOptions struct {
	output
	from, to, as, through, with, country, by, why string
}

// Validate names what a decision lacks.
func (o *decideOptions) Validate() error {
	if err := o.check(); err != nil {
		return err
	}
	for _, v := range []struct{ flag, value, what string }{
		{"to", o.to, "the provider"}, {"as", o.as, "what becomes of the edge"}, {"by", o.by, "who decides"}, {"why", o.why, "the reason"},
	} {
		if v.value == "" {
			return fault.Newf(fault.Usage, "--%s is missing: %s; see `caravan decide --help`", v.flag, v.what)
		}
	}
	return nil
}

func newDecide(s *session) *cobra.Command {
	o := &decideOptions{}
	c := &cobra.Command{
		Use:   "decide NAME",
		Short: "Decide what becomes of an edge whose far end stays behind",
		Long: "Writes a decision into expansions/NAME.yaml, with who decided, when and why; comments and layout stay as they are.\n\n" +
			"  clone      the far end comes too\n" +
			"  call-back  calls go to where it is today; --through says over what\n" +
			"  replace    a provider of the country takes its place; --with HOST[:PORT]\n" +
			"  stub       canned answers take its place\n" +
			"  drop       the edge is given up",
		Example: "  caravan decide indonesia --to pricing --as clone --by orders --why 'checkout fails without it'\n" +
			"  caravan decide indonesia --from shop --to search --as call-back --through vpn --by storefront --why 'for the first month'",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			d := expansion.Decision{From: estate.ServiceName(o.from), To: estate.ServiceName(o.to), Decide: expansion.Fate(o.as), Through: o.through,
				With: o.with, Country: o.country, By: o.by, Why: o.why}
			plan, err := cl.Decide(c.Context(), args[0], []expansion.Decision{d})
			if err != nil {
				return err
			}
			return o.value(s.terminal, plan.Proposal, func() {
				s.say("wrote %s", expansion.FileOf(args[0]))
				if open := plan.Proposal.Undecided(); len(open) > 0 {
					s.say("%s left undecided; caravan plan %s shows them", fmt.Sprintf("%d", len(open)), args[0])
				} else {
					s.say("all edges are decided; next: caravan move %s", args[0])
				}
			})
		},
		ValidArgsFunction: s.expansionNames,
	}
	o.output.flags(c)
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "consumer; all of them when left out")
	f.StringVar(&o.to, "to", "", "provider that is not among what is wanted")
	f.StringVar(&o.as, "as", "", "clone, call-back, replace, stub or drop")
	f.StringVar(&o.through, "through", "", "call-back: what calls go through, such as vpn")
	f.StringVar(&o.with, "with", "", "replace: host, or host:port, of what takes its place")
	f.StringVar(&o.country, "data-country", "", "replace or call-back: country in which the far end keeps data")
	f.StringVar(&o.by, "by", "", "team or person who decides")
	f.StringVar(&o.why, "why", "", "reason")
	fates := make([]string, 0, len(expansion.Fates()))
	for _, v := range expansion.Fates() {
		fates = append(fates, string(v))
	}
	complete(c, "as", fates)
	return c
}
