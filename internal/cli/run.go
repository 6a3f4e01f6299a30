package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// newPause, newResume and newCancel turn what is being carried out.
func newPause(s *session) *cobra.Command {
	return s.turning("pause NAME", "Let nothing else of a move or undo begin; what began is finished", "  caravan pause indonesia --why 'until the stocktaking is over'",
		func(ctx context.Context, cl *client.Client, name string, t app.Turning) (journey.Run, error) {
			return cl.Pause(ctx, name, t)
		})
}

func newResume(s *session) *cobra.Command {
	return s.turning("resume NAME", "Let a move or undo go on that was paused, or that stopped", "  caravan resume indonesia",
		func(ctx context.Context, cl *client.Client, name string, _ app.Turning) (journey.Run, error) {
			return cl.Resume(ctx, name)
		})
}

func newCancel(s *session) *cobra.Command {
	return s.turning("cancel NAME", "End a move or undo where it is; what it did stays until it is moved again or undone", "  caravan cancel indonesia --why 'the country is put off'",
		func(ctx context.Context, cl *client.Client, name string, t app.Turning) (journey.Run, error) {
			return cl.Cancel(ctx, name, t)
		})
}

func (s *session) turning(use, short, example string, do func(context.Context, *client.Client, string, app.Turning) (journey.Run, error)) *cobra.Command {
	o := &output{}
	var t app.Turning
	c := &cobra.Command{
		Use: use, Short: short, Example: example, Args: cobra.ExactArgs(1), ValidArgsFunction: s.expansionNames,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			r, err := do(ctx, cl, args[0], t)
			if err != nil {
				return err
			}
			return o.value(s.terminal, r, func() { s.runLine(r) })
		}),
	}
	o.flags(c)
	if strings.HasPrefix(use, "resume") {
		return c
	}
	c.Flags().StringVar(&t.Why, "why", "", "reason, for the audit and for those who look on")
	return c
}

// runLine says how a run stands.
func (s *session) runLine(r journey.Run) {
	text := fmt.Sprintf("%s of %s (%s) is %s, %d of %s done", r.Way, r.Expansion, r.ID, r.State, r.Count(journey.Done), count(len(r.Steps), "step"))
	if r.Reason != "" {
		text += ": " + plain(r.Reason)
	}
	s.say("%s", text)
}

func newAudit(s *session) *cobra.Command {
	o := &output{}
	limit := 100
	c := &cobra.Command{
		Use:     "audit [NAME]",
		Short:   "List what was done, by whom, when and why: the last first",
		Long:    "Every line has the hash of the one before it, so that none can be changed or taken out without being missed; caravan audit verify looks.",
		Example: "  caravan audit\n  caravan audit indonesia --limit 20\n  caravan audit verify",
		Args:    cobra.MaximumNArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			list, err := cl.Audit(ctx, strings.Join(args, ""), limit)
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() {
				rows := make([][]string, 0, len(list))
				for _, e := range list {
					rows = append(rows, []string{strconv.FormatInt(e.ID, 10), e.At.Local().Format(time.DateTime), e.By, e.Expansion, e.What, e.Subject, e.Why})
				}
				s.table([]string{"LINE", "WHEN", "WHO", "EXPANSION", "WHAT", "", "WHY"}, rows, wrap)
				if len(rows) == 0 {
					s.say("nothing yet")
				}
			})
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	c.Flags().IntVar(&limit, "limit", limit, "how many lines")
	c.AddCommand(newVerify(s))
	return c
}

func newVerify(s *session) *cobra.Command {
	o := &output{}
	var expect string
	c := &cobra.Command{
		Use:     "verify",
		Short:   "Look through the whole audit: is every line there, as it was written?",
		Long:    "Exits with 8 when a line was changed, added or taken out. Write the last line and its hash down elsewhere, and give them to --expect later:\nthen even an audit that was written anew as a whole is found out.",
		Example: "  caravan audit verify\n  caravan audit verify --expect 1042:5f1d…",
		Args:    cobra.NoArgs,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, _ []string) error {
			known, err := remembered(expect)
			if err != nil {
				return err
			}
			proof, err := cl.VerifyAudit(ctx, known)
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, proof, func() {
				if proof.Wrong == "" {
					s.say("%s, none changed or missing\nlast line %d:%s", count(int(proof.Lines), "line"), proof.Lines, proof.Hash)
				}
			}); err != nil || proof.Wrong == "" {
				return err
			}
			return fault.Newf(fault.Differs, "the audit is not as it was written: %s; compare it with a backup, and ask who may write to the database", proof.Wrong)
		}),
	}
	o.flags(c)
	c.Flags().StringVar(&expect, "expect", "", "a line and its hash that were written down, as LINE:HASH")
	return c
}

// remembered is what --expect says.
func remembered(text string) (known app.Remembered, err error) {
	if text == "" {
		return known, nil
	}
	line, hash, _ := strings.Cut(text, ":")
	known.Hash = hash
	if known.Line, err = strconv.ParseInt(line, 10, 64); err != nil || known.Line < 1 || hash == "" {
		return known, fault.Newf(fault.Usage, "--expect %s: write it as caravan audit verify prints it, LINE:HASH", text)
	}
	return known, nil
}
