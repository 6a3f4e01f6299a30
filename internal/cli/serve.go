package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	listen   string
	insecure bool
}

func newServe(s *session) *cobra.Command {
	o := &serveOptions{}
	c := &cobra.Command{
		Use:   "serve [DIR...]",
		Short: "Open the portal and the API",
		Long: "Serves the map, the pages of every service, the doubts and the API at /api/v1, for the workspace or for directories.\n" +
			"Where caravan.yaml names a provider, people sign in with it. Where it does not, the portal is this machine's alone: everything can be looked at, and the link that is\n" +
			"printed, which is good once, lets you change things, too. Each time one was used, the next is printed.",
		Example: "  caravan serve\n  caravan serve ./repos\n  caravan serve --listen 127.0.0.1:0",
		RunE: func(c *cobra.Command, dirs []string) error {
			a, err := s.open(c.Context(), dirs)
			if err != nil {
				return err
			}
			return errors.Join(s.serve(c.Context(), a, *o), a.Close())
		},
	}
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:7070", "address and port; port 0 takes a free one")
	c.Flags().BoolVar(&o.insecure, "insecure-listen", false, "allow an address that other machines reach, although nobody signs in; everything can then be looked at, and nothing changed without a token")
	return c
}

// Validate refuses to show the estate to a network, unless people sign in.
func (o serveOptions) Validate(signIn bool) error {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return fault.Newf(fault.Usage, "--listen %s: not address:port; for example 127.0.0.1:7070", o.listen)
	}
	if o.insecure || signIn || own(host) {
		return nil
	}
	return fault.Newf(fault.Denied, "--listen %s: other machines could reach it and there is no sign-in; use 127.0.0.1, name a provider under signin in caravan.yaml, or add --insecure-listen to let everybody look", o.listen)
}

// own reports whether this machine alone reaches a host.
func own(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serve answers until the context ends, then lets running requests finish.
func (s *session) serve(ctx context.Context, a *app.App, o serveOptions) error {
	if err := errors.Join(o.Validate(a.Door().Provided()), a.CheckSignIn()); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fault.Newf(fault.Unavailable, "listen on %s: the address is in use or not this machine's; choose another with --listen", o.listen)
	}
	h, err := api.Site(api.Options{App: a, Version: Version, Now: s.now})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if _, _, err := a.Graph(ctx, ""); fault.KindOf(err) == fault.NotFound {
		if _, err := a.StartScan(app.ScanRequest{}); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	if err := a.Conduct(ctx); err != nil && fault.KindOf(err) != fault.NotFound { // without a workspace there is nothing to carry out
		return errors.Join(err, l.Close())
	}
	s.say("portal  http://%s/\nAPI     http://%s/api/v1/docs", l.Addr(), l.Addr())
	s.sayHowToSignIn(a, l.Addr().String())
	s.say("Ctrl-C ends it")
	return s.untilDone(ctx, api.Server(h), l)
}

// sayHowToSignIn prints the one-time link, and the next each time one was used. Where other machines reach the portal and nobody signs in, there is none.
func (s *session) sayHowToSignIn(a *app.App, address string) {
	host, _, err := net.SplitHostPort(address)
	switch {
	case a.Door().Provided():
		s.say("people sign in at %s with %s", a.Door().URL(), a.Door().Issuer())
	case err == nil && own(host):
		a.Door().Link(func(secret string) { s.say("sign in http://%s/signin/link?once=%s", address, secret) })
	default:
		s.say("nobody signs in: everybody who reaches it can look, and change nothing")
	}
}

// grace is how long running requests may take once the program is told to stop.
const grace = 5 * time.Second

func (s *session) untilDone(ctx context.Context, server *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		_ = server.Close()
	}
	//nolint:errcheck // that it was closed is known
	<-failed
	s.say("stopped")
	return nil
}

func newGallery(s *session) *cobra.Command {
	o := &serveOptions{}
	c := &cobra.Command{
		Use:    "gallery",
		Short:  "Serve every page with made-up data, for those who work on them",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.Validate(false); err != nil {
				return err
			}
			h, err := web.Gallery()
			if err != nil {
				return err
			}
			l, err := (&net.ListenConfig{}).Listen(c.Context(), "tcp", o.listen)
			if err != nil {
				return fault.Newf(fault.Unavailable, "listen on %s: %w", o.listen, err)
			}
			s.say("gallery http://%s/", l.Addr())
			return s.untilDone(c.Context(), api.Server(h), l)
		},
	}
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:7071", "address and port")
	return c
}
