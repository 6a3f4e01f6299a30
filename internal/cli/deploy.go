package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// deployOptions are the flags of deploy.
type deployOptions struct {
	output
	building
	req                         app.DeployRequest
	dry, log                    bool
	back, pause, resume, status bool
	until                       string
}

// Validate refuses flags that contradict each other.
func (o *deployOptions) Validate() error {
	ways := 0
	for _, on := range []bool{o.req.Version != "", o.back, o.pause, o.resume, o.status} {
		if on {
			ways++
		}
	}
	switch {
	case ways != 1:
		return fault.Newf(fault.Usage, "say one thing to do: --version, --back, --pause, --resume or --status")
	case o.from != "" && o.req.Version == "":
		return fault.Newf(fault.Usage, "--from makes the image of a version: give --version, too")
	case o.from != "" && o.req.Image != "":
		return fault.Newf(fault.Usage, "--from makes an image and --image names one: give one of them")
	case (o.pause || o.resume) && len(o.req.Only) == 0:
		return fault.Newf(fault.Usage, "say where with --only: vm, kubernetes or an environment")
	case o.until != "" && !o.back && !o.pause:
		return fault.Newf(fault.Usage, "--until is how long a difference is meant so: it goes with --back and --pause")
	}
	return nil
}

func newDeploy(s *session) *cobra.Command {
	o := &deployOptions{}
	c := &cobra.Command{
		Use:   "deploy SERVICE",
		Short: "Bring one version to every environment a service lives in, on machines and Kubernetes alike",
		Long: "Brings one image, by its digest, to all environments of a service, one after the other in the agreed order: clusters pull it, machines get the release's layer of it.\n" +
			"An environment is done when all of it is well. One that is not well goes back by itself to what ran there, and no later one is begun; those before it keep the new\n" +
			"version, or go back, too, with --all-or-nothing. Either side can be held back or taken back alone, which is kept as meant so until a day. The same command again\n" +
			"goes on where it was interrupted; deploying what is deployed changes nothing. With CARAVAN_SERVER in the environment a server does it.",
		Example: "  caravan deploy orders --version 4.19.0\n" +
			"  caravan deploy orders --version 4.19.0 --from build/release       make and push its image first\n" +
			"  caravan deploy orders --version 4.19.0 --only kubernetes --dry-run\n" +
			"  caravan deploy orders --back --only kubernetes --why 'slow on arm'\n" +
			"  caravan deploy orders --pause --only vm --why 'freeze of the fair' --until 2027-01-10\n" +
			"  caravan deploy orders --resume --only vm",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			s.fromPipeline()
			return s.asking(&o.output, func(ctx context.Context, cl *client.Client, args []string) error {
				return s.runDeploy(ctx, cl, o, args[0])
			})(c, args)
		},
		ValidArgsFunction: s.serviceNames,
	}
	o.output.flags(c)
	o.building.flags(c)
	f := c.Flags()
	f.StringVar(&o.req.Version, "version", "", "version: the tag of its image")
	f.StringVar(&o.req.Image, "image", "", "image, where it is not the service's own below registry under delivery")
	f.StringArrayVar(&o.req.Only, "only", nil, "vm, kubernetes or an environment; may be given more than once")
	f.BoolVar(&o.req.AllOrNothing, "all-or-nothing", false, "when it is not well in one environment, take it back from those before, too")
	f.BoolVar(&o.req.Force, "force", false, "overwrite what somebody edited in a cluster")
	f.StringVar(&o.req.Why, "why", "", "reason, for the audit and for those who see a difference")
	f.BoolVar(&o.dry, "dry-run", false, "say where it would go, in which order, and do nothing")
	f.BoolVar(&o.log, "log", false, "print every line as it comes, instead of how far it is")
	f.BoolVar(&o.back, "back", false, "bring back the version before")
	f.BoolVar(&o.pause, "pause", false, "let nothing be delivered there for a while")
	f.BoolVar(&o.resume, "resume", false, "let versions be delivered there again")
	f.BoolVar(&o.status, "status", false, "show what runs where, as caravan releases does")
	f.StringVar(&o.until, "until", "", "day, or time such as 48h, until which a difference is meant so (default: a week)")
	return c
}

