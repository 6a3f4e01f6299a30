package testbed

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Machine is a virtual machine of the old world: Debian with systemd and sshd, and an address on
// the bed's bridge.
type Machine struct {
	Name    string // host name: "vm1"
	Address string
	at      MachineAt
	bed     *Bed
	dir     string
}

// The distribution of machines, and what is installed in all of them; nothing of it runs before
// somebody enables it.
const suite = "bookworm"

var packages = []string{
	"systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "iputils-ping", "ca-certificates", "procps", "curl", "sudo", "netcat-openbsd", "socat",
	"postgresql", "postgresql-contrib", "patroni", "python3-etcd", "etcd-server", "etcd-client", "pgbouncer", "redis-server", "redis-sentinel",
	"haproxy", "keepalived", "nginx-light", "rabbitmq-server", "prometheus", "prometheus-node-exporter", "prometheus-postgres-exporter", "chrony", "rsyslog", "ruby",
}

// base is the folder of what all machines share, made once and kept: a machine writes into a layer
// of its own above it.
func base(ctx context.Context) (string, error) {
	at, err := cache()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(suite + " " + strings.Join(packages, " ") + baseScript))
	dir := filepath.Join(at, "debian-"+hex.EncodeToString(sum[:])[:16])
	done, err := alone(ctx, dir)
	if err != nil {
		return "", err
	}
	defer done()
	if used(dir) {
		return dir, nil
	}
	half, debs := dir+".new", dir+".debs"
	if err := errors.Join(os.RemoveAll(half), os.MkdirAll(debs, 0o755)); err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		err := run(ctx, "debootstrap", "--variant=minbase", "--cache-dir="+debs, "--include="+strings.Join(packages, ","), suite, half)
		if err == nil {
			break
		}
		if err = errors.Join(err, os.RemoveAll(half)); try == downloads || ctx.Err() != nil {
			return "", err
		}
	}
	if err := run(ctx, "chroot", half, "/bin/sh", "-ec", baseScript); err != nil {
		return "", errors.Join(err, os.RemoveAll(half))
	}
	return dir, errors.Join(os.RemoveAll(debs), os.Rename(half, dir))
}

// downloads is how often packages and modules are fetched, when a download of one breaks off; those
// that arrived are not fetched again.
const downloads = 3

// baseScript lets nothing run that nobody asked for, and forgets what every machine makes for
// itself.
const baseScript = `
for unit in postgresql patroni etcd pgbouncer redis-server redis-sentinel haproxy keepalived nginx rabbitmq-server prometheus prometheus-node-exporter prometheus-postgres-exporter chrony rsyslog epmd; do
  systemctl disable $unit >/dev/null 2>&1 || true
done
systemctl disable apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer >/dev/null 2>&1 || true
systemctl disable systemd-networkd systemd-networkd-wait-online >/dev/null 2>&1 || true
systemctl enable ssh >/dev/null 2>&1
rm -rf /etc/ssh/ssh_host_* /etc/machine-id /var/cache/apt/archives/*.deb /etc/postgresql/*/main /var/lib/postgresql/*/main
: > /etc/machine-id
`

// up boots the machine and waits until it can be logged in to.
func (m *Machine) up(ctx context.Context) error {
	root, err := m.layers(ctx)
	if err != nil {
		return err
	}
	if err := m.configure(ctx, root); err != nil {
		return err
	}
	if err := m.bed.join(ctx, m.Name, cmp.Or(m.at.Interface, "eth0"), m.at.Address); err != nil {
		return err
	}
	err = m.bed.start(process{name: m.Name, group: m.Name + "/machine", argv: []string{
		"env", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network", "systemd-nspawn", "--quiet", "--directory=" + root, "--boot", "--register=no", "--keep-unit", "--machine=" + m.Name, "--hostname=" + m.Name,
		"--network-namespace-path=" + m.space().path(), "--capability=CAP_NET_ADMIN", "--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
	}})
	if err != nil {
		return err
	}
	return await(ctx, m.Name, 2*time.Minute, m.bed.lan().listens(net.JoinHostPort(m.Address, "22")))
}

func (m *Machine) space() space { return m.bed.space(m.Name) }

// layers mounts the machine's own layer above what all share.
func (m *Machine) layers(ctx context.Context) (string, error) {
	lower, err := base(ctx)
	if err != nil {
		return "", err
	}
	dir := func(name string) string { return filepath.Join(m.dir, name) }
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(dir(name), 0o755); err != nil {
			return "", err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, dir("upper"), dir("work"))
	return dir("root"), run(ctx, "mount", "-t", "overlay", "overlay", "-o", options, dir("root"))
}

