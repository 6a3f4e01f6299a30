// Command caravan maps what depends on what in an estate of running services.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"example.org/caravan/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
