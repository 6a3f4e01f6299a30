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
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/standby"
)

func newStandbyMove(s *session) *cobra.Command {
	o := &moveOptions{}
	var req app.RelocateRequest
	var dry bool
	c := &cobra.Command{
		Use: "move DATASTORE", Short: "Move a database to another environment while it is used",
		Long: "PostgreSQL is copied by logical replication and then its clients are held for moments and led over: the old place takes no writes any more and follows the new one, so\n" +
			"going back loses nothing. Redis becomes a replica in the new place, writes are held for moments, and what led before can never lead by itself. The move is\n" +
			"declared under standby.moves in caravan.yaml. It is refused, with what to mend, while something stands in the way, and until the team that owns it has agreed:\n" +
			"caravan approve store:DATASTORE:ENVIRONMENT --team TEAM. --dry-run shows what it would do, what stands in the way and how far it is.",
		Example: "  caravan standby move orders-db --dry-run\n  caravan approve store:orders-db:jakarta --team orders\n  caravan standby move orders-db --to jakarta --why CHG-1204",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(&o.output, func(ctx context.Context, cl *client.Client, args []string) error {
			name := estate.ServiceName(args[0])
			if dry {
				got, err := cl.PreviewRelocation(ctx, name, req.To)
				if err != nil {
					return err
				}
				stands, err := standingOf(ctx, cl, got.Journey)
				if err != nil {
					return err
				}
				if err := o.value(s.terminal, got, func() { s.relocation(got, stands) }); err != nil || got.InTheWay() == "" {
					return err
				}
				return &silent{fault.Newf(fault.Conflict, "something stands in its way")}
			}
			moved, err := cl.Relocate(ctx, name, req, s.watching(o.log))
			s.clear()
			if fault.KindOf(err) == fault.Denied && moved.Expansion != "" {
				return toAgree(ctx, cl, moved.Expansion, err)
			}
			if err != nil {
				return err
			}
			return o.value(s.terminal, moved, func() { s.say("%s has moved; caravan standby back %[1]s leads it back without a loss", name) })
		}),
	}
	relocationFlags(c, &req)
	c.Flags().BoolVar(&dry, "dry-run", false, "show what it would do, what stands in the way and how far it is; change nothing")
	o.output.flags(c)
	o.runs(c)
	return c
}

func relocationFlags(c *cobra.Command, req *app.RelocateRequest) {
	c.Flags().StringVar((*string)(&req.To), "to", "", "environment it moves to, where several are declared")
	c.Flags().StringVar(&req.Why, "why", "", "reason, for the audit")
}

// relocationStanding is how a move of a datastore stands beside what the servers say.
type relocationStanding struct {
	lack []estate.TeamName // who has not agreed
	why  []string          // what else is against it, such as a veto
	run  journey.RunState  // of what was last begun; "" when nothing was
}

func standingOf(ctx context.Context, cl *client.Client, name string) (out relocationStanding, err error) {
	asked, err := cl.Consents(ctx, name)
	if err != nil {
		return out, err
	}
	for _, step := range asked.Steps {
		if !step.Asked || step.Verdict.Allowed {
			continue
		}
		out.lack = append(out.lack, step.Verdict.Teams()...)
		for _, reason := range step.Verdict.Reasons {
			if reason.Kind != consent.Lacking {
				out.why = append(out.why, reason.Text)
			}
		}
	}
	slices.Sort(out.lack)
	slices.Sort(out.why)
	out.lack, out.why = slices.Compact(out.lack), slices.Compact(out.why)
	runs, err := cl.Runs(ctx, name)
	if len(runs) > 0 {
		out.run = runs[0].State
	}
	return out, err
}

// toAgree adds to a refusal how those agree who have not.
func toAgree(ctx context.Context, cl *client.Client, name string, refusal error) error {
	stands, err := standingOf(ctx, cl, name)
	if err != nil || len(stands.lack) == 0 {
		return refusal
	}
	return fault.Newf(fault.KindOf(refusal), "%w\n%s", refusal, strings.Join(stands.approvals(name), "\n"))
}

// approvals are the commands by which those agree who have not.
func (v relocationStanding) approvals(name string) []string {
	var out []string
	for _, team := range v.lack {
		out = append(out, fmt.Sprintf("caravan approve %s --team %s", name, teamOr(team)))
	}
	return out
}

