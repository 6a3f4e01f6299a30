package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/why"
)

// whyOptions are the flags of why.
type whyOptions struct {
	output
	environment string
	probe       bool
	image       string
}

func newWhy(s *session) *cobra.Command {
	o := &whyOptions{}
	c := &cobra.Command{
		Use:   "why SERVICE",
		Short: "Say why a service does not work",
		Long: "Looks at a service where its environment's target is, a cluster or machines, and says what is wrong: the most likely cause in the first line, then what\n" +
			"proves it and which command comes next, then what was found well and what could not be looked at. It takes up to 20 seconds and changes nothing.\n\n" +
			"What the service calls is tried from where it runs: from a machine through its SSH server, in a cluster with a program of its own container (nc, bash,\n" +
			"python3 or curl). Where its image has none, --probe puts a pod beside it for that, with its labels, so that policies treat it alike; it never\n" +
			"gets requests, and is taken away again. That changes the cluster, so it is not done unless you ask.\n\n" +
			"Exits with 8 when a cause was found, with 0 when nothing is wrong that can be seen.",
		Example: "  caravan why orders                        in the one environment it can be looked at in\n" +
			"  caravan why orders -e indonesia           in one of several\n" +
			"  caravan why orders -e indonesia --probe   and try what it calls from a pod beside it\n" +
			"  caravan why orders -e indonesia -o json   for programs",
		Args: cobra.ExactArgs(1),
		RunE: s.asking(&o.output, func(ctx context.Context, c *client.Client, args []string) error {
			return s.runWhy(ctx, c, o, args[0])
		}),
		ValidArgsFunction: s.serviceNames,
	}
	o.flags(c)
	c.Flags().StringVarP(&o.environment, "environment", "e", "", "where to look (default: the one environment it can be looked at in)")
	c.Flags().BoolVar(&o.probe, "probe", false, "allow a short-lived pod beside the service to try from what it calls")
	c.Flags().StringVar(&o.image, "probe-image", "", "image of that pod, with sleep and nc (default "+app.DefaultProbeImage+")")
	return c
}

func (s *session) runWhy(ctx context.Context, c *client.Client, o *whyOptions, service string) error {
	if o.image != "" && !o.probe {
		return fault.Newf(fault.Usage, "--probe-image says nothing without --probe; add --probe to allow the pod")
	}
	stop := s.meanwhile("looking at "+service, "where it runs")
	d, err := c.Why(ctx, service, app.WhyRequest{Environment: estate.EnvironmentName(o.environment), Probe: o.probe, Image: o.image})
	stop()
	if err != nil {
		return err
	}
	if err := o.value(s.terminal, d, func() { s.diagnosisText(d) }); err != nil || d.Verdict != why.Ill {
		return err
	}
	return &silent{fault.Newf(fault.Differs, "%s", d.First)}
}

// meanwhile shows on a terminal that something goes on, until it is told to stop.
func (s *session) meanwhile(what, where string) (stop func()) {
	const often = time.Second
	done, ended := make(chan struct{}), make(chan struct{})
	began := s.now()
	go func() {
		defer close(ended)
		t := time.NewTicker(often)
		defer t.Stop()
		for {
			s.progress(what, "%s, %d s", where, int(s.now().Sub(began).Seconds()))
			select {
			case <-done:
				return
			case <-t.C:
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		s.clear()
	}
}

// diagnosisText is a diagnosis to be read from top to bottom: the first line says it all.
func (s *session) diagnosisText(d why.Diagnosis) {
	fmt.Fprintln(s.out, s.bold(plain(d.First)))
	fmt.Fprintln(s.out)
	fmt.Fprintln(s.out, s.dim(plain(fmt.Sprintf("%s in %s, %s, read %s", d.Service, d.Environment, d.Where, d.Read.Format(time.DateTime+" MST")))))
	for i, c := range d.Causes {
		if i > 0 {
			if i == 1 {
				fmt.Fprintf(s.out, "\n%s\n", s.bold("Also seen, maybe because of it"))
			}
			s.paragraph("  * ", c.Line)
		}
		s.causeText(c)
	}
	for i, c := range d.Doubts {
		if i == 0 {
			fmt.Fprintf(s.out, "\n%s\n", s.bold("In doubt"))
		}
		s.paragraph("  * ", c.Line)
		s.causeText(c)
	}
	s.linesUnder("Found well", "  + ", d.Fine)
	s.linesUnder("Not looked at", "  ? ", d.Unseen)
}

func (s *session) causeText(c why.Cause) {
	for _, p := range c.Proof {
		text := p.Where + ": " + p.Text
		if p.At != nil {
			text = p.At.Format(time.TimeOnly) + " " + text
		}
		s.paragraph("    = ", text)
	}
	if c.Means != "" {
		s.paragraph("    - ", c.Means)
	}
	for _, n := range c.Next {
		if n.Note != "" {
			s.paragraph("    # ", n.Note)
		}
		fmt.Fprintln(s.out, plain("    "+n.Line))
	}
}

func (s *session) linesUnder(title, mark string, lines []string) {
	for i, l := range lines {
		if i == 0 {
			fmt.Fprintf(s.out, "\n%s\n", s.bold(title))
		}
		s.paragraph(mark, l)
	}
}
