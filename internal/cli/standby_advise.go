package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
)

func newStandbyAdvise(s *session) *cobra.Command {
	o := &output{}
	var q app.StandbyQuery
	c := &cobra.Command{
		Use: "advise [DATASTORE]", Short: "Say whether a datastore is better off on machines or in a cluster, by what was measured",
		Long: "Adds up what was measured of each datastore in the last thirty days: restarts, evictions, failovers, how long a block takes from disk, size, lag. It says stay, move,\n" +
			"or that not enough is known, with the points for each kind of place; and whether the way back was rehearsed. Nobody is asked: looking at datastores measures them,\n" +
			"which caravan serve does where standby.every is declared. No verdict is given before a week.",
		Example: "  caravan standby advise\n  caravan standby advise orders-db -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if len(args) == 1 {
				q.Datastore = estate.ServiceName(args[0])
			}
			got, err := cl.Advise(ctx, q)
			if err != nil {
				return err
			}
			return o.value(s.terminal, got, func() { s.advices(got) })
		}),
	}
	standbyFlags(c, &q)
	o.flags(c)
	return c
}

func (s *session) advices(got app.Advices) {
	if len(got.Datastores) == 0 {
		s.tell("no datastore is declared to have standbys; declare them under standby.datastores in caravan.yaml")
		return
	}
	for _, a := range got.Datastores {
		s.advice(a)
	}
}

func (s *session) advice(a standby.Advice) {
	s.tell("%s: %s", plain(placed(a.Datastore, a.Environment)), plain(a.Line()))
	var rows [][]string
	for _, p := range a.Points {
		rows = append(rows, []string{fmt.Sprintf("+%d", p.Points), p.For, p.Text})
	}
	if len(rows) > 0 {
		s.table([]string{"POINTS", "FOR", "REASON"}, rows, wrap)
	}
	for _, u := range a.Unknown {
		s.tell("  not known: %s", plain(u))
	}
	s.tell("  way back: %s", plain(a.WayBack.String()))
	for _, n := range a.Next {
		s.tell("  next: %s", plain(n))
	}
}
