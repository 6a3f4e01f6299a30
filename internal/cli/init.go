package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workspace"
	"example.org/caravan/schemas"
)

func newInit(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Begin a workspace: write a caravan.yaml to fill in",
		Long: "A workspace is a directory, normally a Git repository, whose caravan.yaml declares sources, environments and teams.\n" +
			"The file proposes the sources found there by the names of files and folders (Chef, Compose, Kubernetes, Terraform, code …).\n" +
			"An existing one is left alone.",
		Example: "  caravan init\n  caravan init ./platform",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return s.begin(dir)
		},
	}
}

func (s *session) begin(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Newf(fault.Invalid, "init %s: cannot make that directory; name one you may write to", dir)
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return fault.Newf(fault.Invalid, "init %s: %w", dir, err)
	}
	sources := workspace.Propose(full)
	name := filepath.Join(dir, workspace.FileName)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fault.Newf(fault.Conflict, "%s exists already and was left as it is; edit it, or begin in another directory", name)
	}
	if err != nil {
		return fault.Newf(fault.Invalid, "init %s: cannot write there; name a directory you may write to", dir)
	}
	_, err = f.Write(workspace.Draft(full, sources))
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fault.Newf(fault.Unavailable, "write %s: %w", name, err), os.Remove(name))
	}
	s.say("wrote %s", name)
	for _, p := range sources {
		s.say("  source %s  %s", plain(p.Dir), orNothing(strings.Join(p.Found, ", ")))
	}
	at := ""
	if filepath.Clean(dir) != "." {
		at = " -w " + plain(dir)
	}
	s.say("Next:  look it over, then caravan%s scan, then caravan%s serve", at, at)
	return nil
}

func newSchema(s *session) *cobra.Command {
	return &cobra.Command{
		Use:       "schema NAME",
		Short:     "Print the JSON Schema of a file",
		Example:   "  caravan schema workspace > caravan.schema.json\n  caravan schema expansion > expansion.schema.json\n  caravan schema config > config.schema.json",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"workspace", "expansion", "config"},
		RunE: func(_ *cobra.Command, args []string) error {
			known := map[string][]byte{"workspace": schemas.Workspace, "expansion": schemas.Expansion, "config": schemas.Config}
			schema, ok := known[args[0]]
			if !ok {
				return fault.Newf(fault.NotFound, "no schema %q; there are: workspace, expansion, config (a workload's is that of Score v1b1, from score.dev)", args[0])
			}
			_, err := s.out.Write(schema)
			return err
		},
	}
}

func newVersion(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  caravan version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.out.Write([]byte("caravan " + Version + "\n"))
			return err
		},
	}
}
