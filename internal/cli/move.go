package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// moveOptions are the flags of move, undo and status.
type moveOptions struct {
	output
	req app.MoveRequest
}

func (o *moveOptions) flags(c *cobra.Command) {
	o.output.flags(c)
	c.Flags().StringVar(&o.req.Out, "out", "", "folder to write into (default: rendered/NAME in the workspace)")
}

// carried is a command that asks one thing about an expansion's journey.
func (s *session) carried(o *moveOptions, ask func(context.Context, *client.Client, string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		if o.req.Out != "" && s.server == "" {
			full, err := filepath.Abs(o.req.Out)
			if err != nil {
				return fault.Newf(fault.Invalid, "--out %s: %w", o.req.Out, err)
			}
			o.req.Out = full
		}
		cl, done, err := s.connect(c.Context(), nil)
		if err != nil {
			return err
		}
		defer done()
		return ask(c.Context(), cl, args[0])
	}
}

func newMove(s *session) *cobra.Command {
	o := &moveOptions{}
	c := &cobra.Command{
		Use:   "move NAME",
		Short: "Carry a plan out: write everything the country needs, step by step",
		Long: "Plans the expansion and writes its files into a folder, wave by wave: Kustomize for clusters, units and cloud-init for machines. A second\n" +
			"move changes nothing; what is no longer part of the plan is removed; nothing else is touched. Review the folder, commit it, and let\n" +
			"kubectl, Argo CD or Flux apply it. Exits with 6 while edges are undecided.",
		Example: "  caravan move indonesia\n  caravan move indonesia --dry-run\n  caravan move indonesia --out ../fleet/indonesia",
		Args:    cobra.ExactArgs(1),
		RunE: s.carried(o, func(ctx context.Context, cl *client.Client, name string) error {
			moved, err := cl.Move(ctx, name, o.req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, moved, func() { s.movedTable(moved, o.req.Dry) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	c.Flags().BoolVar(&o.req.Dry, "dry-run", false, "say what would be done and write nothing")
	c.Flags().BoolVar(&o.req.Force, "force", false, "overwrite and remove what was edited since it was written")
	return c
}

func newUndo(s *session) *cobra.Command {
	o := &moveOptions{}
	c := &cobra.Command{
		Use:     "undo NAME",
		Short:   "Take away what moving an expansion made, and give its addresses back",
		Long:    "Removes the files that moves wrote, and nothing else. A file that was edited since stays, unless --force is given.\nRanges are quarantined before they may be used again.",
		Example: "  caravan undo indonesia",
		Args:    cobra.ExactArgs(1),
		RunE: s.carried(o, func(ctx context.Context, cl *client.Client, name string) error {
			moved, err := cl.Undo(ctx, name, o.req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, moved, func() { s.removedTable(moved) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	c.Flags().BoolVar(&o.req.Force, "force", false, "remove what was edited since it was written, too")
	return c
}

func newStatus(s *session) *cobra.Command {
	o := &moveOptions{}
	c := &cobra.Command{
		Use:     "status NAME",
		Short:   "Show how far an expansion is: each step against what is in place",
		Example: "  caravan status indonesia",
		Args:    cobra.ExactArgs(1),
		RunE: s.carried(o, func(ctx context.Context, cl *client.Client, name string) error {
			standing, err := cl.Status(ctx, name, o.req.Out)
			if err != nil {
				return err
			}
			return o.value(s.terminal, standing, func() { s.standingTable(standing) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	return c
}

func (s *session) movedTable(m app.Moved, dry bool) {
	var rows [][]string
	total := map[journey.What]int{}
	for _, step := range m.Steps {
		n := map[journey.What]int{}
		for _, ch := range step.Changes {
			n[ch.What]++
			total[ch.What]++
		}
		rows = append(rows, []string{fmt.Sprint(step.Wave), string(step.Step), tally(n)})
	}
	s.table([]string{"WAVE", "STEP", "FILES"}, rows, cut)
	if dry {
		s.say("nothing was written; it would go to %s", m.Folder)
		return
	}
	for _, ch := range m.Removed {
		total[ch.What]++
	}
	s.say("%s\nin %s", tally(total), m.Folder)
}

// tally says what became of files: "3 created, 1 updated".
func tally(n map[journey.What]int) string {
	text := ""
	for _, what := range []journey.What{journey.Created, journey.Updated, journey.Unchanged, journey.Removed, journey.Kept} {
		if n[what] > 0 {
			text += fmt.Sprintf(", %d %s", n[what], what)
		}
	}
	if text == "" {
		return "none"
	}
	return text[2:]
}

func (s *session) removedTable(m app.Moved) {
	n := map[journey.What]int{}
	var rows [][]string
	for _, ch := range m.Removed {
		n[ch.What]++
		if ch.What == journey.Kept {
			rows = append(rows, []string{ch.Path, "edited since it was written, so it stays"})
		}
	}
	if len(rows) > 0 {
		s.table([]string{"KEPT", ""}, rows, cut)
	}
	s.say("%s\nin %s", tally(n), m.Folder)
}

func (s *session) standingTable(v app.Standing) {
	rows := make([][]string, 0, len(v.Steps))
	done := 0
	for _, step := range v.Steps {
		if step.State == "done" {
			done++
		}
		rows = append(rows, []string{fmt.Sprint(step.Wave), string(step.Step), string(step.Team), step.State, fmt.Sprintf("%d/%d", step.InPlace, step.Files)})
	}
	s.table([]string{"WAVE", "STEP", "TEAM", "STATE", "FILES"}, rows, cut)
	s.say("%d of %s done, in %s", done, count(len(v.Steps), "step"), v.Folder)
}
