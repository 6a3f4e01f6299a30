// Command kopi is every service of the sample company. Which one it is, is said by KOPI_SERVICE or the folder it was installed in. It
// really reads the configuration it is given: its environment, the files its stack looks for, and what the configuration server says;
// and really calls the services, databases, caches and brokers that it finds there. `kopi outside` is the world outside.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error { return serve(ctx, name(os.Args[0])) }
	switch {
	case len(os.Args) == 5 && os.Args[1] == "outside":
		run = func() error { return outside(ctx, os.Args[2], os.Args[3], os.Args[4]) }
	case slices.Contains(os.Args, "sidekiq"): // the shop's worker waits for jobs, and listens nowhere
		<-ctx.Done()
		return
	}
	if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err) //nolint:gocritic // nothing is left to stop
	}
}

// name is which service this is: /srv/kopi/orders/current/run is orders.
func name(program string) string {
	if own := os.Getenv("KOPI_SERVICE"); own != "" {
		return own
	}
	parts := strings.Split(filepath.ToSlash(program), "/")
	for i, p := range parts {
		if p == "kopi" && i+1 < len(parts) {
			return parts[i+1]
		}
	}
	return filepath.Base(program)
}

func serve(ctx context.Context, service string) error {
	given, err := read(ctx, service, os.Environ(), os.Args[1:], ".")
	if err != nil {
		return err
	}
	s := &server{name: service, needs: given.needs()}
	for _, n := range s.needs {
		log.Printf("%s needs %s", service, n)
	}
	h := &http.Server{Addr: listen(service), Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	log.Printf("%s listens on %s", service, h.Addr)
	return listenUntil(ctx, h, h.ListenAndServe)
}

// listenUntil serves until it is told to end, and lets those finish who are being answered.
func listenUntil(ctx context.Context, h *http.Server, listen func() error) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = h.Shutdown(stopping)
	}()
	err := listen()
	if errors.Is(err, http.ErrServerClosed) {
		<-ended
	}
	return err
}
