package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// driftOptions are the flags of drift.
type driftOptions struct {
	output
	query app.DriftQuery
	live  bool
	all   bool
}

func newDrift(s *session) *cobra.Command {
	o := &driftOptions{}
	c := &cobra.Command{
		Use:   "drift [SERVICE]",
		Short: "Show what differs between what runs and what is declared, whose it is and since when",
		Long: "Compares what is in clusters and on machines with what the last move put there, versions and configuration between environments, and says of each\n" +
			"difference whose it is, whether it is intended, an accident or accepted until a date, since when, and what would mend it. It shows what the last look\n" +
			"found; --live looks now. What was not looked at for too long is stale: nobody says then that it is in sync.\n\n" +
			"Exits with 8 when there are accidents, with 0 when all that differs is intended or accepted.",
		Example: "  caravan drift\n  caravan drift orders --live\n  caravan drift --team orders -e indonesia -o json\n" +
			"  caravan drift accept 3fa1c2 --why 'sale until Sunday' --until 2026-12-06\n  caravan drift mend 3fa1c2 --dry-run",
		Args: cobra.MaximumNArgs(1),
		RunE: s.asking(&o.output, func(ctx context.Context, cl *client.Client, args []string) error {
			if len(args) == 1 {
				o.query.Service = estate.ServiceName(args[0])
			}
			return s.runDrift(ctx, cl, o)
		}),
		ValidArgsFunction: s.serviceNames,
	}
	o.flags(c)
	f := c.Flags()
	f.StringVarP((*string)(&o.query.Environment), "environment", "e", "", "those in one environment")
	f.StringVar((*string)(&o.query.Team), "team", "", "those of one team")
	f.BoolVar(&o.live, "live", false, "look at every environment now")
	f.BoolVar(&o.all, "all", false, "list what is intended and accepted, too")
	c.AddCommand(newDriftAccept(s), newDriftMend(s))
	return c
}

func (s *session) runDrift(ctx context.Context, cl *client.Client, o *driftOptions) error {
	stop := func() {}
	if o.live {
		stop = s.meanwhile("looking for drift", "in every environment")
	}
	d, err := cl.Drift(ctx, o.query, o.live)
	stop()
	if err != nil {
		return err
	}
	if err := o.value(s.terminal, d, func() { s.driftTable(d, o.all) }); err != nil || d.Open() == 0 {
		return err
	}
	return &silent{fault.Newf(fault.Differs, "%s", count(d.Open(), "accident"))}
}

func (s *session) driftTable(d app.Drift, all bool) {
	var rows [][]string
	classes := map[drift.Class]int{}
	for _, x := range d.Differences {
		classes[x.Class]++
		if all || x.Class == drift.Accident {
			rows = append(rows, []string{string(x.ID), string(x.Team), string(x.Service), string(x.Environment), string(x.Kind), classText(x), age(d.At, x.Since), x.What})
		}
	}
	if len(rows) > 0 {
		s.table([]string{"ID", "TEAM", "SERVICE", "ENVIRONMENT", "KIND", "CLASS", "AGE", "WHAT"}, rows, wrap)
	}
	for _, l := range d.Looks {
		s.say("%s", plain(lookText(d, l)))
	}
	if len(d.Looks) == 0 {
		s.say("nothing was looked at yet; caravan drift --live looks now")
	}
	for _, b := range d.Budgets {
		if b.Over && b.Most != nil {
			s.say("%s is over its budget: %d of %d; nothing new of it is brought until some are mended or accepted", b.Team, b.Accidents, *b.Most)
		}
	}
	s.say("%s, %s, %d intended", count(classes[drift.Accident], "accident"), count(classes[drift.Excepted], "exception"), classes[drift.Intended])
}

// classText is the class of a difference in words, with what there is to say about it.
func classText(x drift.Difference) string {
	text := string(x.Class)
	if x.Class == drift.Excepted {
		text += " until " + x.Until.Local().Format(time.DateOnly)
	}
	if x.Stale {
		text += ", stale"
	}
	return text
}

func lookText(d app.Drift, l drift.Look) string {
	text := fmt.Sprintf("%s: looked at %s ago", l.Environment, age(d.At, l.At))
	switch {
	case l.Failed != "" && l.At.IsZero():
		return fmt.Sprintf("%s: could not be looked at: %s", l.Environment, l.Failed)
	case l.At.IsZero():
		return fmt.Sprintf("%s: what runs there was never looked at, so nobody knows; a move to a target or a live source in caravan.yaml lets it be", l.Environment)
	case l.Failed != "":
		text += "; the last time it could not be: " + l.Failed
	}
	if !l.Fresh(d.At, d.Lasts) {
		text += " (stale: what is said of it may be over)"
	}
	return text
}