// configure gives the machine its name, where it finds those of others, keys to be known by, and
// lets the bed in.
func (m *Machine) configure(ctx context.Context, root string) error {
	key, err := os.ReadFile(m.bed.SSHKey() + ".pub")
	if err != nil {
		return err
	}
	const authorities = "etc/ssl/certs/ca-certificates.crt"
	known, err := os.ReadFile(filepath.Join(root, authorities))
	if err != nil {
		return err
	}
	for path, text := range map[string]string{
		authorities:                      string(known) + string(m.bed.ca.pem),
		"etc/hosts":                      "127.0.0.1 localhost\n",
		"etc/hostname":                   m.Name + "\n",
		"etc/resolv.conf":                "nameserver " + lanAddress.String() + "\n",
		"etc/ssl/certs/bed.pem":          string(m.bed.ca.pem),
		"root/.ssh/authorized_keys":      string(key),
		"etc/ssh/sshd_config.d/bed.conf": "UseDNS no\nPermitRootLogin prohibit-password\nUsePAM no\nMaxStartups 100\n",
	} {
		full := filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	if err := os.Chmod(filepath.Join(root, "root/.ssh"), 0o700); err != nil {
		return err
	}
	if err := lighten(root); err != nil {
		return err
	}
	if err := run(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(root, "etc/ssh/ssh_host_ed25519_key")); err != nil {
		return err
	}
	public, err := os.ReadFile(filepath.Join(root, "etc/ssh/ssh_host_ed25519_key.pub"))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(m.bed.KnownHosts(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(m.Address + " " + string(public))
	return errors.Join(err, f.Close())
}

// lighten leaves out what a container has no use for and systemd runs, dozens of processes, each
// time somebody installs or enables a unit: generators for disks, consoles and a first boot, and
// the links of System V, which no unit here needs. RabbitMQ waits without spinning.
func lighten(root string) error {
	const masks = "etc/systemd/system-generators"
	if err := os.MkdirAll(filepath.Join(root, masks), 0o755); err != nil {
		return err
	}
	all, err := filepath.Glob(filepath.Join(root, "usr/lib/systemd/system-generators/systemd-*"))
	if err != nil {
		return err
	}
	for _, g := range all {
		if err := os.Symlink("/dev/null", filepath.Join(root, masks, filepath.Base(g))); err != nil {
			return err
		}
	}
	sysv := filepath.Join(root, "usr/lib/systemd/systemd-sysv-install")
	dropIn := filepath.Join(root, "usr/lib/systemd/system/rabbitmq-server.service.d/quiet.conf")
	return errors.Join(
		os.WriteFile(sysv, []byte("#!/bin/sh\nexit 0\n"), 0o755),
		os.MkdirAll(filepath.Dir(dropIn), 0o755),
		os.WriteFile(dropIn, []byte("[Service]\nEnvironment=\"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+
			"+sbwt none +sbwtdcpu none +sbwtdio none\"\n"), 0o644))
}

// SSH is the command line that logs in to the machine as root, or runs a command there.
func (m *Machine) SSH(command ...string) []string {
	return m.bed.lan().inside(append(append(m.bed.ssh(), "root@"+m.Address), command...)...)
}

// Run runs a command line as root, over SSH, and gives what it says.
func (m *Machine) Run(ctx context.Context, command string) (string, error) {
	out, err := output(ctx, m.SSH(command)...)
	if err != nil {
		return out, fmt.Errorf("on %s: %w", m.Name, err)
	}
	return out, nil
}

// Do runs a script of the shell as root.
func (m *Machine) Do(ctx context.Context, script string) error {
	if err := feed(ctx, script, m.SSH("/bin/sh", "-s")...); err != nil {
		return fmt.Errorf("on %s: %w", m.Name, err)
	}
	return nil
}

// root is where a path of the machine is on this computer.
func (m *Machine) root(path string) string { return filepath.Join(m.dir, "root", path) }

// Write puts a file on the machine, and makes its folder when there is none.
func (m *Machine) Write(path, text string) error {
	return m.within(func(root *os.Root) error {
		path := strings.TrimPrefix(path, "/")
		if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return root.WriteFile(path, []byte(text), 0o644)
	})
}

// within works on the machine's files. Links of the machine lead nowhere on this computer.
func (m *Machine) within(do func(*os.Root) error) error {
	root, err := os.OpenRoot(m.root("/"))
	if err != nil {
		return err
	}
	return errors.Join(do(root), root.Close())
}

// Copy puts a file or a folder of this computer on the machine, and makes the folder it goes to
// when there is none.
func (m *Machine) Copy(ctx context.Context, from, to string) error {
	err := m.within(func(root *os.Root) error { return root.MkdirAll(filepath.Dir(strings.TrimPrefix(to, "/")), 0o755) })
	if err != nil {
		return err
	}
	return run(ctx, "cp", "-rT", from, m.root(to))
}

// Certify puts a certificate for some names on the machine, PATH.crt and PATH.key, of the authority
// that all in the bed trust.
func (m *Machine) Certify(path string, names ...string) error {
	if err := m.bed.ca.issue(m.Name, names[0], nil, names...); err != nil {
		return err
	}
	for _, end := range []string{".crt", ".key"} {
		data, err := os.ReadFile(m.bed.file("pki/" + m.Name + end))
		if err != nil {
			return err
		}
		if err := m.Write(path+end, string(data)); err != nil {
			return err
		}
	}
	return nil
}

// ssh is the client with the bed's key, which knows its machines and no others. The key exchange is
// the one that takes least time to compute: there are thousands.
func (b *Bed) ssh() []string {
	return []string{"ssh", "-i", b.SSHKey(), "-o", "UserKnownHostsFile=" + b.KnownHosts(), "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "KexAlgorithms=curve25519-sha256", "-o", "ConnectTimeout=120", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=8", "-o", "LogLevel=ERROR"}
}

// SSHKey is the file of the private key that lets root in on every machine.
func (b *Bed) SSHKey() string { return b.file("ssh/id_ed25519") }

// KnownHosts is the file with the machines' host keys, in the format of OpenSSH.
func (b *Bed) KnownHosts() string { return b.file("ssh/known_hosts") }

// makeKey makes the key that lets the bed in to its machines.
func (b *Bed) makeKey(ctx context.Context) error {
	if err := os.MkdirAll(b.file("ssh"), 0o700); err != nil {
		return err
	}
	return run(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "caravan test bed", "-f", b.SSHKey())
}
