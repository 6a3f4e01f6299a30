// Package host reaches virtual machines over SSH: it runs commands, puts files in place as versioned releases, and takes them away
// again. A machine whose key is not known is not talked to, and no value is ever read by a shell.
package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"example.org/caravan/internal/fault"
)

// Options say how machines are reached.
type Options struct {
	User       string // root when empty; anybody else's commands go through sudo
	Key        string // private key file; those of the agent when empty
	KnownHosts string // ~/.ssh/known_hosts when empty
	Port       int    // 22 for 0
	// Dial reaches a machine; the network of this one when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// patience is how long a machine may take to answer a connection, and loginPatience how long to let us in then: one that is busy is slow to.
const (
	patience      = 10 * time.Second
	loginPatience = 40 * time.Second
)

// Machine is a connection to a machine. Its methods may be called from several goroutines.
type Machine struct {
	Name    string
	Address string
	user    string
	client  *ssh.Client
	release func()        // of what the connection was authenticated with
	closed  chan struct{} // when it is closed, or found dead
	once    sync.Once
}

// A connection on which nothing is answered for this long is dead, and is asked this often whether it is.
const (
	silence = 15 * time.Second
	pulse   = 5 * time.Second
)

// Connect opens a connection to a machine. Denied when its key is not the known one or it does not let us in; Unavailable when it
// does not answer; Invalid when the key or the known hosts cannot be read.
func Connect(ctx context.Context, o Options, name, address string) (*Machine, error) {
	known, err := o.known()
	if err != nil {
		return nil, err
	}
	auth, release, err := o.auth(ctx)
	if err != nil {
		return nil, err
	}
	m := &Machine{Name: name, Address: address, user: o.user(), release: release, closed: make(chan struct{})}
	target := net.JoinHostPort(address, strconv.Itoa(o.port()))
	conn, err := o.reach(ctx, target)
	if err != nil {
		release()
		return nil, fault.Newf(fault.Unavailable, "%s (%s): %w; check that it runs and that this machine reaches its SSH port", name, target, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loginPatience, fmt.Errorf("it did not let us in for %s", loginPatience))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c, chans, reqs, err := ssh.NewClientConn(conn, target, &ssh.ClientConfig{
		User: m.user, Auth: []ssh.AuthMethod{auth}, HostKeyCallback: known, HostKeyAlgorithms: algorithms(known, target),
	})
	if err != nil {
		release()
		_ = conn.Close()
		return nil, o.refused(name, target, cmp.Or(context.Cause(ctx), err))
	}
	m.client = ssh.NewClient(c, chans, reqs)
	go m.listen()
	return m, nil
}

// reach connects to a port in good time.
func (o Options) reach(ctx context.Context, target string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return o.dial(ctx, target)
}

// listen closes a connection on which nothing is answered any more, so that whoever waits for something learns of it.
func (m *Machine) listen() {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		select {
		case <-m.closed:
			return
		case <-tick.C:
		}
		late := time.AfterFunc(silence, func() { _ = m.client.Close() })
		_, _, err := m.client.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			_ = m.client.Close()
			return
		}
	}
}

// Close ends the connection.
func (m *Machine) Close() error {
	m.once.Do(func() {
		close(m.closed)
		m.release()
	})
	return m.client.Close()
}

func (o Options) user() string {
	if o.User == "" {
		return "root"
	}
	return o.User
}

func (o Options) port() int {
	if o.Port == 0 {
		return 22
	}
	return o.Port
}

func (o Options) dial(ctx context.Context, address string) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx, "tcp", address)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// auth is the key file's key, or those of the agent.
func (o Options) auth(ctx context.Context) (ssh.AuthMethod, func(), error) {
	if o.Key != "" {
		text, err := []byte(nil), isFile(o.Key)
		if err == nil {
			text, err = os.ReadFile(o.Key)
		}
		if err != nil {
			return nil, nil, fault.Newf(fault.Invalid, "%w; name a readable private key under machines.key of the target", err)
		}
		signer, err := ssh.ParsePrivateKey(text)
		if err != nil {
			return nil, nil, fault.Newf(fault.Invalid, "%s: not a private key without a passphrase (%w); add a key with a passphrase to the SSH agent and leave machines.key out", o.Key, err)
		}
		return ssh.PublicKeys(signer), func() {}, nil
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, fault.Newf(fault.Invalid, "no key to reach machines with: name one under machines.key of the target, or start an SSH agent (SSH_AUTH_SOCK is not set)")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nil, fault.Newf(fault.Invalid, "SSH agent: %w; start one, or name a key under machines.key of the target", err)
	}
	return ssh.PublicKeysCallback(agent.NewClient(conn).Signers), func() { _ = conn.Close() }, nil
}

func (o Options) known() (ssh.HostKeyCallback, error) {
	var known ssh.HostKeyCallback
	err := isFile(o.knownFile())
	if err == nil {
		known, err = knownhosts.New(o.knownFile())
	}
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "known hosts: %w; name a readable file under machines.knownHosts of the target", err)
	}
	return known, nil
}

// isFile says when a path is no file: a pipe would be waited for without end.
func isFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return err
}

// knownFile is the file of the host keys that are trusted: OpenSSH's own of whoever runs the program when none is named.
func (o Options) knownFile() string {
	if o.KnownHosts != "" {
		return o.KnownHosts
	}
	home, _ := os.UserHomeDir() // without one the path leads nowhere, and reading it says so
	return filepath.Join(home, ".ssh", "known_hosts")
}

