// Package kopi puts the sample company on a test bed: its machines of Singapore, made by the recipes of its Chef repository, and
// what Caravan renders for its next country. Every service is the program of programs/kopi.
package kopi

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"example.org/caravan/testbed"
)

// environment is the one of the company that the bed has.
const environment = "production-sg"

// Company is the sample company's files, and where its machines are.
type Company struct {
	Dir      string // of its repositories: chef, services, platform
	Machines []testbed.MachineAt
}

// node is as much of a Chef node as tells where a machine is.
type node struct {
	Name        string `json:"name"`
	Environment string `json:"chef_environment"`
	Automatic   struct {
		Address string `json:"ipaddress"`
		Network struct {
			Interface  string `json:"default_interface"`
			Interfaces map[string]struct {
				Addresses map[string]struct {
					Prefix json.Number `json:"prefixlen"` // older ones have it as a text
				} `json:"addresses"`
			} `json:"interfaces"`
		} `json:"network"`
	} `json:"automatic"`
}

// Read reads where the company's machines are from the nodes of its Chef repository. Those that nobody has seen for years stay away.
func Read(dir string) (Company, error) {
	c := Company{Dir: dir}
	if _, err := os.Stat(filepath.Join(dir, "chef")); err != nil {
		return c, fmt.Errorf("%w; name the folder of the sample company, examples/kopi", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "chef", "nodes", "*.json"))
	if err != nil {
		return c, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return c, err
		}
		var n node
		if err := json.Unmarshal(data, &n); err != nil {
			return c, fmt.Errorf("%s: %w", file, err)
		}
		if n.Environment != environment || strings.HasPrefix(n.Name, "legacy") {
			continue
		}
		address, err := netip.ParseAddr(n.Automatic.Address)
		if err != nil {
			return c, fmt.Errorf("%s: %w", file, err)
		}
		device := n.Automatic.Network.Interface
		bits, err := n.Automatic.Network.Interfaces[device].Addresses[n.Automatic.Address].Prefix.Int64()
		if err != nil {
			return c, fmt.Errorf("%s: %w", file, err)
		}
		c.Machines = append(c.Machines, testbed.MachineAt{Name: n.Name, Address: netip.PrefixFrom(address, int(bits)), Interface: device})
	}
	if len(c.Machines) == 0 {
		return c, fmt.Errorf("%s has no machines of %s", dir, environment)
	}
	_, err = c.Apps() // what is wrong with them is said before anything is raised
	return c, err
}

//go:embed converge.rb
var converge string

// Install makes the company's machines what its Chef repository says, all at once as far as there are cores for it, and then what its
// people did by hand.
func (c Company) Install(ctx context.Context, b *testbed.Bed, tell func(string)) error {
	packed, err := c.pack(ctx, b)
	if err != nil {
		return err
	}
	const atOnce = 4
	all, untilOneFails := errgroup.WithContext(ctx)
	all.SetLimit(atOnce)
	for _, at := range c.Machines {
		all.Go(func() error {
			tell("converge " + at.Name)
			return convergeOn(untilOneFails, packed, b.Machine(at.Name))
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return byHand(ctx, b)
}

// converge runs the recipes on one machine.
func convergeOn(ctx context.Context, packed string, m *testbed.Machine) error {
	if err := prepare(ctx, packed, m); err != nil {
		return fmt.Errorf("prepare %s: %w", m.Name, err)
	}
	if _, err := m.Run(ctx, "ruby /opt/chef/converge.rb /opt/chef/repository/chef "+m.Name+" >/var/log/converge.log 2>&1"); err != nil {
		said, _ := m.Run(ctx, "grep -v '^.from' /var/log/converge.log | tail -n 20")
		return fmt.Errorf("converge %s: %w\n%s", m.Name, err, said)
	}
	return nil
}

// runtimes are the programs that start services. On the company's machines they are Java, Node and their like.
var runtimes = []string{"/usr/bin/java", "/usr/bin/node", "/usr/bin/dotnet", "/usr/local/bin/bundle", "/srv/kopi/delivery/venv/bin/uvicorn", "/srv/kopi/invoicing/venv/bin/celery"}

const program = "/usr/local/lib/kopi/kopi"

// prepare puts on a machine what the company's images of machines have: runtimes, a certificate, its logs' collector, and the
// repository with its artefacts.
func prepare(ctx context.Context, packed string, m *testbed.Machine) error {
	kopi, err := testbed.Program(ctx, "kopi")
	if err != nil {
		return err
	}
	script := "set -e\nmkdir -p /etc/chef /etc/nginx/tls /etc/logstash/conf.d\n"
	for _, path := range runtimes {
		script += "mkdir -p " + filepath.Dir(path) + " && ln -sfn " + program + " " + path + "\n"
	}
	return errors.Join(
		m.Copy(ctx, kopi, program),
		m.Copy(ctx, packed, "/opt/chef/repository"),
		m.Write("/opt/chef/converge.rb", converge),
		m.Write("/etc/chef/payments_secret", "sample\n"),
		m.Write("/etc/systemd/system/logstash.service", "[Service]\nEnvironment=KOPI_SERVICE=logs\nExecStart="+program+"\n[Install]\nWantedBy=multi-user.target\n"),
		m.Certify("/etc/nginx/tls/kopi", "kopi.example.com", "www.kopi.example.com"),
		m.Do(ctx, script+"ln -sfn /opt/chef/repository/artefacts /var/cache/kopi\n"),
	)
}
