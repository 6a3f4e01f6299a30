package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/fault"
)

func newDiff(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "List what differs between two snapshots, directories or countries",
		Long: "OLD and NEW are snapshots (a digest, its first six digits, or `latest`), two directories, or two expansions: a name for what is planned\n" +
			"now, NAME@DIGEST for a proposal that is kept.\n" +
			"Exits with 8 when there are differences; between expansions only when there are some that nobody gave a reason for.",
		Example: "  caravan diff 3fa9c1 latest\n  caravan diff ./before ./after\n  caravan diff indonesia thailand\n  caravan diff indonesia@3fa9c1 indonesia",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			expansions, err := s.areExpansions(c.Context(), args)
			if err != nil {
				return err
			}
			if expansions {
				return s.compareExpansions(c.Context(), o, args[0], args[1])
			}
			d, err := s.difference(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, d, func() { s.differenceTable(d) }); err != nil || d.Empty() {
				return err
			}
			return &silent{fault.Newf(fault.Differs, "there are differences")}
		},
	}
	o.flags(c)
	return c
}

// difference compares two directories by reading them, anything else by asking the API.
func (s *session) difference(ctx context.Context, old, new string) (depmap.Difference, error) {
	if isDir(old) != isDir(new) {
		return depmap.Difference{}, fault.Newf(fault.Usage, "compare two snapshots or two directories, not one of each")
	}
	if isDir(old) {
		a, err := s.graphOf(ctx, old)
		if err != nil {
			return depmap.Difference{}, err
		}
		b, err := s.graphOf(ctx, new)
		return depmap.Diff(a, b), err
	}
	c, done, err := s.connect(ctx, nil)
	if err != nil {
		return depmap.Difference{}, err
	}
	defer done()
	return c.Diff(ctx, old, new)
}

// areExpansions reports whether both names are those of expansions; a usage fault when only one is. A directory of that name
// comes first.
func (s *session) areExpansions(ctx context.Context, args []string) (bool, error) {
	if isDir(args[0]) || isDir(args[1]) {
		return false, nil
	}
	c, done, err := s.connect(ctx, nil)
	if err != nil {
		return false, nil //nolint:nilerr // where there is no workspace, there are no expansions
	}
	defer done()
	list, err := c.Expansions(ctx)
	if err != nil {
		return false, err
	}
	known := func(ref string) bool {
		name, _, _ := strings.Cut(ref, "@")
		return slices.ContainsFunc(list, func(v app.ExpansionSummary) bool { return v.Name == name })
	}
	old, new := known(args[0]), known(args[1])
	if old != new {
		one, other := args[0], args[1]
		if new {
			one, other = other, one
		}
		return false, fault.Newf(fault.Usage, "%s is an expansion and %s is none; compare two expansions, as in %s@latest %s, or two snapshots", one, other, one, one)
	}
	return old, nil
}

func (s *session) compareExpansions(ctx context.Context, o *output, old, new string) error {
	c, done, err := s.connect(ctx, nil)
	if err != nil {
		return err
	}
	defer done()
	d, err := c.Compare(ctx, old, new)
	if err != nil {
		return err
	}
	if err := o.value(s.terminal, d, func() { s.comparisonTable(d) }); err != nil || d.Unexplained == 0 {
		return err
	}
	return fault.Newf(fault.Differs, "%s without a reason; write one as a decision, a substitution or a why in the expansion's file", count(d.Unexplained, "difference"))
}

func (s *session) comparisonTable(d api.Comparison) {
	rows := make([][]string, 0, len(d.Differences))
	for _, v := range d.Differences {
		why := "NO REASON"
		if len(v.Reasons) > 0 {
			why = v.Reasons[0].Text + "  " + v.Reasons[0].Place.String()
		}
		rows = append(rows, []string{v.Path, orNothing(v.Old) + " → " + orNothing(v.New), why})
	}
	s.table([]string{"WHAT", d.Old + " → " + d.New, "WHY"}, rows, wrap)
	if d.Empty() {
		s.say("no differences")
		return
	}
	s.say("%s, %d without a reason", count(len(d.Differences), "difference"), d.Unexplained)
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func (s *session) graphOf(ctx context.Context, dir string) (depmap.Graph, error) {
	c, done, err := s.connect(ctx, []string{dir})
	if err != nil {
		return depmap.Graph{}, err
	}
	defer done()
	if _, err := s.scan(ctx, c, app.ScanRequest{}); err != nil {
		return depmap.Graph{}, err
	}
	m, err := c.Map(ctx, api.Query{})
	return m.Graph, err
}

func (s *session) differenceTable(d depmap.Difference) {
	var rows [][]string
	for _, v := range d.ServicesAdded {
		rows = append(rows, []string{"+", "service", string(v.Name)})
	}
	for _, v := range d.ServicesRemoved {
		rows = append(rows, []string{"-", "service", string(v.Name)})
	}
	for _, e := range d.EdgesAdded {
		rows = append(rows, []string{"+", string(e.Kind), fmt.Sprintf("%s → %s  %s", e.From, e.To, proof(e))})
	}
	for _, e := range d.EdgesRemoved {
		rows = append(rows, []string{"-", string(e.Kind), fmt.Sprintf("%s → %s  %s", e.From, e.To, proof(e))})
	}
	for _, list := range [][]depmap.Change{d.ServicesChanged, d.EdgesChanged} {
		for _, ch := range list {
			rows = append(rows, []string{"~", ch.Field, fmt.Sprintf("%s: %s → %s", ch.What, orNothing(ch.Old), orNothing(ch.New))})
		}
	}
	s.table([]string{"", "WHAT", "CHANGE"}, rows, cut)
	if d.Empty() {
		s.say("no differences")
		return
	}
	s.say("%s", count(len(rows), "difference"))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
