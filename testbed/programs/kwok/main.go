// Command kwok pretends: it answers for nodes and pods that are not there, in the way of Kubernetes WithOut Kubelet.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	node "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	pod "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/cmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// run pretends with the stages that everything goes through at once: it is ready, and it goes when it is told to.
func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "kwok")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	stages := filepath.Join(dir, "stages.yaml")
	text := strings.Join([]string{node.DefaultNodeInit, pod.DefaultPodReady, pod.DefaultPodComplete, pod.DefaultPodDelete}, "\n---\n")
	if err := os.WriteFile(stages, []byte(text), 0o600); err != nil {
		return err
	}
	os.Args = append(os.Args, "--config="+stages)
	flags := pflag.NewFlagSet("kwok", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	if ctx, err = config.InitFlags(ctx, flags); err != nil {
		return err
	}
	command := cmd.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	return command.ExecuteContext(ctx)
}
