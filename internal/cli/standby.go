package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

func newStandby(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "standby",
		Short: "Know databases that keep copies of themselves, keep the copies warm, switch over and move them",
		Long: "A standby whose cache is cold makes queries crawl when it takes over. These commands show who is primary and how far and how warm the standbys are,\n" +
			"keep them warm, switch over only to one that lags little and is warm, ask for new databases, back them up and restore the backups,\n" +
			"advise where each should run, and move them between environments. Which datastores, and how each is reached, is declared under standby in caravan.yaml.",
	}
	c.AddCommand(newStandbyStatus(s), newStandbyAdvise(s), newStandbyCreate(s), newStandbyWarm(s), newStandbySwitch(s), newStandbyMove(s), newStandbyBack(s), newStandbyClose(s), newStandbyBackup(s), newStandbyDrill(s), newStandbyPrepare(s))
	return c
}

// standbyFlags say which datastore is meant.
func standbyFlags(c *cobra.Command, q *app.StandbyQuery) {
	c.Flags().StringVarP((*string)(&q.Environment), "environment", "e", "", "those in one environment")
	c.Flags().StringVar((*string)(&q.Team), "team", "", "those of one team")
}

func newStandbyStatus(s *session) *cobra.Command {
	o := &output{}
	var q app.StandbyQuery
	var last bool
	c := &cobra.Command{
		Use: "status [DATASTORE]", Short: "Show who is primary, and how far and how warm the standbys are",
		Long: "Asks the datastores and what keeps them: who is primary, lag in bytes and seconds, timeline, who confirms writes, how warm each standby is, backups; and\n" +
			"what is wrong. Exits with 8 when something is.",
		Example: "  caravan standby status\n  caravan standby status orders-db -o json\n  caravan standby status --last",
		Args:    cobra.MaximumNArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if len(args) == 1 {
				q.Datastore = estate.ServiceName(args[0])
			}
			stop := func() {}
			if !last {
				stop = s.meanwhile("asking", "who is primary")
			}
			got, err := cl.Standbys(ctx, q, !last)
			stop()
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, got, func() { s.standbyTable(got) }); err != nil || len(got.Findings) == 0 {
				return err
			}
			return &silent{fault.Newf(fault.Differs, "%s", count(len(got.Findings), "finding"))}
		}),
	}
	standbyFlags(c, &q)
	c.Flags().BoolVar(&last, "last", false, "show what the last look found, and ask nobody")
	o.flags(c)
	return c
}

func (s *session) standbyTable(got app.Standbys) {
	if len(got.Datastores) == 0 {
		s.tell("no datastore is declared to have standbys; declare them under standby.datastores in caravan.yaml")
		return
	}
	var rows [][]string
	for _, d := range got.Datastores {
		for _, m := range d.Members {
			rows = append(rows, []string{string(d.Datastore), string(d.Environment), m.Name, string(m.Role), cmp.Or(stateOf(d, m), "-"), timelineText(m), lagText(m), warmthText(m), m.Address})
		}
	}
	s.table([]string{"DATASTORE", "ENVIRONMENT", "INSTANCE", "ROLE", "STATE", "TIMELINE", "LAG", "WARMTH", "ADDRESS"}, rows, wrap)
	for _, d := range got.Datastores {
		s.tell("%s", plain(keptText(got.At, d)))
		for _, doubt := range d.Doubts {
			s.tell("  %s", plain(doubt))
		}
	}
	for _, f := range got.Findings {
		name, _, _ := strings.Cut(f.Subject, "/")
		s.tell("%s: %s: %s; %s", f.Severity, plain(placed(estate.ServiceName(name), f.Environment)), plain(f.What), plain(f.Advice))
	}
}

