package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// greenLight says how a step stands with those who must agree; nothing when nobody has to.
func greenLight(v *consent.Verdict) string {
	if v == nil {
		return ""
	}
	if v.Allowed {
		return "given"
	}
	texts := make([]string, len(v.Reasons))
	for i, r := range v.Reasons {
		texts[i] = plain(r.Text)
	}
	return strings.Join(texts, "; ")
}

func newApprove(s *session) *cobra.Command {
	o := &output{}
	var req app.ApproveRequest
	var steps []string
	c := &cobra.Command{
		Use:   "approve NAME",
		Short: "Give a team's green light to steps of a move, exactly as they are planned now",
		Long: "Without --step or --wave, to all that ask for the team. A green light is for what a step does now: when the step changes, it is void. It may be taken\n" +
			"back with caravan revoke until the step begins.",
		Example: "  caravan approve indonesia --team orders\n  caravan approve indonesia --team orders --wave 3\n  caravan approve indonesia --team orders --step indonesia/service/orders",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if err := spoken(req.Team); err != nil {
				return err
			}
			for _, id := range steps {
				req.Steps = append(req.Steps, journey.StepID(id))
			}
			given, err := cl.Approve(ctx, args[0], req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, given, func() { s.givenTable(args[0], given) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	teamFlag(c, &req.Team)
	c.Flags().StringArrayVar(&steps, "step", nil, "a step; may be given again")
	c.Flags().IntVar(&req.Wave, "wave", 0, "the steps of one wave")
	c.Flags().StringVar(&req.For, "for", "", "the person you stand in for, as a delegate")
	return c
}

func (s *session) givenTable(name string, given []consent.GreenLight) {
	rows := make([][]string, 0, len(given))
	for _, l := range given {
		rows = append(rows, []string{string(l.Step), string(l.Team), l.By, string(l.Digest)})
	}
	if len(rows) == 0 {
		s.say("given already")
		return
	}
	s.table([]string{"STEP", "TEAM", "BY", "DIGEST"}, rows, cut)
	s.say("%s to %s", count(len(given), "green light"), name)
}

func teamFlag(c *cobra.Command, into *estate.TeamName) {
	c.Flags().StringVar((*string)(into), "team", "", "team you speak for")
}

// spoken wants to know which team somebody speaks for.
func spoken(team estate.TeamName) error {
	if team == "" {
		return fault.Newf(fault.Usage, "--team is missing: say which team you speak for")
	}
	return nil
}

func newRevoke(s *session) *cobra.Command {
	o := &output{}
	var req app.RevokeRequest
	c := &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Take green lights back that you gave for a team, until the steps begin",
		Example: "  caravan revoke indonesia --team orders\n  caravan revoke indonesia --team orders --step indonesia/service/orders",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if err := spoken(req.Team); err != nil {
				return err
			}
			n, err := cl.Revoke(ctx, args[0], req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, n, func() { s.say("%s taken back", count(n.GreenLights, "green light")) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	teamFlag(c, &req.Team)
	c.Flags().StringVar((*string)(&req.Step), "step", "", "one step; all that have not begun when left out")
	return c
}

func newVeto(s *session) *cobra.Command {
	o := &output{}
	var req app.VetoRequest
	c := &cobra.Command{
		Use:     "veto NAME",
		Short:   "Hold steps of a move up for a team, with a reason; or take that back",
		Long:    "A veto holds a step up whatever else is agreed, also when the step changes, until the team withdraws it.",
		Example: "  caravan veto indonesia --team payments --reason 'the provider has no contract for Indonesia yet'\n  caravan veto indonesia --team payments --withdraw",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if err := spoken(req.Team); err != nil {
				return err
			}
			all, err := cl.Veto(ctx, args[0], req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, all.Vetoes, func() {
				for _, v := range all.Vetoes {
					s.say("%s vetoes %s: %s", plain(string(v.Team)), orEvery(v.Step), plain(v.Reason))
				}
				if len(all.Vetoes) == 0 {
					s.say("no veto stands")
				}
			})
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	teamFlag(c, &req.Team)
	c.Flags().StringVar((*string)(&req.Step), "step", "", "one step; the journey as a whole when left out")
	c.Flags().StringVar(&req.Reason, "reason", "", "what would have to change for the team to agree")
	c.Flags().BoolVar(&req.Withdraw, "withdraw", false, "take the veto back")
	return c
}

func orEvery(step journey.StepID) string {
	if step == "" {
		return "every step"
	}
	return string(step)
}