// algorithms are those of the keys that are known of a machine, so that it shows one of them and not another that it has, too.
// They are learned by asking about a key that is nobody's.
func algorithms(known ssh.HostKeyCallback, target string) []string {
	var unknown *knownhosts.KeyError
	if err := known(target, &net.TCPAddr{}, nobody{}); !errors.As(err, &unknown) {
		return nil
	}
	var out []string
	for _, k := range unknown.Want {
		if k.Key.Type() == ssh.KeyAlgoRSA {
			out = append(out, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		}
		out = append(out, k.Key.Type())
	}
	return out
}

// nobody is a public key that no machine has.
type nobody struct{}

func (nobody) Type() string                        { return "none" }
func (nobody) Marshal() []byte                     { return []byte("none") }
func (nobody) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// refused says why a machine was not talked to.
func (o Options) refused(name, target string, err error) error {
	var key *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case errors.As(err, &key) && len(key.Want) == 0:
		return fault.Newf(fault.Denied, "%s (%s): its host key is not in %s; check it and add it there", name, target, o.knownFile())
	case errors.As(err, &key):
		return fault.Newf(fault.Denied, "%s (%s): its host key is not the one in %s; if the machine was made anew, put its new key there, else somebody is in between", name, target, o.knownFile())
	case errors.As(err, &revoked):
		return fault.Newf(fault.Denied, "%s (%s): its host key is revoked in %s", name, target, o.knownFile())
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fault.Newf(fault.Denied, "%s (%s): it does not let %s in with this key; add the public key to its authorized_keys", name, target, o.user())
	}
	return fault.Newf(fault.Unavailable, "%s (%s): %w; check that sshd answers there", name, target, err)
}

// Result is what a command that ran to its end left behind.
type Result struct {
	Stdout []byte
	Stderr []byte
	Code   int // exit code; -1 when a signal ended it
}

// mostOutput bounds what is kept of each of a command's outputs.
const mostOutput = 8 << 20

// Run runs a program with exactly these arguments, as root, until it ends or the context does. A program that fails is a Result with
// its code; the error is for those that could not be run: Unavailable when the connection is gone.
func (m *Machine) Run(ctx context.Context, stdin io.Reader, argv ...string) (Result, error) {
	line, err := Line(argv...)
	if err != nil {
		return Result{}, err
	}
	s, err := m.client.NewSession()
	if err != nil {
		return Result{}, m.lost(err)
	}
	defer func() { _ = s.Close() }()
	out, complaints := bounded{full: s.Close}, bounded{full: s.Close}
	s.Stdin, s.Stdout, s.Stderr = stdin, &out, &complaints
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	err = s.Run(m.asRoot(line))
	r := Result{Stdout: out.kept.Bytes(), Stderr: complaints.kept.Bytes()}
	var exit *ssh.ExitError
	switch {
	case ctx.Err() != nil:
		return r, fmt.Errorf("%s: %w", m.Name, ctx.Err())
	case out.over || complaints.over:
		return r, fault.Newf(fault.Unavailable, "%s: %s says more than %d MiB, which nobody reads; see what is wrong there", m.Name, argv[0], mostOutput>>20)
	case err == nil:
		return r, nil
	case !errors.As(err, &exit):
		return r, m.lost(err)
	case m.user != "root" && exit.ExitStatus() == 1 && strings.HasPrefix(complaints.String(), "sudo: "):
		return r, fault.Newf(fault.Denied, "%s: %s may not become root there (%s); put the line %q into a file below /etc/sudoers.d", m.Name, m.user,
			strings.TrimSpace(complaints.String()), m.user+" ALL=(root) NOPASSWD: ALL")
	}
	if r.Code = exit.ExitStatus(); exit.Signal() != "" {
		r.Code = -1
	}
	return r, nil
}

// asRoot is a command line that root runs.
func (m *Machine) asRoot(line string) string {
	if m.user == "root" {
		return line
	}
	return "sudo -n -- " + line
}

// errLost is that a connection is gone.
var errLost = errors.New("the connection is gone")

func (m *Machine) lost(err error) error {
	return fault.Newf(fault.Unavailable, "%s: %w: %s; check that it runs, then run it again", m.Name, errLost, err.Error())
}

// bounded keeps what is written to it, up to mostOutput; then it lets go of who writes. The buffer is no part of it by name: its ReadFrom
// would read without a bound.
type bounded struct {
	kept bytes.Buffer
	over bool
	full func() error
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > mostOutput-b.kept.Len() && !b.over {
		b.over = true
		_ = b.full()
	}
	if b.over {
		return len(p), nil
	}
	return b.kept.Write(p)
}

// String is what was kept.
func (b *bounded) String() string { return b.kept.String() }

// Line is a command line that any POSIX shell reads as exactly these arguments: each stands in single quotes (POSIX.1-2017, Shell
// Command Language, 2.2.2). Invalid when there are none, or one has a NUL, which no argument can have.
func Line(argv ...string) (string, error) {
	if len(argv) == 0 {
		return "", fault.Newf(fault.Internal, "no command given")
	}
	words := make([]string, len(argv))
	for i, a := range argv {
		if strings.ContainsRune(a, 0) {
			return "", fault.Newf(fault.Invalid, "an argument of %s has a NUL character, which no command can be given; take it out", argv[0])
		}
		words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(words, " "), nil
}
