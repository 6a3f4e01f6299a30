package kopi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"example.org/caravan/testbed"
)

// Country is a country as Caravan renders it: a cluster, and machines for its datastores.
type Country struct {
	Dir     string // what `caravan move` wrote: rendered/indonesia
	Cluster testbed.ClusterAt
	hosts   []host
	names   map[string][]netip.Addr
}

// proposal is as much of one as tells where everything is.
type proposal struct {
	Environments []struct{ Name, Kind string }
	Addresses    []struct {
		Holder string
		Prefix netip.Prefix
	}
}

// host is a rendered machine.
type host struct {
	at   testbed.MachineAt
	init cloudInit
}

// cloudInit is as much of cloud-init's user data as Caravan writes.
type cloudInit struct {
	Hostname string
	Files    []struct {
		Path, Content, Permissions string
		Append                     bool
	} `yaml:"write_files"`
	Commands [][]string `yaml:"runcmd"`
}

// ReadCountry reads what was rendered, and the plan behind it as `caravan plan NAME -o json` has it.
func ReadCountry(dir string, plan []byte) (Country, error) {
	c := Country{Dir: dir, names: map[string][]netip.Addr{}}
	var p proposal
	if err := json.Unmarshal(plan, &p); err != nil {
		return c, fmt.Errorf("the plan of %s: %w", dir, err)
	}
	if len(p.Environments) == 0 {
		return c, fmt.Errorf("the plan of %s has no environments; write it with caravan plan NAME -o json", dir)
	}
	of := func(environment, what string) netip.Prefix {
		i := slices.IndexFunc(p.Addresses, func(a struct {
			Holder string
			Prefix netip.Prefix
		}) bool {
			return strings.HasSuffix(a.Holder, "/"+environment+"/"+what)
		})
		if i < 0 {
			return netip.Prefix{}
		}
		return p.Addresses[i].Prefix
	}
	for _, e := range p.Environments {
		if e.Kind == "kubernetes" {
			nodes := of(e.Name, "nodes")
			if !nodes.IsValid() {
				return c, fmt.Errorf("the plan of %s has no range for the nodes of %s", dir, e.Name)
			}
			node := netip.PrefixFrom(nodes.Addr().Next().Next(), nodes.Bits())
			c.Cluster = testbed.ClusterAt{Name: e.Name, Node: node, Pods: of(e.Name, "pods"), Services: of(e.Name, "services")}
			continue
		}
		if err := c.readHosts(filepath.Join(dir, "vm", e.Name, "hosts"), of(e.Name, "machines").Bits()); err != nil {
			return c, err
		}
	}
	return c, nil
}

