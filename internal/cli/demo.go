package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/examples"
	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
)

func newDemo(s *session) *cobra.Command {
	var dir string
	var portal bool
	o := &serveOptions{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Map the sample company, ask it a question, and plan its next country",
		Long: "Kopi sells coffee in Singapore and Malaysia. Its estate lives on virtual machines kept by a Chef repository, in many languages and with\n" +
			"some ugliness. The demo reads its configuration, prints the map, asks who would break if its main database stopped, plans Indonesia and\n" +
			"writes out what that needs.",
		Example: "  caravan demo\n  caravan demo --serve          the same in the portal\n  caravan demo --dir ./kopi     keep the files to look at",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			kopi, remove, err := unpack(dir)
			if err != nil {
				return err
			}
			defer remove()
			a, err := app.New(c.Context(), app.Options{Workspace: kopi, Now: s.now})
			if err != nil {
				return err
			}
			defer func() { _ = a.Close() }()
			if portal {
				return s.serve(c.Context(), a, *o)
			}
			return s.tour(c.Context(), a, dir != "")
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "keep the sample company's files in this new directory")
	c.Flags().BoolVar(&portal, "serve", false, "open the portal on it")
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:7070", "address and port of the portal")
	return c
}

// unpack writes the sample company into a directory of its own: dir, which must not exist, or one that remove takes away.
func unpack(dir string) (kopi string, remove func(), err error) {
	remove = func() {}
	if dir == "" {
		temp, err := os.MkdirTemp("", "caravan-demo-")
		if err != nil {
			return "", nil, fault.Newf(fault.Unavailable, "make room for the sample company: %w", err)
		}
		dir, remove = filepath.Join(temp, "kopi"), func() { _ = os.RemoveAll(temp) }
	}
	if _, err := os.Stat(dir); err == nil {
		return "", nil, fault.Newf(fault.Conflict, "--dir %s: it exists already; name a new directory", dir)
	}
	if err := os.CopyFS(dir, examples.Kopi()); err != nil {
		remove()
		return "", nil, fault.Newf(fault.Unavailable, "unpack the sample company: %w", err)
	}
	return dir, remove, nil
}

// tour maps the company, shows three answers, and takes part of it to a new country. Kept says that its files stay.
func (s *session) tour(ctx context.Context, a *app.App, kept bool) error {
	c, err := s.inProcess(a)
	if err != nil {
		return err
	}
	state, err := s.scan(ctx, c, app.ScanRequest{})
	if err != nil {
		return err
	}
	m, err := c.Map(ctx, api.Query{HideInfrastructure: true})
	if err != nil {
		return err
	}
	s.heading("What depends on what at Kopi (infrastructure hidden)")
	s.edgesTable(m, took(state))
	s.heading("Who breaks if pg-main stops?")
	breaks, err := c.Breaks(ctx, "", "pg-main")
	if err := s.impact(&mapOptions{}, breaks, err, "nobody", " ← "); err != nil {
		return err
	}
	for _, g := range m.Groups {
		s.heading("They need each other in a circle")
		fmt.Fprintln(s.out, plain(fmt.Sprint(g.Services)))
	}
	unowned, err := c.Unowned(ctx, "")
	if err != nil {
		return err
	}
	s.heading("What has no owner?")
	s.servicesTable(unowned)
	s.heading("What is in doubt?")
	s.doubtsTable(m.Doubts)
	if err := s.tourOfIndonesia(ctx, c, kept); err != nil {
		return err
	}
	s.say("\nNext:  caravan demo --serve      the same, to click through\n       caravan demo --dir kopi   keep the files: expansions/indonesia.yaml, rendered/indonesia\n       caravan map DIR           your own configuration")
	return nil
}

// tourOfIndonesia plans the sample company's new country and writes it out.
func (s *session) tourOfIndonesia(ctx context.Context, c *client.Client, kept bool) error {
	plan, err := c.Plan(ctx, "indonesia", app.PlanRequest{})
	if err != nil {
		return err
	}
	p := plan.Proposal
	s.heading("What comes along to Indonesia, and why")
	s.membersTable(p)
	s.heading("What is cut, decided by its owners")
	s.cutsTable(p)
	s.heading("Datastores")
	s.storesTable(p)
	s.heading("Waves")
	s.wavesTable(p)
	moved, err := c.Move(ctx, "indonesia", app.MoveRequest{}, nil)
	if err != nil {
		return err
	}
	s.heading("Written out for the cluster and the machines")
	s.foldersTable(plan)
	if kept {
		s.say("in %s", moved.Folder)
	}
	return nil
}

// foldersTable counts the files of a plan by folder.
func (s *session) foldersTable(plan app.Plan) {
	n := map[string]int{}
	for _, f := range plan.Files {
		parts := strings.SplitN(f.Path, "/", shownDepth+1)
		n[strings.Join(parts[:min(len(parts)-1, shownDepth)], "/")]++
	}
	var rows [][]string
	for _, folder := range slices.Sorted(maps.Keys(n)) {
		rows = append(rows, []string{folder, count(n[folder], "file")})
	}
	s.table([]string{"FOLDER", ""}, rows, cut)
}

// shownDepth is how many levels of folders the demo counts by.
const shownDepth = 3

func (s *session) heading(text string) { fmt.Fprintf(s.out, "\n%s\n\n", s.bold(text)) }