func (s *session) relocation(r app.Relocation, stands relocationStanding) {
	method := ""
	if r.Method != "" {
		method = ", by replication"
		if r.Technology == "postgres" {
			method = ", by " + r.Method + " replication"
		}
	}
	s.tell("%s moves from %s to %s%s", r.Datastore, r.From, r.To, method)
	for _, step := range r.Steps {
		s.tell("  %s", plain(step))
	}
	if r.Phase != "" {
		s.tell("it is %s%s", r.Phase, behind(r.Lag))
	}
	if text := goesOn(r, stands.run); text != "" {
		s.tell("%s", plain(text))
	}
	for i, p := range r.Pauses {
		s.tell("cut %d: clients were held for %s", i+1, p.Round(time.Millisecond))
	}
	if !r.Until.IsZero() {
		s.tell("the window that was declared ends %s; it can go back without a loss until somebody closes it: caravan standby close %s", r.Until.Local().Format("2006-01-02 15:04 MST"), r.Datastore)
	}
	var rows [][]string
	for _, c := range r.Checks {
		word := "know"
		if c.Blocking {
			word = "mend"
		}
		rows = append(rows, []string{word, c.Subject, strings.TrimSuffix(c.What+"; "+c.Mend, "; ")})
	}
	s.table([]string{"", "SUBJECT", "WHAT"}, rows, wrap)
	switch {
	case r.InTheWay() != "":
		s.tell("it is not moved until what stands in the way is mended")
	case r.Phase == "" || r.Phase == "planned" || r.Phase == "undone":
		s.tell("nothing is in the way: %s", strings.Join(append(stands.approvals(r.Journey), fmt.Sprintf("caravan standby move %s --to %s", r.Datastore, r.To)), ", then "))
	case len(stands.lack) > 0 && !ended(r):
		s.tell("it waits until they agree: %s", strings.Join(stands.approvals(r.Journey), ", "))
	}
	for _, why := range stands.why {
		s.tell("it waits: %s", plain(why))
	}
}

// ended reports whether nothing of a move is under way: its clients are in the new place, and can perhaps go back no more.
func ended(r app.Relocation) bool {
	return r.Arrived() || r.Phase == string(standby.Closed)
}

// goesOn is what can be done about a move that is in the middle of something; "" of one that is not. A program that was ended says so to nobody.
func goesOn(r app.Relocation, run journey.RunState) string {
	who := "nobody says that he works on it"
	if run == journey.Running {
		who = "unless somebody is at it"
	}
	if ended(r) {
		return ""
	}
	on := func(word string) string {
		return fmt.Sprintf("caravan standby %s %s --to %s", word, r.Datastore, r.To)
	}
	switch r.Phase {
	case string(standby.Preparing), string(standby.Prepared), string(standby.Following), string(standby.Cutting), string(standby.Moved):
		return fmt.Sprintf("%s: %s goes on, %s undoes it", who, on("move"), on("back"))
	case string(standby.RedisLed):
		return fmt.Sprintf("%s: %s goes on", who, on("move"))
	case string(standby.Returning), string(standby.Returned), string(standby.Undoing):
		return fmt.Sprintf("%s: %s goes on", who, on("back"))
	case string(standby.Closing):
		return fmt.Sprintf("%s: %s goes on", who, on("close"))
	}
	return ""
}

// behind says how far the side that follows is behind, if one does.
func behind(lag *int64) string {
	if lag == nil {
		return ""
	}
	return ", and the side that follows is " + standby.Bytes(*lag) + " behind"
}

func teamOr(team estate.TeamName) string {
	if team == "" {
		return "TEAM"
	}
	return plain(string(team))
}

func newStandbyBack(s *session) *cobra.Command {
	o := &moveOptions{}
	var req app.RelocateRequest
	c := &cobra.Command{
		Use: "back DATASTORE", Short: "Lead a moved database back to where it was, without a loss",
		Long: "Clients are held for moments once more and led back; the old place has every write that the new one took. What the move made in the new place is taken away. It\n" +
			"can be done until the window is closed.",
		Example: "  caravan standby back orders-db --why 'queries are slower there'", Args: cobra.ExactArgs(1),
		RunE: s.asking(&o.output, func(ctx context.Context, cl *client.Client, args []string) error {
			moved, err := cl.RelocateBack(ctx, estate.ServiceName(args[0]), req, s.watching(o.log))
			s.clear()
			if err != nil {
				return err
			}
			return o.value(s.terminal, moved, func() { s.say("%s is where it was", args[0]) })
		}),
	}
	relocationFlags(c, &req)
	o.output.flags(c)
	o.runs(c)
	return c
}

func newStandbyClose(s *session) *cobra.Command {
	o := &output{}
	var req app.CloseRequest
	c := &cobra.Command{
		Use: "close DATASTORE", Short: "End the time in which a moved database can go back",
		Long: "PostgreSQL: the old place is told nothing any more and takes no writes; dropping it is left to whoever owns it. It is on record who closed the window. Where the old\n" +
			"place was taken down before, --source-gone ends what the new one keeps for it. A Redis has no window: stop what it left.",
		Example: "  caravan standby close orders-db --why 'a week without trouble'", Args: cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			got, err := cl.CloseRelocation(ctx, estate.ServiceName(args[0]), req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, got, func() {
				s.say("%s stays in %s: %s follows it no more", got.Datastore, got.To, got.From)
			})
		}),
	}
	relocationFlags(c, &req.RelocateRequest)
	c.Flags().BoolVar(&req.SourceGone, "source-gone", false, "the old place is gone for good: ask nothing of it")
	o.flags(c)
	return c
}