// runDeploy does the one thing that is asked for.
func (s *session) runDeploy(ctx context.Context, cl *client.Client, o *deployOptions, service string) error {
	until, err := s.moment(o.until)
	if err != nil {
		return err
	}
	pause := app.PauseRequest{Only: o.req.Only, Why: o.req.Why, Until: until}
	switch {
	case o.status:
		return s.showReleases(ctx, cl, &o.output, service)
	case o.pause:
		out, err := cl.PauseDelivery(ctx, service, pause)
		return s.released(&o.output, out, err)
	case o.resume:
		out, err := cl.ResumeDelivery(ctx, service, pause)
		return s.released(&o.output, out, err)
	case o.back:
		r, err := cl.GoBack(ctx, service, app.BackRequest{Only: o.req.Only, Force: o.req.Force, Why: o.req.Why, Until: until}, s.delivering(o.log))
		return s.deployed(ctx, o, r, err)
	}
	if o.from != "" {
		made, err := s.build(ctx, cl, o.building, service, o.req.Version, !o.dry)
		if err != nil {
			return err
		}
		s.say("image %s", cmp.Or(made.Name, made.Digest))
		o.req.Image = made.Name
	}
	if o.dry {
		r, err := cl.PreviewDeploy(ctx, service, o.req)
		if err != nil {
			return err
		}
		return o.value(s.terminal, r, func() { s.deliveryTable(r) })
	}
	r, err := cl.Deploy(ctx, service, o.req, s.delivering(o.log))
	return s.deployed(ctx, o, r, err)
}

// moment reads a day, which is meant to its end, or a length of time from now; none for "".
func (s *session) moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return s.now().Add(d), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	for _, form := range []string{"2006-01-02 15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fault.Newf(fault.Usage, "--until %s: write a day such as 2027-01-10, or a time such as 48h", text)
}

// delivering shows how far a release is, in one line on a terminal and else in one now and then; or all that is said.
func (s *session) delivering(log bool) func(app.ReleaseWatched) {
	steps := map[estate.EnvironmentName]delivery.Step{}
	return func(w app.ReleaseWatched) {
		doing := ""
		for _, l := range w.Lines {
			switch {
			case log:
				s.say("%s  %s  %s", l.At.Local().Format(time.TimeOnly), l.Environment, plain(l.Text))
			case strings.Contains(l.Text, " are not taken out of balance "): // nobody should have to find that in a log
				s.clear()
				s.say("%s: %s", l.Environment, plain(l.Text))
			}
			doing = strings.TrimSpace(fmt.Sprintf("%s %s", l.Environment, plain(l.Text)))
		}
		for _, d := range w.Release.Deliveries {
			if d.State != steps[d.Environment] && d.State != delivery.Waiting {
				s.clear()
				s.say("%s", deliveryWords(d))
			}
			steps[d.Environment] = d.State
		}
		if !log {
			s.progress(string(w.Release.Way), "%s", strings.TrimRight(w.Release.Text()+"  "+doing, " "))
		}
	}
}

// deliveryWords is how a delivery stands, in a line.
func deliveryWords(d delivery.Delivery) string {
	text := fmt.Sprintf("%s (%s): %s %s", d.Environment, d.World, d.State, d.To)
	switch d.State {
	case delivery.Done:
		text += fmt.Sprintf(", %d/%d well", d.Running, d.All)
	case delivery.GoingBack, delivery.WentBack:
		text = fmt.Sprintf("%s (%s): %s to %s", d.Environment, d.World, d.State, d.Before)
	case delivery.HeldBack:
		text += ": " + plain(d.Says)
	}
	if d.Error != "" {
		text += ": " + plain(d.Error)
	}
	return text
}

// deployed shows how a release ended. Its failure is the command's.
func (s *session) deployed(ctx context.Context, o *deployOptions, r delivery.Release, err error) error {
	s.clear()
	if ctx.Err() != nil && r.State == delivery.Running {
		return fault.Newf(fault.Unavailable, "interrupted; the same command goes on where it was, caravan releases %s says how far that is", r.Service)
	}
	if r.State != delivery.Finished && r.State != delivery.Failed {
		return err
	}
	if shown := o.value(s.terminal, r, func() { s.deliveryTable(r) }); shown != nil {
		return shown
	}
	return err
}

