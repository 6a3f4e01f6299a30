// Command caravan maps what depends on what in an estate of running services.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"example.org/caravan/internal/cli"
)

// A scan makes much that lives to its end: collecting less often is faster, within a bound.
const (
	gcPercent   = 400
	memoryBound = 400 << 20
)

func main() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryBound)
	klog.SetLogger(logr.Discard()) // what went wrong is said once, by the program
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
