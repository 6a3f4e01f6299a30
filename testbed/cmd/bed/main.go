// Command bed raises Caravan's test bed, shows it, opens it to people and takes it away.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"example.org/caravan/testbed"
	"example.org/caravan/testbed/kopi"
)

func main() { os.Exit(bed()) }

// bed runs the command line and gives what the program exits with.
func bed() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: "bed", Short: "Raise real clusters and machines on this computer, and take them away again", SilenceUsage: true, SilenceErrors: true}
	var name string
	root.PersistentFlags().StringVar(&name, "name", "bed", "which bed; several may stand beside each other")
	root.AddCommand(newUp(&name), newDown(&name), newStatus(&name), newKubectl(&name), newSSH(&name), newExec(&name))
	err := root.ExecuteContext(ctx)
	var said exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &said):
		return int(said)
	}
	fmt.Fprintln(os.Stderr, "bed:", err)
	return 1
}

// wish is what is to be raised.
type wish struct {
	clusters, machines     int
	nodes                  int
	company, country, plan string
}

func newUp(name *string) *cobra.Command {
	var w wish
	c := &cobra.Command{Use: "up", Short: "Raise the bed, in the place of one that is there", Args: cobra.NoArgs,
		Example: "  bed up --clusters 2 --machines 3\n  bed up --clusters 0 --company examples/kopi\n  bed up --clusters 0 --country kopi/rendered/indonesia --plan plan.json",
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("company") && w.company == "" {
				return errors.New("--company is empty; name the folder of the sample company")
			}
			return w.raiseWhole(c.Context(), *name)
		}}
	c.Flags().IntVar(&w.machines, "machines", 0, "how many virtual machines")
	c.Flags().IntVar(&w.clusters, "clusters", 1, "how many clusters, at most two")
	c.Flags().IntVar(&w.nodes, "nodes", 1, "how many nodes each cluster has, at most five")
	c.Flags().StringVar(&w.company, "company", "", "folder of the sample company, whose machines in Singapore are raised and installed")
	c.Flags().StringVar(&w.country, "country", "", "folder of a country that caravan rendered for the sample company, whose machines and cluster are raised and installed")
	c.Flags().StringVar(&w.plan, "plan", "", "with --country: file of its plan, as caravan plan NAME -o json has it")
	return c
}

// raiseWhole raises all that is wished for, or nothing when it is interrupted. What failed by itself stays to be looked at.
func (w wish) raiseWhole(ctx context.Context, name string) error {
	err := w.raise(ctx, name)
	if err == nil || ctx.Err() == nil {
		return err
	}
	if err := testbed.Down(context.WithoutCancel(ctx), name); err != nil {
		return fmt.Errorf("interrupted, and what was raised could not be taken away: %w", err)
	}
	return errors.New("interrupted; what was raised is taken away again")
}

// raise raises all that is wished for, and says where it is.
func (w wish) raise(ctx context.Context, name string) error {
	if w.clusters < 0 || w.machines < 0 {
		return errors.New("--clusters and --machines are counts: 0 or more")
	}
	if (w.country == "") != (w.plan == "") {
		return errors.New("--country and --plan go together: what was rendered, and the plan it was rendered from")
	}
	o := testbed.Options{Name: name, Clusters: testbed.Clusters(w.clusters), Machines: testbed.Machines(w.machines)}
	for i := range o.Clusters {
		o.Clusters[i].Nodes = w.nodes
	}
	var company kopi.Company
	var country kopi.Country
	if w.company != "" {
		var err error
		if company, err = kopi.Read(w.company); err != nil {
			return err
		}
		o.Machines = append(o.Machines, company.Machines...)
	}
	if w.country != "" {
		plan, err := os.ReadFile(w.plan)
		if err != nil {
			return err
		}
		if country, err = kopi.ReadCountry(w.country, plan); err != nil {
			return err
		}
		o.Machines, o.Clusters = append(o.Machines, country.Machines()...), append(o.Clusters, country.Cluster)
	}
	b, err := testbed.Up(ctx, o, say)
	if err != nil {
		return err
	}
	if w.company != "" {
		if err := company.Install(ctx, b, say); err != nil {
			return err
		}
	}
	if w.country != "" {
		if err := w.settle(ctx, b, country); err != nil {
			return err
		}
	}
	show(b)
	return nil
}

