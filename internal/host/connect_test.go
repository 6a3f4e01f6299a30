package host

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"example.org/caravan/internal/fault"
)

// sshd is a machine's SSH server, which runs commands with this machine's own shell. The real one is in the test bed.
type sshd struct {
	address string
	key     ssh.Signer // its own
	let     ssh.PublicKey
	conns   chan net.Conn
}

func signer(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, private
}

func serve(t *testing.T, let ssh.PublicKey) *sshd {
	t.Helper()
	s := &sshd{let: let, conns: make(chan net.Conn, 16)}
	s.key, _ = signer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.address = l.Addr().String()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if bytes.Equal(key.Marshal(), s.let.Marshal()) {
			return &ssh.Permissions{}, nil
		}
		return nil, errors.New("no")
	}}
	config.AddHostKey(s.key)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conns <- conn
			go talk(conn, config)
		}
	}()
	return s
}

func talk(conn net.Conn, config *ssh.ServerConfig) {
	_, chans, reqs, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(reqs)
	for c := range chans {
		ch, reqs, err := c.Accept()
		if err != nil {
			return
		}
		go session(ch, reqs)
	}
}

func session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for r := range reqs {
		var p struct{ Command string }
		if r.Type != "exec" || ssh.Unmarshal(r.Payload, &p) != nil {
			_ = r.Reply(false, nil)
			continue
		}
		_ = r.Reply(true, nil)
		cmd := exec.Command("/bin/sh", "-c", p.Command)
		cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
		in, err := cmd.StdinPipe() // its end is not waited for
		if err != nil || cmd.Start() != nil {
			return
		}
		go func() {
			_, _ = io.Copy(in, ch)
			in.Close()
		}()
		cmd.Wait()
		ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(cmd.ProcessState.ExitCode())}))
		return
	}
}

// place is a folder with a private key and what is known of a server.
func place(t *testing.T, s *sshd, private ed25519.PrivateKey, known string) Options {
	t.Helper()
	dir := t.TempDir()
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Key: filepath.Join(dir, "key"), KnownHosts: filepath.Join(dir, "known_hosts"), Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.address)
	}}
	if err := errors.Join(os.WriteFile(o.Key, pem.EncodeToMemory(block), 0o600), os.WriteFile(o.KnownHosts, []byte(known), 0o600)); err != nil {
		t.Fatal(err)
	}
	return o
}

const machineAt = "10.0.0.1"

func TestAMachineIsTalkedToOnlyWhenItIsTheOneThatIsKnown(t *testing.T) {
	mine, private := signer(t)
	s := serve(t, mine.PublicKey())
	other, stranger := signer(t)
	line := func(key ssh.PublicKey) string { return knownhosts.Line([]string{machineAt}, key) + "\n" }
	for _, row := range []struct {
		name    string
		private ed25519.PrivateKey
		known   string
		kind    fault.Kind
		says    string
	}{
		{"known, and we are let in", private, line(s.key.PublicKey()), -1, ""},
		{"known among others", private, "# comment\n" + knownhosts.Line([]string{"10.0.0.2"}, other.PublicKey()) + "\n" + line(s.key.PublicKey()), -1, ""},
		{"unknown", private, "", fault.Denied, "its host key is not in"},
		{"changed", private, line(other.PublicKey()), fault.Denied, "is not the one in"},
		{"revoked", private, "@revoked " + line(s.key.PublicKey()), fault.Denied, "revoked"},
		{"our key is not let in", stranger, line(s.key.PublicKey()), fault.Denied, "authorized_keys"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Connect(t.Context(), place(t, s, row.private, row.known), "vm1", machineAt)
			if row.kind < 0 {
				if err != nil {
					t.Fatal(err)
				}
				r, err := m.Run(t.Context(), nil, "echo", "hello")
				if err != nil || string(r.Stdout) != "hello\n" || r.Code != 0 {
					t.Errorf("%+v, %v", r, err)
				}
				if err := m.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if fault.KindOf(err) != row.kind || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), "vm1 (10.0.0.1:22)") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestKeysThatCannotBeUsedSaySo(t *testing.T) {
	mine, private := signer(t)
	s := serve(t, mine.PublicKey())
	known := knownhosts.Line([]string{machineAt}, s.key.PublicKey()) + "\n"
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("open"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		spoil func(o *Options) error
		says  string
	}{
		{"a passphrase", func(o *Options) error { return os.WriteFile(o.Key, pem.EncodeToMemory(locked), 0o600) }, "add a key with a passphrase to the SSH agent"},
		{"no key", func(o *Options) error { return os.WriteFile(o.Key, []byte("hello"), 0o600) }, "not a private key"},
		{"no file", func(o *Options) error { o.Key += ".gone"; return nil }, "machines.key"},
		{"no known hosts", func(o *Options) error { o.KnownHosts += ".gone"; return nil }, "machines.knownHosts"},
		{"known hosts that are none", func(o *Options) error { return os.WriteFile(o.KnownHosts, []byte("10.0.0.1 hello\n"), 0o600) }, "machines.knownHosts"},
		{"a pipe for a key", func(o *Options) error { o.Key += ".pipe"; return syscall.Mkfifo(o.Key, 0o600) }, "is not a regular file"},
		{"a pipe for known hosts", func(o *Options) error { o.KnownHosts += ".pipe"; return syscall.Mkfifo(o.KnownHosts, 0o600) }, "is not a regular file"},
		{"no agent", func(o *Options) error { o.Key = ""; return nil }, "SSH_AUTH_SOCK is not set"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("SSH_AUTH_SOCK", "")
			o := place(t, s, private, known)
			if err := row.spoil(&o); err != nil {
				t.Fatal(err)
			}
			_, err := Connect(t.Context(), o, "vm1", machineAt)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE KEY-----") {
				t.Error("the key is quoted")
			}
		})
	}
}

