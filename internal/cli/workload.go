package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/estate"
)

func newWorkload(s *session) *cobra.Command {
	o := &output{}
	var from string
	var write bool
	c := &cobra.Command{
		Use:   "workload SERVICE",
		Short: "Show how a service is run, as a Score workload its team can own",
		Long: "Prints the service's workload (Score v1b1): its team's own from services/SERVICE/score.yaml, else one proposed from what was seen on machines,\n" +
			"each value with the line it is from, and what nobody can know but its owners as questions. --write puts the proposal there; from then on it is the\n" +
			"team's, and plans take it as it is.",
		Example: "  caravan workload orders\n  caravan workload orders --from production-sg --write",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			ask := cl.Workload
			if write {
				ask = cl.BeginWorkload
			}
			w, err := ask(c.Context(), estate.ServiceName(args[0]), estate.EnvironmentName(from))
			if err != nil {
				return err
			}
			return o.value(s.terminal, w, func() {
				if write {
					s.say("wrote %s; answer its %s there", w.File, count(len(w.Questions), "question"))
					return
				}
				fmt.Fprint(s.out, w.Text)
				if w.Own {
					s.say("its team's own, from %s", w.File)
					return
				}
				s.say("proposed, with %s; --write puts it into %s", count(len(w.Questions), "question"), w.File)
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "environment it is seen in (default: the one expansions start from)")
	c.Flags().BoolVar(&write, "write", false, "put the proposal where the team keeps its workload")
	o.flags(c)
	return c
}