// tell writes a line of what was asked for; say is for what goes on meanwhile.
func (s *session) tell(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// placed is a datastore with the environment it is in: one name may be that of both ends of a move.
func placed(name estate.ServiceName, env estate.EnvironmentName) string {
	if env == "" {
		return string(name)
	}
	return fmt.Sprintf("%s in %s", name, env)
}

// stateOf is how an instance is, with what its keeper and the gate make of it.
func stateOf(d app.StandbyStatus, m standby.Member) string {
	out := m.Says()
	if d.Preferred == m.Name {
		out = append(out, "takes over best")
	}
	return strings.Join(out, ", ")
}

func timelineText(m standby.Member) string {
	if m.Timeline == 0 {
		return "-"
	}
	return fmt.Sprint(m.Timeline)
}

func lagText(m standby.Member) string {
	if m.Role == standby.Primary {
		return "-"
	}
	return cmp.Or(m.LagText(), "-")
}

func warmthText(m standby.Member) string {
	if m.Warmth == nil {
		return "-"
	}
	return standby.Percent(m.Warmth.Share)
}

// keptText says who keeps a datastore, and what is known of its past.
func keptText(now time.Time, d app.StandbyStatus) string {
	text := fmt.Sprintf("%s: kept by %s", placed(d.Datastore, d.Environment), d.Keeper)
	if d.Keeper == standby.Nobody {
		text = placed(d.Datastore, d.Environment) + ": people decide who is primary"
	}
	if d.At.IsZero() {
		return text + "; never looked at"
	}
	if d.Version != "" {
		text += ", " + d.Technology + " " + d.Version
	}
	if d.Paused {
		text += ", paused"
	}
	if !d.Failover.IsZero() {
		text += fmt.Sprintf(", the primary changed %s ago", age(now, d.Failover))
	}
	if d.Backup != nil {
		text += ", " + backupText(now, *d.Backup)
	}
	if d.Stale {
		text += fmt.Sprintf("; looked at %s ago", age(now, d.At))
	}
	return text
}

func newStandbyWarm(s *session) *cobra.Command {
	var q app.StandbyQuery
	var o app.WarmOptions
	var share int
	c := &cobra.Command{
		Use: "warm [DATASTORE]", Short: "Keep standbys of PostgreSQL warm until it is ended",
		Long: "Round after round it compares what the primary has in its buffers with what each standby has, and has the standby read what it lacks, the hottest first. It\n" +
			"begins nothing while a standby is far behind, and leaves half of its disk's time to others. Whoever becomes primary is followed by itself. caravan serve does\n" +
			"the same where standby.every is declared. The servers are prepared for it once: caravan standby prepare.\n\n" +
			"It helps most where much is read and disks are networked; a fast local disk gains little, and where the hot data is written all the time, replay warms by itself.",
		Example: "  caravan standby warm\n  caravan standby warm orders-db --every 5s --rounds 1",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			const percent = 100
			if share < 1 || share > percent {
				return fault.Newf(fault.Usage, "--share %d is no share; write a number from 1 to 100", share)
			}
			if o.Every != 0 && o.Every < time.Second {
				return fault.Newf(fault.Usage, "--every %s is too often; write a second or more", o.Every)
			}
			o.Share = float64(share) / percent
			if len(args) == 1 {
				q.Datastore = estate.ServiceName(args[0])
			}
			if s.server != "" {
				return fault.Newf(fault.Usage, "a server warms by itself where standby.every is declared; leave out --server")
			}
			a, err := s.open(c.Context(), nil)
			if err != nil {
				return err
			}
			err = a.WarmStandbys(c.Context(), q, o, s.sayWarming)
			if c.Context().Err() != nil { // it was to end
				err = nil
			}
			return errors.Join(err, a.Close())
		},
	}
	standbyFlags(c, &q)
	c.Flags().DurationVar(&o.Every, "every", 0, "time between rounds; that of caravan.yaml, or 10s, when left out")
	c.Flags().IntVar(&o.Rounds, "rounds", 0, "end after so many rounds")
	c.Flags().IntVar(&share, "share", 50, "most of the time, in percent, that a standby may read for this")
	return c
}

// sayWarming is a line for each round.
func (s *session) sayWarming(t standby.Topology, did app.Warming, err error) {
	var parts []string
	mute := false // somebody did not say what it is
	for _, m := range t.Members {
		mute = mute || m.Role == standby.Unknown
		switch {
		case m.Unreachable != "":
			parts = append(parts, m.Unreachable)
		case m.Role == standby.Standby:
			text := fmt.Sprintf("%s %s warm", m.Name, warmthText(m))
			if n := did.Lacking[m.Name]; n > 0 {
				text += fmt.Sprintf(", read %d of %d blocks", did.Read[m.Name], n)
			}
			parts = append(parts, text)
		}
	}
	switch n := len(t.Primaries()); {
	case err != nil:
		parts = append(parts, err.Error())
	case n == 0 && (mute || len(t.Members) == 0):
		parts = append(parts, "who is primary is not known")
	case n == 0:
		parts = append(parts, "no primary")
	case n > 1:
		parts = append(parts, "more than one primary")
	case len(t.Standbys()) == 0 && !mute:
		parts = append(parts, "no standby follows it")
	}
	parts = append(parts, t.Doubts...)
	s.say("%s %s: %s", t.At.Local().Format(time.TimeOnly), plain(placed(t.Datastore, t.Environment)), plain(strings.Join(slices.Compact(parts), "; ")))
}

