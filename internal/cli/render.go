package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

func newRender(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:   "render NAME [PATH...]",
		Short: "Show the files a plan writes",
		Long: "Lists the files that moving the expansion would write, or prints those whose path is, lies below, or matches PATH. Nothing is written;\n" +
			"caravan move writes them.",
		Example: "  caravan render indonesia\n  caravan render indonesia kubernetes/base/orders\n  caravan render indonesia '*/haproxy.cfg'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			plan, err := cl.Plan(c.Context(), args[0], app.PlanRequest{Dry: true})
			if err != nil {
				return err
			}
			files := plan.Files
			if len(args) > 1 {
				if files, err = chosen(files, args[1:]); err != nil {
					return err
				}
			}
			return o.value(s.terminal, files, func() { s.files(files, len(args) > 1) })
		},
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	return c
}

// chosen are the files one of the patterns means. A pattern that means none is an error.
func chosen(files []render.File, patterns []string) ([]render.File, error) {
	var out []render.File
	for _, pattern := range patterns {
		pattern = strings.TrimSuffix(pattern, "/")
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fault.Newf(fault.Usage, "%q is not a path or pattern", pattern)
		}
		found := slices.DeleteFunc(slices.Clone(files), func(f render.File) bool { return !means(pattern, f.Path) })
		if len(found) == 0 {
			return nil, fault.Newf(fault.NotFound, "no file is, lies below or matches %q; caravan render NAME lists them", pattern)
		}
		out = append(out, found...)
	}
	return out, nil
}

// means reports whether a pattern is a path, a folder above it, or matches its end.
func means(pattern, file string) bool {
	if pattern == file || strings.HasPrefix(file, pattern+"/") {
		return true
	}
	for at := file; at != ""; _, at, _ = strings.Cut(at, "/") {
		if ok, err := path.Match(pattern, at); ok && err == nil {
			return true
		}
	}
	return false
}

func (s *session) files(files []render.File, whole bool) {
	for i, f := range files {
		if !whole {
			fmt.Fprintln(s.out, plain(f.Path))
			continue
		}
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if len(files) > 1 {
			fmt.Fprintln(s.out, s.bold("# "+plain(f.Path)))
		}
		fmt.Fprint(s.out, f.Text)
	}
	s.say("%s", count(len(files), "file"))
}
