package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/readiness"
)

func newReady(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:   "ready NAME",
		Short: "Show how far each service is from going live, and what is next",
		Long: "Red: something keeps it from running there. Amber: it runs, and people are not ready: the team that takes it over has not read its runbook, or not\n" +
			"practised a restart and a rollback there, or somebody has still to sign its traffic off. Green: nothing is left.",
		Example: "  caravan ready indonesia\n  caravan ready indonesia -o json",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			list, err := cl.Ready(ctx, args[0])
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() { s.readyTable(list) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	return c
}

func (s *session) readyTable(list []readiness.Readiness) {
	rows := make([][]string, 0, len(list))
	n := map[readiness.Colour]int{}
	for _, v := range list {
		n[v.Colour]++
		done := 0
		for _, i := range v.Items {
			if i.Done {
				done++
			}
		}
		rows = append(rows, []string{string(v.Name), string(v.Team), string(v.Colour), fmt.Sprintf("%d/%d", done, len(v.Items)), plain(v.Next)})
	}
	s.table([]string{"SERVICE", "TEAM", "READY", "DONE", "NEXT"}, rows, wrap)
	var tally []string
	for _, colour := range []readiness.Colour{readiness.Green, readiness.Amber, readiness.Red} {
		tally = append(tally, fmt.Sprintf("%d %s", n[colour], colour))
	}
	s.say("%s", strings.Join(tally, ", "))
}

func newDrill(s *session) *cobra.Command {
	o := &output{}
	var req app.DrillRequest
	c := &cobra.Command{
		Use:   "drill NAME runbook|restart|rollback",
		Short: "Keep that a team practised something for a service it takes over",
		Long: "Before a team takes a service over in a new place, it has read how the service is run there, restarted it there and gone back to an earlier release there.\n" +
			"caravan how SERVICE restart and caravan how SERVICE rollback tell how.",
		Example:   "  caravan drill indonesia restart --team orders --service orders",
		Args:      cobra.ExactArgs(2),
		ValidArgs: []string{"runbook", "restart", "rollback"},
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if err := spoken(req.Team); err != nil {
				return err
			}
			req.Practice = readiness.Practice(args[1])
			if !slices.Contains(readiness.Practices(), req.Practice) {
				return fault.Newf(fault.Usage, "%s is no drill; it is runbook, restart or rollback", args[1])
			}
			if req.Service == "" {
				return fault.Newf(fault.Usage, "--service is missing: say which service the team takes over")
			}
			list, err := cl.Drill(ctx, args[0], req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() { s.readyTable(list) })
		}),
	}
	o.flags(c)
	teamFlag(c, &req.Team)
	c.Flags().StringVar((*string)(&req.Service), "service", "", "service that the team takes over")
	return c
}
