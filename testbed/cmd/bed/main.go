// Command bed raises Caravan's test bed, shows it and takes it away.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"example.org/caravan/testbed"
)

func main() { os.Exit(bed()) }

// bed runs the command line and gives what the program exits with.
func bed() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: "bed", Short: "Raise real clusters and machines on this one, and take them away again", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(newUp(), newDown(), newStatus())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bed:", err)
		return 1
	}
	return 0
}

func newUp() *cobra.Command {
	var o testbed.Options
	c := &cobra.Command{Use: "up", Short: "Raise the bed, in the place of one that is there", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := testbed.Up(c.Context(), o, func(line string) { fmt.Fprintln(os.Stderr, line) })
			if err != nil {
				return err
			}
			for _, cluster := range b.Clusters {
				fmt.Printf("cluster %s  %s  kubeconfig %s\n", cluster.Name, cluster.Address, cluster.Kubeconfig())
			}
			for _, m := range b.Machines {
				fmt.Printf("machine %s  %s\n", m.Name, m.Address)
			}
			fmt.Printf("logs %s\n", b.Logs())
			return nil
		}}
	c.Flags().IntVar(&o.Machines, "machines", 0, "how many virtual machines, at most twenty")
	c.Flags().IntVar(&o.Clusters, "clusters", 1, "how many clusters, at most two")
	return c
}

func newDown() *cobra.Command {
	return &cobra.Command{Use: "down", Short: "Take away everything of the bed", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return testbed.Down(c.Context()) }}
}

func newStatus() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "List what runs", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			lines := testbed.Status()
			if len(lines) == 0 {
				fmt.Println("there is no bed; raise one with bed up")
			}
			for _, line := range lines {
				fmt.Println(line)
			}
			return nil
		}}
}