// age is how long ago something was, in one unit.
func age(now, at time.Time) string {
	const day = 24 * time.Hour
	d := now.Sub(at)
	switch {
	case at.IsZero():
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(int(d.Seconds()), 0))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d/day))
}

func newDriftAccept(s *session) *cobra.Command {
	o := &output{}
	var req app.AcceptDrift
	var until string
	c := &cobra.Command{
		Use: "accept ID", Short: "Accept a difference until a date",
		Long: "The difference is an exception until then and counts against no budget; after that it is an accident again by itself, as old as it was. It holds for\n" +
			"exactly what differs now: when either side becomes another, it is an accident at once. A team accepts what is its own, the platform everything.",
		Example: "  caravan drift accept 3fa1c2 --why 'sale until Sunday' --until 2026-12-06", Args: cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if req.Why == "" || until == "" {
				return fault.Newf(fault.Usage, "a difference is accepted for a reason until a date; give --why and --until")
			}
			at, err := date(until)
			if err != nil {
				return err
			}
			req.Until = at
			d, err := cl.AcceptDrift(ctx, drift.ID(args[0]), req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, d, func() {
				s.say("%s is accepted until %s: %s", d.ID, d.Until.Local().Format(time.DateOnly), plain(d.What))
			})
		}),
	}
	c.Flags().StringVar(&req.Why, "why", "", "reason")
	c.Flags().StringVar(&until, "until", "", "date, or date and time: 2026-12-06, 2026-12-06T18:00:00+07:00")
	o.flags(c)
	return c
}

// date reads a day, which is meant to its end, or a moment.
func date(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return at, fault.Newf(fault.Usage, "--until %q is no date; write one such as 2026-12-06, or 2026-12-06T18:00:00+07:00", text)
	}
	return at.AddDate(0, 0, 1).Add(-time.Second), nil
}

func newDriftMend(s *session) *cobra.Command {
	o := &output{}
	var req app.MendDrift
	var log bool
	c := &cobra.Command{
		Use: "mend ID", Short: "Put in place again what a difference is about",
		Long: "Carries out once more the step of the last move that put it there, and nothing else, overwriting what others wrote. It is a step like any other: the\n" +
			"green lights it has had count, and a freeze or veto stops it. Shows what it does first; --dry-run shows only that.",
		Example: "  caravan drift mend 3fa1c2 --dry-run\n  caravan drift mend 3fa1c2", Args: cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			shown := req
			shown.Dry = true
			m, err := cl.MendDrift(ctx, drift.ID(args[0]), shown)
			if err != nil {
				return err
			}
			if req.Dry {
				return o.value(s.terminal, m, func() { s.mendText(m) })
			}
			if o.format == "table" {
				s.mendText(m)
			}
			if m, err = cl.MendDrift(ctx, drift.ID(args[0]), req); err != nil {
				return err
			}
			_, err = cl.Follow(ctx, m.Run.ID, s.watching(log))
			s.clear()
			if err != nil {
				return unfinished(ctx, m.Difference.Expansion, err)
			}
			after, err := cl.Drift(ctx, app.DriftQuery{}, true)
			if err != nil {
				return err
			}
			return s.mended(o, m, after)
		}),
	}
	c.Flags().BoolVar(&req.Dry, "dry-run", false, "show what it would do, and do nothing")
	c.Flags().BoolVar(&log, "log", false, "show all that the step says")
	c.Flags().StringVar(&req.Why, "why", "", "reason, for the audit")
	o.flags(c)
	return c
}

// mended says whether what was mended is.
func (s *session) mended(o *output, m app.Mending, after app.Drift) error {
	if slices.ContainsFunc(after.Differences, func(d drift.Difference) bool { return d.ID == m.Difference.ID && d.Class == drift.Accident }) {
		return fault.Newf(fault.Unavailable, "the step was carried out, and %s is still there: %s; look at it with caravan drift --live", m.Difference.ID, m.Difference.What)
	}
	return o.value(s.terminal, m, func() { s.say("%s is mended", m.Difference.ID) })
}

func (s *session) mendText(m app.Mending) {
	s.say("%s: %s", m.Difference.ID, plain(m.Difference.What))
	for line := range strings.Lines(m.Difference.Mend) {
		fmt.Fprintln(s.out, plain(strings.TrimRight(line, "\n")))
	}
	s.say("step %s of %s puts it in place again", m.Difference.Step, m.Difference.Expansion)
	for _, ch := range m.Changes {
		s.say("  %s %s", plain(ch.Path), ch.What)
	}
	for _, d := range m.Also {
		s.say("it mends %s too: %s", d.ID, plain(d.What))
	}
	if m.Verdict != nil && !m.Verdict.Allowed {
		for _, line := range m.Verdict.Lines() {
			s.say("it waits: %s", plain(line))
		}
	}
}
