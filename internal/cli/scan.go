package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
)

func newScan(s *session) *cobra.Command {
	var req app.ScanRequest
	var strict bool
	o := &output{}
	c := &cobra.Command{
		Use:     "scan",
		Short:   "Read the workspace's sources and keep the result",
		Long:    "Reads every source that caravan.yaml lists and keeps the map as a snapshot under its digest. Equal input gives an equal digest.",
		Example: "  caravan scan\n  caravan scan --strict && caravan diff",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			state, err := s.scan(c.Context(), cl, req)
			if err != nil {
				return err
			}
			m, err := cl.Map(c.Context(), api.Query{Snapshot: string(state.Digest)})
			if err != nil {
				return err
			}
			err = o.value(s.terminal, state, func() {
				s.table([]string{"SNAPSHOT"}, [][]string{{string(state.Digest)}}, cut)
				s.say("%s", summary(m, took(state)))
			})
			if err == nil && strict && len(m.Doubts) > 0 {
				return fault.Newf(fault.Invalid, "%s; see them with `caravan map --doubts`", count(len(m.Doubts), "doubt"))
			}
			return err
		},
	}
	o.flags(c)
	c.Flags().BoolVar(&req.ConfigOnly, "config-only", false, "read configuration and build manifests, no source code")
	c.Flags().BoolVar(&strict, "strict", false, "fail when anything is in doubt")
	return c
}

func newSnapshots(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:     "snapshots",
		Short:   "List what has been scanned, newest first",
		Example: "  caravan snapshots",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			list, err := cl.Snapshots(c.Context())
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() {
				var rows [][]string
				for _, v := range list {
					rows = append(rows, []string{v.TakenAt.Local().Format(time.DateTime), count(v.Services, "service"), count(v.Edges, "edge"), count(v.Doubts, "doubt"), string(v.Digest)})
				}
				s.table([]string{"TAKEN", "", "", "", "SNAPSHOT"}, rows, cut)
				if len(rows) == 0 {
					s.say("nothing yet; run `caravan scan`")
				}
			})
		},
	}
	o.flags(c)
	return c
}

func newScans(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:     "scans",
		Short:   "List the scans that have ended, the last first, with what became of them",
		Example: "  caravan scans",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			list, err := cl.Scans(c.Context())
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() {
				var rows [][]string
				for _, v := range list {
					rows = append(rows, []string{v.Started.Local().Format(time.DateTime), seconds(v.Ended.Sub(v.Started)), v.State, string(v.Digest) + v.Error})
				}
				s.table([]string{"STARTED", "TOOK", "", "SNAPSHOT OR REASON"}, rows, wrap)
				if len(rows) == 0 {
					s.say("nothing yet; run `caravan scan`")
				}
			})
		},
	}
	o.flags(c)
	return c
}

// took says how long a scan was.
func took(state app.ScanState) string { return " in " + seconds(state.Ended.Sub(state.Started)) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
