package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// moveOptions are the flags of move, undo and status.
type moveOptions struct {
	output
	req app.MoveRequest
	dry bool
	log bool
}

func (o *moveOptions) flags(c *cobra.Command) {
	o.output.flags(c)
	c.Flags().StringVar(&o.req.Out, "out", "", "folder to write into (default: rendered/NAME in the workspace)")
}

// runs are the flags of commands that carry something out.
func (o *moveOptions) runs(c *cobra.Command) {
	c.Flags().BoolVar(&o.log, "log", false, "print every line that the steps say, as it comes, instead of how far it is")
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
		Short: "Carry a plan out, step by step, where its environments lead to",
		Long: "Plans the expansion and carries it out, wave by wave: an environment with a target in caravan.yaml for real, on its cluster or machines, with the\n" +
			"green lights of the teams who own its steps; any other as files in a folder, to review, commit and let kubectl, Argo CD or Flux apply. A second\n" +
			"move changes nothing; what is no longer part of the plan is removed; nothing else is touched. Exits with 6 while edges are undecided or a\n" +
			"green light is missing.",
		Example: "  caravan move indonesia\n  caravan move indonesia --dry-run\n  caravan move indonesia --log\n  caravan move indonesia --out ../fleet/indonesia",
		Args:    cobra.ExactArgs(1),
		RunE: s.carried(o, func(ctx context.Context, cl *client.Client, name string) error {
			if o.dry {
				moved, err := cl.PreviewMove(ctx, name, o.req)
				if err != nil {
					return err
				}
				return o.value(s.terminal, moved, func() { s.movedTable(moved, true) })
			}
			moved, err := cl.Move(ctx, name, o.req, s.watching(o.log))
			s.clear()
			if err != nil {
				return unfinished(ctx, name, err)
			}
			return o.value(s.terminal, moved, func() { s.movedTable(moved, false) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	o.runs(c)
	c.Flags().BoolVar(&o.dry, "dry-run", false, "say what would be done, with the difference where a target can tell, and do nothing")
	c.Flags().BoolVar(&o.req.Force, "force", false, "overwrite and remove what was edited since it was written")
	c.Flags().StringVar(&o.req.Why, "why", "", "reason, for the audit")
	return c
}

// watching shows how far a run is, in one line on a terminal and else in one now and then; or all that its steps say.
func (s *session) watching(log bool) func(app.Watched) {
	said := map[string]bool{}
	return func(w app.Watched) {
		doing := ""
		for _, step := range w.Run.Steps {
			if step.State == journey.Doing {
				doing = string(step.Step)
			}
		}
		for _, l := range w.Lines {
			switch {
			case log:
				s.say("%s  %s  %s", l.At.Local().Format(time.TimeOnly), l.Step, plain(l.Text))
			case aloud(l.Text) && !said[l.Text]:
				s.clear()
				s.say("%s", plain(l.Text))
				said[l.Text] = true
			}
			if string(l.Step) == doing {
				doing = string(l.Step) + ": " + plain(l.Text)
			}
		}
		if !log {
			s.progress(string(w.Run.Way), "%s", strings.TrimRight(fmt.Sprintf("%d of %s done  %s", w.Run.Count(journey.Done), count(len(w.Run.Steps), "step"), doing), " "))
		}
	}
}

// aloud tells what nobody should have to find in a log: what an undo leaves, what was put in place and does not run yet, and for how long clients waited.
func aloud(line string) bool {
	return strings.Contains(line, " STAYS: ") || strings.Contains(line, " waits for what its unit asks to be there") || strings.Contains(line, " were held for ")
}

// unfinished says of a run that was interrupted here how it goes on.
func unfinished(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return fault.Newf(fault.Unavailable, "interrupted; nothing is half done: the same command goes on where it was, caravan status %s says how far that is", name)
	}
	return err
}

func newUndo(s *session) *cobra.Command {
	o := &moveOptions{}
	c := &cobra.Command{
		Use:     "undo NAME",
		Short:   "Take away what moving an expansion made, and give its addresses back",
		Long:    "Takes away what moves put in place, on clusters, machines and in folders, and nothing else. What was edited since stays, unless --force is given.\nRanges are quarantined before they may be used again.",
		Example: "  caravan undo indonesia",
		Args:    cobra.ExactArgs(1),
		RunE: s.carried(o, func(ctx context.Context, cl *client.Client, name string) error {
			if o.dry {
				moved, err := cl.PreviewUndo(ctx, name, o.req)
				if err != nil {
					return err
				}
				return o.value(s.terminal, moved, func() { s.removedTable(moved, true) })
			}
			moved, err := cl.Undo(ctx, name, o.req, s.watching(o.log))
			s.clear()
			if err != nil {
				return unfinished(ctx, name, err)
			}
			return o.value(s.terminal, moved, func() { s.removedTable(moved, false) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	o.runs(c)
	c.Flags().BoolVar(&o.dry, "dry-run", false, "say what would be removed and given back, and do nothing")
	c.Flags().BoolVar(&o.req.Force, "force", false, "remove what was edited since it was written, too")
	c.Flags().StringVar(&o.req.Why, "why", "", "reason, for the audit")
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
		for _, ch := range m.Removed {
			total[ch.What]++
		}
		s.diffs(m)
		s.say("%s\nnothing was written; it would go to %s", tally(total), where(m.Folder, m.Where))
		return
	}
	var kept []string
	for _, ch := range m.Removed {
		total[ch.What]++
		if ch.What == journey.Kept {
			kept = append(kept, ch.Path)
		}
	}
	s.say("%s\nin %s", tally(total), where(m.Folder, m.Where))
	if len(kept) > 0 {
		s.say("no longer part of the plan, and left because it was edited: %s", plain(strings.Join(kept, ", ")))
	}
	s.notInEffect(m.ToDo.NotInEffect)
	if slices.ContainsFunc(m.Where, func(w app.Where) bool { return !w.Live }) {
		s.say("Next:  secrets are in no file: SECRETS.md of each overlay and README.md of each vm folder list them\n       review and commit the folder, then kubectl apply -k, Argo CD or Flux, and the README of each vm folder for machines")
	}
	if m.ToDo.Questions > 0 {
		s.say("A default stands in for the answers to %s to the owners; caravan plan %s lists them", count(m.ToDo.Questions, "question"), m.Expansion)
	}
}

// where says where everything is, or would be: the folder, or the target of each environment.
func where(folder string, places []app.Where) string {
	if !slices.ContainsFunc(places, func(w app.Where) bool { return w.Target != folder }) {
		return folder
	}
	words := make([]string, len(places))
	for i, w := range places {
		words[i] = string(w.Environment) + ": " + w.Target
	}
	return strings.Join(words, "; ")
}

// diffs shows what would change in places that can tell, file by file.
func (s *session) diffs(m app.Moved) {
	for _, step := range m.Steps {
		for _, ch := range step.Changes {
			if ch.Diff != "" && ch.What != journey.Unchanged {
				s.say("%s, %s", ch.Path, ch.What)
				for line := range strings.Lines(ch.Diff) {
					s.say("  %s", plain(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")))
				}
			}
		}
	}
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

func (s *session) removedTable(m app.Moved, dry bool) {
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
	if len(m.Removed) == 0 && len(m.GivenBack) == 0 {
		s.say("nothing of %s was in place, in %s", m.Expansion, where(m.Folder, m.Where))
		return
	}
	s.say("%s\nin %s", tally(n), where(m.Folder, m.Where))
	if dry {
		s.say("nothing was removed or given back")
		return
	}
	if n[journey.Kept] > 0 {
		s.say("caravan undo %s --force removes what was edited, too", m.Expansion)
	}
	for _, l := range m.GivenBack {
		if l.Parent != "" && strings.HasPrefix(l.Parent, address.OfPool("")) {
			s.say("gave back %s and all in it; quarantined before anybody else is given it", l.Prefix)
		}
	}
	s.say("%s stays; remove it to forget the wish, too", expansion.FileOf(m.Expansion))
}

func (s *session) standingTable(v app.Standing) {
	rows := make([][]string, 0, len(v.Steps))
	for _, step := range v.Steps {
		rows = append(rows, []string{fmt.Sprint(step.Wave), string(step.Step), string(step.Team), step.State, fmt.Sprintf("%d/%d", step.InPlace, step.Files), greenLight(step.Verdict)})
	}
	s.table([]string{"WAVE", "STEP", "TEAM", "STATE", "FILES", "GREEN LIGHT"}, rows, cut)
	for _, step := range v.Steps {
		if step.Idle != "" {
			s.say("%s does not run yet: %s", step.Step, plain(step.Idle))
		}
	}
	if len(v.Edited) > 0 {
		s.say("edited since they were written: %s", plain(strings.Join(v.Edited, ", ")))
	}
	s.notInEffect(v.ToDo.NotInEffect)
	if len(v.Undecided) > 0 {
		s.say("%s undecided; caravan plan %s lists them", areEdges(len(v.Undecided)), v.Expansion)
	}
	if v.Run != nil {
		s.runLine(*v.Run)
	}
	for _, l := range v.Looked {
		if l.Failed != "" {
			s.say("%s could not be asked what is in place there: %s", l.Environment, plain(l.Failed))
		}
	}
	s.say("%d of %s written, in %s", v.Written(), count(len(v.Steps), "step"), where(v.Folder, v.Where))
}