func TestTheAgentsKeysLetUsIn(t *testing.T) {
	mine, private := signer(t)
	s := serve(t, mine.PublicKey())
	_, stranger := signer(t)
	keys := agent.NewKeyring()
	for _, k := range []ed25519.PrivateKey{stranger, private} {
		if err := keys.Add(agent.AddedKey{PrivateKey: k}); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keys, conn) }()
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
	o := place(t, s, private, knownhosts.Line([]string{machineAt}, s.key.PublicKey())+"\n")
	o.Key = ""
	m, err := Connect(t.Context(), o, "vm1", machineAt)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	t.Setenv("SSH_AUTH_SOCK", socket+".gone")
	if _, err := Connect(t.Context(), o, "vm1", machineAt); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "SSH agent") {
		t.Errorf("%v", err)
	}
}

func TestAMachineThatDoesNotAnswerIsNamed(t *testing.T) {
	mine, private := signer(t)
	s := serve(t, mine.PublicKey())
	o := place(t, s, private, knownhosts.Line([]string{machineAt}, s.key.PublicKey())+"\n")
	ctx, cancel := context.WithCancel(t.Context())
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		if conn, err := silent.Accept(); err == nil {
			defer conn.Close()
			cancel() // it has taken us in, and says nothing
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){
		"refused": func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") },
		"silent": func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, silent.Addr().String())
		},
	} {
		o.Dial = dial
		if _, err := Connect(ctx, o, "vm1", machineAt); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "vm1 (10.0.0.1:22)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func connected(t *testing.T) (*Machine, *sshd) {
	t.Helper()
	mine, private := signer(t)
	s := serve(t, mine.PublicKey())
	m, err := Connect(t.Context(), place(t, s, private, knownhosts.Line([]string{machineAt}, s.key.PublicKey())+"\n"), "vm1", machineAt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, s
}

func TestAConnectionThatBreaksIsUnavailable(t *testing.T) {
	m, s := connected(t)
	(<-s.conns).Close()
	if _, err := m.Run(t.Context(), nil, "true"); fault.KindOf(err) != fault.Unavailable || !errors.Is(err, errLost) {
		t.Errorf("%v", err)
	}
}

func TestACommandIsBrokenOffWithItsContext(t *testing.T) {
	m, _ := connected(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	defer in.Close()
	go func() {
		_, _ = out.Write([]byte("x")) // it is read once the command runs
		cancel()
	}()
	if _, err := m.Run(ctx, in, "cat"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestACommandThatSaysTooMuchIsLetGo(t *testing.T) {
	m, _ := connected(t)
	if _, err := m.Run(t.Context(), nil, "cat", "/dev/zero"); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "MiB") {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeACommandIsRefused(t *testing.T) {
	if _, err := Line(); err == nil {
		t.Error("nothing was run")
	}
	if _, err := Line("echo", "a\x00b"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}

func FuzzEveryShellReadsExactlyTheseArguments(f *testing.F) {
	for _, s := range []string{"", "a b", "'", `\`, "$HOME `id` $(id)", "\n", "*", "~", "#", "!x", "-n", "é\xff", `"`, "a'b'c"} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			t.Skip("no argument has a NUL")
		}
		line, err := Line("printf", `%s\0`, a, b)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("/bin/sh", "-c", line).Output()
		if err != nil || string(out) != a+"\x00"+b+"\x00" {
			t.Errorf("%q became %q, %v", []string{a, b}, out, err)
		}
	})
}
