// Package cli is the command line. A command is a file: its options, its help, its run. Commands talk to the API alone,
// in process when no server is named, so whatever one can do the other can.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workspace"
)

// Version of the program, set when it is built.
var Version = "unknown"

// interrupted is what a shell reports for a program that Ctrl-C ended.
const interrupted = 130

// Run carries out one command line and returns the program's exit code. Nothing but results goes to stdout.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &checked{Writer: stdout}
	t := &terminal{out: out, err: stderr, now: time.Now}
	root := newRoot(t)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	t.clear()
	if out.err != nil {
		err = fault.Newf(fault.Unavailable, "the answer could not be written whole: %w", out.err)
	}
	if err == nil {
		return 0
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "caravan: interrupted; what was written is whole, and the same command goes on from there")
		return interrupted
	}
	var quiet *silent
	if !errors.As(err, &quiet) {
		for line := range strings.Lines(strings.TrimRight(err.Error(), "\n")) {
			fmt.Fprintf(stderr, "caravan: %s\n", plain(strings.TrimRight(line, "\n")))
		}
	}
	return fault.KindOf(err).ExitCode()
}

// silent is an error that has been shown already; only its exit code is left to say.
type silent struct{ error }

func (s *silent) Unwrap() error { return s.error }

const exitCodes = `Exit codes:
  0 ok            1 internal error     2 wrong command line   3 invalid input
  4 not found     5 conflict           6 denied               7 unavailable
  8 found: differences (diff, drift), a cause (why), clashes (address check), a changed line (audit verify),
    something wrong with standbys (standby status), a backup that is no good (standby drill)
  130 interrupted

6 means that somebody's word is missing: an edge is undecided, a green light is not given, a rule forbids what was decided,
a standby lags too far or is too cold to be made primary.`

func newRoot(t *terminal) *cobra.Command {
	s := &session{terminal: t}
	root := &cobra.Command{
		Use:   "caravan",
		Short: "Maps what depends on what, and takes part of it to a new place",
		Long: "Caravan reads the configuration of running services and draws what depends on what, each edge with the line that proves it.\n\n" +
			"  caravan demo          try it on a sample company\n" +
			"  caravan map DIR       map any directory of configuration\n" +
			"  caravan init          begin a workspace, then: caravan scan, caravan serve\n\n" + exitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVar(&s.server, "server", "", "talk to a running server at this URL instead of working here")
	root.PersistentFlags().StringVarP(&s.workspace, "workspace", "w", "", "directory that holds caravan.yaml (default: the nearest at or above here)")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.Newf(fault.Usage, "%w; see `%s --help`", err, c.CommandPath())
	})
	root.AddCommand(newMap(s), newScan(s), newPlan(s), newDecide(s), newApprove(s), newRevoke(s), newVeto(s), newAnnounce(s), newMessages(s), newMove(s), newPause(s), newResume(s), newCancel(s), newUndo(s), newStatus(s), newReady(s), newDrill(s), newAudit(s), newRender(s), newWorkload(s), newConfig(s), newDrift(s), newStandby(s), newHow(s), newWhy(s), newPipeline(s), newImage(s), newDeploy(s), newReleases(s), newAddress(s), newDiff(s), newSnapshots(s), newScans(s), newSignIn(s), newSignOut(s), newWhoAmI(s), newToken(s), newPeople(s), newServe(s), newDemo(s), newInit(s), newSchema(s), newVersion(s), newGallery(s))
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(newHelp(root))
	root.InitDefaultHelpCmd()
	wrapArgs(root)
	return root
}

// newHelp is cobra's own, but a command there is none of is an error.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Say more about a command",
		Example: "  caravan help map",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fault.Newf(fault.Usage, "no command %q; see `caravan --help`", strings.Join(args, " "))
			}
			return c.Help()
		},
	}
}

func wasOrWere(n int) string {
	switch n {
	case 0:
		return "nothing was"
	case 1:
		return "1 word was"
	}
	return fmt.Sprintf("%d words were", n)
}

// wrapArgs makes every complaint about arguments a usage fault that says where help is.
func wrapArgs(c *cobra.Command) {
	if !c.Runnable() {
		c.Args, c.RunE = cobra.NoArgs, func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err == nil {
				return nil
			}
			_, takes, some := strings.Cut(c.Use, " ")
			if !some || !strings.HasPrefix(err.Error(), "accepts") && !strings.HasPrefix(err.Error(), "requires") {
				return fault.Newf(fault.Usage, "%w; see `%s --help`", err, c.CommandPath())
			}
			return fault.Newf(fault.Usage, "%s takes %s, and %s given; see `%s --help`", c.Name(), takes, wasOrWere(len(args)), c.CommandPath())
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// session is what commands share: where the estate is, and who answers.
type session struct {
	*terminal
	server    string
	workspace string
}

// connect gives a client: to the server, or to an app in this process over dirs or the workspace. Done releases it.
func (s *session) connect(ctx context.Context, dirs []string) (c *client.Client, done func(), err error) {
	if s.server != "" {
		if len(dirs) > 0 {
			return nil, nil, fault.Newf(fault.Usage, "a server reads its own sources: leave out the directory or --server")
		}
		token, err := s.token()
		if err != nil {
			return nil, nil, err
		}
		return client.New(strings.TrimRight(s.server, "/"), http.DefaultTransport).WithToken(token), func() {}, nil
	}
	a, err := s.open(ctx, dirs)
	if err != nil {
		return nil, nil, err
	}
	c, err = s.inProcess(a)
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return c, func() { _ = a.Close() }, nil
}

// inProcess is a client of an API served in this process, without a port.
func (s *session) inProcess(a *app.App) (*client.Client, error) {
	h, err := api.Handler(api.Options{App: a, Version: Version, Now: s.now, Private: true})
	if err != nil {
		return nil, err
	}
	return client.New("http://localhost", client.InProcess(h)), nil
}

// open starts the program over directories, or over the workspace when there are none.
func (s *session) open(ctx context.Context, dirs []string) (*app.App, error) {
	o := app.Options{Dirs: dirs, Now: s.now}
	if len(dirs) == 0 {
		dir, err := s.findWorkspace()
		if err != nil {
			return nil, err
		}
		o.Workspace = dir
	}
	return app.New(ctx, o)
}

func (s *session) findWorkspace() (string, error) {
	if s.workspace != "" {
		return s.workspace, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "find the workspace: %w", err)
	}
	return workspace.Find(here)
}

// scan runs a scan to its end with progress on the terminal.
func (s *session) scan(ctx context.Context, c *client.Client, req app.ScanRequest) (app.ScanState, error) {
	started, err := c.StartScan(ctx, req)
	if err != nil {
		return started, err
	}
	state, err := c.WaitScan(ctx, started.ID, func(st app.ScanState) {
		s.progress(st.Phase, "%d files, %d read", st.Files, st.Read)
	})
	s.clear()
	return state, err
}