// readHosts reads the machines of an environment and its names.
func (c *Country) readHosts(dir string, bits int) error {
	text, err := os.ReadFile(filepath.Join(dir, "etc-hosts"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(line, "#") {
			continue
		}
		address, err := netip.ParseAddr(fields[0])
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		for _, name := range fields[1:] {
			c.names[name] = append(c.names[name], address)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "cloud-init.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var h host
		if err := yaml.Unmarshal(data, &h.init); err != nil || len(c.names[h.init.Hostname]) == 0 {
			return fmt.Errorf("%s: no machine with an address: %w", file, err)
		}
		h.at = testbed.MachineAt{Name: h.init.Hostname, Address: netip.PrefixFrom(c.names[h.init.Hostname][0], bits)}
		c.hosts = append(c.hosts, h)
	}
	return nil
}

// Machines are where the country's machines are.
func (c Country) Machines() []testbed.MachineAt {
	var out []testbed.MachineAt
	for _, h := range c.hosts {
		out = append(out, h.at)
	}
	return out
}

// Install makes the country's machines what was rendered for them by hand, all at once since many wait for others, and then makes the
// accounts that secrets.md lists. All passwords are the same word.
func (c Country) Install(ctx context.Context, b *testbed.Bed, tell func(string)) error {
	if err := c.Name(b); err != nil {
		return err
	}
	if err := c.PutSecrets(ctx, b); err != nil {
		return err
	}
	all, untilOneFails := errgroup.WithContext(ctx)
	for _, h := range c.hosts {
		all.Go(func() error {
			tell("set up " + h.at.Name)
			if err := h.apply(untilOneFails, b.Machine(h.at.Name)); err != nil {
				return fmt.Errorf("set up %s: %w", h.at.Name, err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	tell("make accounts")
	return c.MakeAccounts(ctx, b)
}

// Name has the bed's name server answer for everything on the country's machines.
func (c Country) Name(b *testbed.Bed) error {
	for name, addresses := range c.names {
		if strings.Contains(name, ".") {
			if err := b.AddName(name, addresses...); err != nil {
				return err
			}
		}
	}
	return nil
}

// PutSecrets puts on the country's machines what secrets.md asks for, before anything is started.
func (c Country) PutSecrets(ctx context.Context, b *testbed.Bed) error {
	secrets, err := c.secrets()
	if err != nil {
		return err
	}
	all, untilOneFails := errgroup.WithContext(ctx)
	for _, h := range c.hosts {
		all.Go(func() error { return b.Machine(h.at.Name).Do(untilOneFails, h.secretScript(secrets)) })
	}
	return all.Wait()
}

// secretScript puts a machine's secrets in place.
func (h host) secretScript(secrets []secret) string {
	script := "set -e\ninstall -d -m 0700 /etc/kopi/secrets\n"
	for _, s := range secrets {
		if slices.Contains(s.hosts, h.at.Name) {
			script += fmt.Sprintf("install -m 0600 /dev/stdin %s <<'END'\n%sEND\n", s.path, s.text)
			if s.owner != "" {
				script += fmt.Sprintf("chown %[1]s:%[1]s %[2]s\nchmod 0400 %[2]s\n", s.owner, s.path)
			}
		}
	}
	return script
}

// apply does by hand what cloud-init does to a new machine.
func (h host) apply(ctx context.Context, m *testbed.Machine) error {
	script := "set -e\n"
	for _, f := range h.init.Files {
		to := ">"
		if f.Append {
			to = ">>"
		}
		script += fmt.Sprintf("mkdir -p $(dirname %[1]s)\ncat %[2]s%[1]s <<'END-OF-FILE'\n%[3]s\nEND-OF-FILE\nchmod %[4]s %[1]s\n", quoted(f.Path), to, strings.TrimSuffix(f.Content, "\n"), f.Permissions)
	}
	for _, argv := range h.init.Commands {
		for _, a := range argv {
			script += quoted(a) + " "
		}
		script += "\n"
	}
	return m.Do(ctx, script)
}

// quoted is a text as one word of the shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// secret is a file of secrets that somebody has to put on machines.
type secret struct {
	path, owner, text string
	hosts             []string
}

// password is everybody's.
const password = "sample"

var (
	wholeFile = regexp.MustCompile("(?:Put a|And a) file `([^`]+)`(?: \\(owner root, mode 0600\\) on ([^:]*?), the same on each)?:\n\n```\n((?s:.*?))```")
	oneWord   = regexp.MustCompile("Put the same `([^`]+)` \\(owner (\\w+), mode 0400, one random word\\) on ([^.]*?), before")
	blank     = regexp.MustCompile(`<[^>]+>`)
	row       = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `[^`]+` \\| `(.+)` \\|$")
)

// secrets are the files of secrets that each secrets.md asks for.
func (c Country) secrets() ([]secret, error) {
	var out []secret
	err := c.each(func(_ string, text string) error {
		var hosts []string
		for _, found := range wholeFile.FindAllStringSubmatch(text, -1) {
			if found[2] != "" {
				hosts = strings.Split(found[2], ", ")
			}
			out = append(out, secret{path: found[1], hosts: hosts, text: blank.ReplaceAllString(found[3], password)})
		}
		for _, found := range oneWord.FindAllStringSubmatch(text, -1) {
			out = append(out, secret{path: found[1], owner: found[2], hosts: strings.Split(found[3], ", "), text: password + "\n"})
		}
		return nil
	})
	return out, err
}

// each goes through the secrets.md of all datastores.
func (c Country) each(do func(store, text string) error) error {
	files, err := filepath.Glob(filepath.Join(c.Dir, "vm", "*", "datastores", "*", "secrets.md"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := do(filepath.Base(filepath.Dir(file)), string(text)); err != nil {
			return err
		}
	}
	return nil
}

// MakeAccounts makes the accounts of every datastore, which run by now.
func (c Country) MakeAccounts(ctx context.Context, b *testbed.Bed) error {
	return c.each(func(store, text string) error {
		rows := row.FindAllStringSubmatch(text, -1)
		first := b.Machine(store + "-1")
		switch {
		case len(rows) == 0 || first == nil:
			return nil
		case strings.Contains(rows[0][2], "rabbitmqctl"):
			script := "set -e\n"
			for _, r := range rows {
				script += "echo " + password + " | " + r[2] + " >/dev/null || exit 1\n"
			}
			return first.Do(ctx, script)
		}
		primary, err := c.primary(ctx, b, store)
		if err != nil {
			return err
		}
		script := "set -e\ncd /\nport=$(sed -n 's/^ *listen:.*:\\(54[0-9]*\\)$/\\1/p' /etc/patroni/" + store + ".yml)\nrunuser -u postgres -- psql --quiet --port $port --file /etc/kopi/" + store + ".sql >/dev/null\n"
		for _, r := range rows {
			script += fmt.Sprintf("runuser -u postgres -- psql --quiet --port $port -c %s\n", quoted(fmt.Sprintf(`ALTER ROLE "%s" PASSWORD '%s'`, r[1], password)))
		}
		return primary.Do(ctx, script)
	})
}

// primary waits until Patroni says who takes writes.
func (c Country) primary(ctx context.Context, b *testbed.Bed, store string) (*testbed.Machine, error) {
	var found *testbed.Machine
	err := b.Await(ctx, "a primary of "+store, func() error {
		failed := errors.New("nobody has this store")
		for _, h := range c.hosts {
			if !strings.HasPrefix(h.at.Name, store+"-") {
				continue
			}
			if _, failed = b.Run(ctx, "curl", "-fsS", "-o", "/dev/null", "http://"+h.at.Address.Addr().String()+":8008/primary"); failed == nil {
				found = b.Machine(h.at.Name)
				return nil
			}
		}
		return failed
	})
	return found, err
}