// settle installs a country, with the services of the sample company it is for.
func (w wish) settle(ctx context.Context, b *testbed.Bed, country kopi.Country) error {
	if err := country.Install(ctx, b, say); err != nil {
		return err
	}
	say("deploy to " + country.Cluster.Name)
	services := filepath.Join(w.country, "..", "..") // the workspace
	if w.company != "" {
		services = w.company
	}
	_, err := country.Deploy(ctx, b, kopi.Company{Dir: services})
	return err
}

func say(line string) { fmt.Fprintln(os.Stderr, line) }

// show tells where everything of a bed is.
func show(b *testbed.Bed) {
	for _, cluster := range b.Clusters {
		fmt.Printf("cluster  %-20s %-15s %s\n", cluster.Name, cluster.Address, cluster.Kubeconfig())
	}
	for _, m := range b.Machines {
		fmt.Printf("machine  %-20s %s\n", m.Name, m.Address)
	}
	fmt.Printf("logs     %s\n", b.Logs())
}

func newDown(name *string) *cobra.Command {
	return &cobra.Command{Use: "down", Short: "Take away everything of the bed", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return testbed.Down(c.Context(), *name) }}
}

func newStatus(name *string) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "List all beds, or the one that is named, and what of them runs", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			names := testbed.Names()
			if c.Flags().Changed("name") {
				b, err := testbed.Open(*name)
				if err != nil {
					return err
				}
				names = []string{b.Name}
			}
			if len(names) == 0 {
				fmt.Println("there is no bed; raise one with bed up")
			}
			for _, name := range names {
				b, err := testbed.Open(name)
				if err != nil {
					fmt.Printf("%s: something is left of a bed; take it away with bed down --name %s\n", name, name)
					continue
				}
				fmt.Println("bed", b.Name)
				show(b)
				for _, part := range b.Status() {
					fmt.Printf("runs     %-30s %d processes\n", part.Name, part.Processes)
				}
			}
			return nil
		}}
}

func newKubectl(name *string) *cobra.Command {
	c := &cobra.Command{Use: "kubectl CLUSTER ARGUMENTS", Short: "Run kubectl with every right", Example: "  bed kubectl c1 get pods -A", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := testbed.Open(*name)
			if err != nil {
				return err
			}
			cluster := b.Cluster(args[0])
			if cluster == nil {
				return fmt.Errorf("bed %s has no cluster %s", *name, args[0])
			}
			argv, err := cluster.KubectlLine(c.Context(), args[1:]...)
			if err != nil {
				return err
			}
			return hand(c.Context(), argv)
		}}
	c.Flags().SetInterspersed(false) // what follows is the command's own
	return c
}

func newSSH(name *string) *cobra.Command {
	c := &cobra.Command{Use: "ssh MACHINE [COMMAND]", Short: "Log in to a machine as root", Example: "  bed ssh vm1 systemctl status", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := testbed.Open(*name)
			if err != nil {
				return err
			}
			m := b.Machine(args[0])
			if m == nil {
				return fmt.Errorf("bed %s has no machine %s", *name, args[0])
			}
			return hand(c.Context(), m.SSH(args[1:]...))
		}}
	c.Flags().SetInterspersed(false) // what follows is the command's own
	return c
}

func newExec(name *string) *cobra.Command {
	c := &cobra.Command{Use: "exec COMMAND", Short: "Run a command of this computer in the network that joins all", Example: "  bed exec curl -s http://10.90.0.11/", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := testbed.Open(*name)
			if err != nil {
				return err
			}
			return hand(c.Context(), b.Inside(args...))
		}}
	c.Flags().SetInterspersed(false) // what follows is the command's own
	return c
}

// hand gives the terminal to a program.
func hand(ctx context.Context, argv []string) error {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...) // Ctrl-C is the program's, too
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		if by, ok := ended.Sys().(syscall.WaitStatus); ok && by.Signaled() {
			return exit(128 + int(by.Signal())) // as shells have it
		}
		return exit(ended.ExitCode())
	}
	return err
}

// exit is what a program ended with that had the terminal, and said why.
type exit int

func (e exit) Error() string { return fmt.Sprintf("it ended with %d", int(e)) }