func newStandbySwitch(s *session) *cobra.Command {
	o := &output{}
	var q app.StandbyQuery
	var req app.SwitchOver
	c := &cobra.Command{
		Use: "switch DATASTORE", Short: "Make another instance primary, if it lags little and is warm",
		Long: "Asks the keeper of the datastore to make a standby primary, and waits until it is. It is refused, with the figures and exit code 6, unless the standby lags at most\n" +
			"standby.lag and has at least standby.warmth of the primary's hot blocks; --force passes that, on record. Without --to, the standby that best takes over is taken.",
		Example: "  caravan standby switch orders-db --dry-run\n  caravan standby switch orders-db --to pg-2\n  caravan standby switch orders-db --to pg-2 --force --why 'disk of pg-1 fails'",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			q.Datastore = estate.ServiceName(args[0])
			stop := s.meanwhile("switching over", args[0])
			got, err := cl.SwitchOver(ctx, q, req)
			stop()
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, got, func() { s.handover(plain(placed(q.Datastore, q.Environment)), got) }); err != nil || got.Done || len(got.Refusals) == 0 {
				return err
			}
			return &silent{fault.Newf(fault.Denied, "the gate refuses")}
		}),
	}
	c.Flags().StringVarP((*string)(&q.Environment), "environment", "e", "", "the one in this environment")
	c.Flags().StringVar(&req.To, "to", "", "instance that is to be primary")
	c.Flags().BoolVar(&req.Force, "force", false, "do it although the gate refuses")
	c.Flags().StringVar(&req.Why, "why", "", "reason, for the audit")
	c.Flags().BoolVar(&req.Dry, "dry-run", false, "say what would be done, and do nothing")
	o.flags(c)
	return c
}

func (s *session) handover(name string, h app.Handover) {
	switch {
	case h.Done:
		s.tell("%s is primary of %s, %s after the word; %s was", h.To, name, h.Took.Round(10*time.Millisecond), h.From)
	case len(h.Refusals) > 0:
		s.tell("%s would not be switched over from %s to %s:", name, h.From, h.To)
	case len(h.ByHand) > 0:
		s.tell("%s can be switched over from %s to %s: the gate has nothing against it", name, h.From, h.To)
	default:
		s.tell("%s would be switched over from %s to %s: the gate has nothing against it", name, h.From, h.To)
	}
	for _, r := range h.Refusals {
		s.tell("  %s", plain(r))
	}
	if h.Heir.Name != "" && !h.Done {
		s.tell("%s", plain(heirText(h)))
	}
	if len(h.ByHand) > 0 {
		s.tell("Caravan can tell nobody to do it; people do, in this order:")
	}
	for i, step := range h.ByHand {
		s.tell("  %d. %s", i+1, plain(step))
	}
}

// heirText is how far and how warm who is to be primary is, with what the gate asks.
func heirText(h app.Handover) string {
	lag, warm := "how far it lags is not known", "how warm it is is not known"
	if h.Heir.Lag != nil {
		lag = "lags " + standby.Bytes(*h.Heir.Lag)
	}
	text := fmt.Sprintf("%s (%s): %s (at most %s)", h.Heir.Name, h.Heir.Address, lag, standby.Bytes(h.Gate.Lag))
	if h.Heir.Timeline == 0 { // a Redis, of which warmth says nothing
		return text
	}
	if h.Heir.Warmth != nil {
		warm = "is " + standby.Percent(h.Heir.Warmth.Share) + " warm"
	}
	return fmt.Sprintf("%s, %s (at least %s)", text, warm, standby.Percent(h.Gate.Warmth))
}

func newStandbyPrepare(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "prepare", Short: "Print the SQL that a PostgreSQL server is prepared with",
		Long: "Prints SQL that makes the account " + standby.Account + ", two modules of contrib, pg_buffercache and pg_prewarm, and four functions that are all the account may\n" +
			"call: it cannot read a row of anybody. A superuser runs it on the primary in each database; run again it changes nothing. Then give the account a password,\n" +
			"let pg_hba.conf let it in from where Caravan runs, and name the password under standby.datastores.",
		Example: "  caravan standby prepare >prepare.sql\n  for db in $(psql -AtXc 'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate'); do psql -X -d \"$db\" -f prepare.sql; done\n" +
			"  psql -c '\\password " + standby.Account + "'",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(s.out, standby.Prepare())
			return err
		},
	}
}