// deliveryTable shows a release environment by environment.
func (s *session) deliveryTable(r delivery.Release) {
	var rows [][]string
	for _, d := range r.Deliveries {
		rows = append(rows, []string{string(d.Environment), d.World.String(), string(d.State), d.Before.String(), d.To.String(), fmt.Sprintf("%d/%d", d.Running, d.All), plain(d.Error)})
	}
	s.table([]string{"ENVIRONMENT", "WORLD", "STATE", "BEFORE", "VERSION", "RUN IT", ""}, rows, wrap)
	for _, e := range r.Elsewhere {
		s.say("not to %s (%s): %s", e.Environment, e.World, plain(e.Because))
	}
	s.say("%s: %s", strings.TrimSpace(string(r.Service)+" "+r.Version), r.Text())
}

func newReleases(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:     "releases SERVICE",
		Short:   "Show which version of a service runs where, since when and by whom",
		Long:    "Shows what runs where, as the last releases left it: which environments are behind, whether that is meant so and until when, and when it becomes a finding.",
		Example: "  caravan releases orders\n  caravan releases orders -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s.fromPipeline()
			return s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
				return s.showReleases(ctx, cl, o, args[0])
			})(c, args)
		},
		ValidArgsFunction: s.serviceNames,
	}
	o.flags(c)
	return c
}

func (s *session) showReleases(ctx context.Context, cl *client.Client, o *output, service string) error {
	out, err := cl.Releases(ctx, service)
	return s.released(o, out, err)
}

func (s *session) released(o *output, out app.Releases, err error) error {
	if err != nil {
		return err
	}
	return o.value(s.terminal, out, func() { s.releasesTable(out) })
}

// releasesTable shows what runs where.
func (s *session) releasesTable(v app.Releases) {
	var rows [][]string
	for _, st := range v.Standings {
		rows = append(rows, []string{string(st.Environment), st.World.String(), st.Build.String(), fmt.Sprintf("%d/%d", st.Running, st.All), st.Since.Local().Format("2006-01-02 15:04"), st.By, standingWords(v, st)})
	}
	s.table([]string{"ENVIRONMENT", "WORLD", "VERSION", "RUN IT", "SINCE", "BY", ""}, rows, wrap)
	for _, e := range v.Elsewhere {
		s.say("%s (%s): %s", e.Environment, e.World, plain(e.Because))
	}
	if v.Text != "" {
		s.say("%s: %s", v.Service, v.Text)
	}
	for _, f := range v.Findings {
		s.say("finding: %s %s; %s", f.Subject, plain(f.What), plain(f.Advice))
	}
}

// standingWords says of an environment whether it is behind, and whether that is meant so.
func standingWords(v app.Releases, st delivery.Standing) string {
	var out []string
	for _, g := range v.Gaps {
		switch {
		case g.Environment != st.Environment:
		case g.Wanted != nil:
			out = append(out, fmt.Sprintf("behind %s, meant so until %s: %s (%s)", g.Newest, g.Wanted.Until.Local().Format("2006-01-02 15:04"), g.Wanted.Why, g.Wanted.By))
		case g.Overdue:
			out = append(out, fmt.Sprintf("behind %s for %s: a finding", g.Newest, delivery.Spell(v.At.Sub(g.From))))
		default:
			out = append(out, fmt.Sprintf("behind %s for %s, a finding in %s", g.Newest, delivery.Spell(v.At.Sub(g.From)), delivery.Spell(g.Due.Sub(v.At))))
		}
	}
	if st.Paused != nil && len(out) == 0 {
		out = append(out, fmt.Sprintf("paused until %s: %s (%s)", st.Paused.Until.Local().Format("2006-01-02 15:04"), st.Paused.Why, st.Paused.By))
	}
	if st.Accident != "" {
		out = append(out, "the last release did not stay: "+st.Accident)
	}
	return strings.Join(out, "; ")
}
