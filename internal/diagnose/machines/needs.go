package machines

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"example.org/caravan/internal/host"
	"example.org/caravan/internal/why"
)

// tryTime bounds one attempt to reach something.
const tryTime = 4 * time.Second

// way says how something is tried from a machine.
const way = "through its SSH server"

// needs tries everything the subject calls from a machine.
func (l *look) needs(ctx context.Context, m *host.Machine) {
	roots := sync.OnceValue(func() *x509.CertPool { return l.roots(ctx, m) })
	var wg sync.WaitGroup
	for i, n := range l.s.Needs {
		if n.Host == "" {
			continue
		}
		if _, err := netip.ParseAddr(n.Host); err != nil {
			wg.Go(func() { l.lookUp(ctx, m, i, n) })
		}
		if n.Port > 0 {
			wg.Go(func() { l.try(ctx, m, i, n, roots) })
		}
	}
	wg.Wait()
}

// roots are the authorities the machine trusts; nil when they cannot be read.
func (l *look) roots(ctx context.Context, m *host.Machine) *x509.CertPool {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		text, err := l.run(ctx, m, "cat", path)
		pool := x509.NewCertPool()
		if err == nil && pool.AppendCertsFromPEM([]byte(text)) {
			return pool
		}
	}
	return nil
}

func (l *look) try(ctx context.Context, m *host.Machine, i int, n why.Need, roots func() *x509.CertPool) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	out := why.Try{Need: i, From: m.Name, Way: way, Result: why.Reached}
	began := l.Now()
	conn, err := m.Reach(ctx, "tcp", n.Address())
	out.Took = l.Now().Sub(began).Round(time.Millisecond)
	switch {
	case err != nil:
		out.Result, out.Detail = judge(err)
		if out.Result == why.Untried {
			l.unseen(m, "whether it reaches "+n.Address(), errors.New(out.Detail))
		}
	case n.TLS:
		out.Result, out.Detail = l.greet(ctx, conn, m, n, roots())
		_ = conn.Close()
	default:
		_ = conn.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.e.Tries = append(l.e.Tries, out)
}

// judge reads why a machine's SSH server could not connect. Its words are those of strerror and gai_strerror there.
func judge(err error) (why.Result, string) {
	var refused *ssh.OpenChannelError
	if !errors.As(err, &refused) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return why.TimedOut, ""
		}
		return why.Untried, clean(err.Error())
	}
	low := strings.ToLower(refused.Message)
	switch {
	case refused.Reason == ssh.Prohibited:
		return why.Untried, "its SSH server forwards nothing (AllowTcpForwarding)"
	case strings.Contains(low, "refused"):
		return why.Refused, clean(refused.Message)
	case strings.Contains(low, "timed out"):
		return why.TimedOut, clean(refused.Message)
	case strings.Contains(low, "temporary failure"):
		return why.NoAnswer, clean(refused.Message)
	case strings.Contains(low, "not known"), strings.Contains(low, "no address"):
		return why.NoName, clean(refused.Message)
	case strings.Contains(low, "route"), strings.Contains(low, "unreachable"):
		return why.Unroutable, clean(refused.Message)
	}
	return why.Refused, clean(refused.Message)
}

// greet begins to speak TLS and looks at the certificate as the machine would, at its time and with the authorities it trusts.
func (l *look) greet(ctx context.Context, conn net.Conn, m *host.Machine, n why.Need, roots *x509.CertPool) (why.Result, string) {
	if roots == nil {
		l.unseen(m, "whether the certificate of "+n.Address()+" is good", errors.New("the authorities that the machine trusts are not where they usually are"))
		return why.Reached, ""
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	err := tls.Client(conn, &tls.Config{ServerName: n.Host, RootCAs: roots, MinVersion: tls.VersionTLS12, Time: l.Now}).HandshakeContext(ctx)
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case err == nil:
		return why.Reached, ""
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return why.BadTLS, "its certificate has expired (" + invalid.Cert.NotAfter.UTC().Format(time.RFC3339) + ")"
	case errors.As(err, &unknown):
		return why.BadTLS, "its certificate is of an authority that the machine does not trust"
	case errors.As(err, &name):
		return why.BadTLS, "its certificate is for another name"
	}
	return why.BadTLS, clean(err.Error())
}

// lookUp asks for a name as programs of the machine do.
func (l *look) lookUp(ctx context.Context, m *host.Machine, i int, n why.Need) {
	out := why.Lookup{Need: i, From: m.Name, Way: "getent"}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	r, err := m.Run(ctx, nil, "timeout", "5", "getent", "ahostsv4", n.Host)
	switch {
	case err != nil:
		l.unseen(m, "the name "+n.Host, err)
		return
	case r.Code == 0:
		out.Result = why.Reached
		for line := range strings.Lines(string(r.Stdout)) {
			if f := strings.Fields(line); len(f) > 0 && !slices.Contains(out.Answers, f[0]) {
				out.Answers = append(out.Answers, f[0])
			}
		}
	case r.Code == 124:
		out.Result, out.Detail = why.NoAnswer, "no answer in time"
	case !l.namesAnswered(ctx, m):
		out.Result, out.Detail = why.NoAnswer, "none of the servers in its /etc/resolv.conf answers"
	default:
		out.Result = why.NoName
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.e.Lookups = append(l.e.Lookups, out)
}

// namesAnswered reports whether one of the servers that a machine asks for names takes connections.
func (l *look) namesAnswered(ctx context.Context, m *host.Machine) bool {
	text, err := l.run(ctx, m, "cat", "/etc/resolv.conf")
	if err != nil {
		return true // unknown
	}
	found := false
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		found = true
		ctx, cancel := context.WithTimeout(ctx, tryTime)
		conn, err := m.Reach(ctx, "tcp", net.JoinHostPort(f[1], fmt.Sprint(53)))
		cancel()
		if err == nil {
			return conn.Close() == nil || true
		}
	}
	return !found
}
