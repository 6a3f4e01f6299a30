package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
)

// decideOptions are the flags of decide.
type decideOptions struct {
	output
	from, to, as, through, with, country, by, why string
	answers                                       []string
}

// Validate names what a decision lacks.
func (o *decideOptions) Validate() error {
	if err := o.check(); err != nil {
		return err
	}
	for _, v := range []struct{ flag, value, what string }{
		{"to", o.to, "the provider"}, {"as", o.as, "what becomes of the edge"}, {"why", o.why, "the reason"},
	} {
		if v.value == "" {
			return fault.Newf(fault.Usage, "--%s is missing: %s; see `caravan decide --help`", v.flag, v.what)
		}
	}
	return o.complete()
}

// complete says which flag a kind of decision lacks.
func (o *decideOptions) complete() error {
	switch fate := expansion.Fate(o.as); {
	case !slices.Contains(fates(), o.as):
		return fault.Newf(fault.Usage, "--as %q is no decision; write one of %s", o.as, strings.Join(fates(), ", "))
	case fate == expansion.Replace && o.with == "":
		return fault.Newf(fault.Usage, "--with is missing: the host, or host:port, that takes the place of %s", o.to)
	case fate != expansion.Replace && o.with != "":
		return fault.Newf(fault.Usage, "--with says how to replace, and the decision is %s; leave it out, or decide --as replace", o.as)
	case fate == expansion.CallBack && o.through == "":
		return fault.Newf(fault.Usage, "--through is missing: what calls back to %s go through, such as vpn or peering", o.to)
	case fate != expansion.CallBack && o.through != "":
		return fault.Newf(fault.Usage, "--through says how to call back, and the decision is %s; leave it out, or decide --as call-back", o.as)
	case fate != expansion.StubOut && len(o.answers) > 0:
		return fault.Newf(fault.Usage, "--answer is a stub's, and the decision is %s; leave it out, or decide --as stub", o.as)
	}
	return nil
}

// decision is what the flags say.
func (o *decideOptions) decision() (expansion.Decision, error) {
	d := expansion.Decision{From: estate.ServiceName(o.from), To: estate.ServiceName(o.to), Decide: expansion.Fate(o.as), Through: o.through,
		With: o.with, Country: o.country, By: o.by, Why: o.why}
	for _, line := range o.answers {
		a, err := expansion.ParseAnswer(line)
		if err != nil {
			return d, fault.Newf(fault.Usage, "--answer %w", err)
		}
		d.Answers = append(d.Answers, a)
	}
	return d, nil
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
			"  stub       canned answers take its place; --answer 'PATH BODY'\n" +
			"  drop       the edge is given up",
		Example: "  caravan decide indonesia --to pricing --as clone --by orders --why 'checkout fails without it'\n" +
			"  caravan decide indonesia --from shop --to search --as call-back --through vpn --by storefront --why 'for the first month'",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			d, err := o.decision()
			if err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			decided, err := cl.Decide(c.Context(), args[0], []expansion.Decision{d})
			if err != nil {
				return err
			}
			return o.value(s.terminal, decided.Proposal, func() { s.tellDecided(decided, d) })
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
	f.StringArrayVar(&o.answers, "answer", nil, "stub: a path, if need be a status and a media type, and what is answered, as in '/balance {\"points\": 0}'; may be repeated")
	f.StringVar(&o.country, "data-country", "", "replace or call-back: country in which the far end keeps data")
	f.StringVar(&o.by, "by", "", "team or person who decides; you when left out, and always where people sign in")
	f.StringVar(&o.why, "why", "", "reason")
	complete(c, "as", fates())
	return c
}

func fates() []string {
	out := make([]string, 0, len(expansion.Fates()))
	for _, f := range expansion.Fates() {
		out = append(out, string(f))
	}
	return out
}

// tellDecided says what a decision led to.
func (s *session) tellDecided(v app.Decided, d expansion.Decision) {
	p := v.Proposal
	s.say("wrote %s", expansion.FileOf(p.Expansion))
	for _, old := range v.Replaced {
		s.say("in the place of: %s, by %s: %s", old.Decide, plain(old.By), plain(old.Why))
	}
	for _, note := range v.Notes {
		s.say("note: %s", plain(note))
	}
	for _, c := range v.Opened {
		s.say("also cut now: %s → %s", c.From, c.To)
	}
	s.notInEffect(slices.DeleteFunc(p.NotInEffect(), func(c expansion.Cut) bool { return c.To != d.To }))
	if open := p.Undecided(); len(open) > 0 {
		s.say("%d left undecided; caravan plan %s lists them", len(open), p.Expansion)
		return
	}
	s.say("all edges are decided; next: caravan move %s", p.Expansion)
}
