package live

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/machine"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/host"
)

// machine looks at one machine: one script of our own, read by a shell there, and the addresses of names.
func (s Source) machine(ctx context.Context, h Host, o Options, r *discover.Report) {
	place := estate.Place{File: s.Name + "/" + h.Name}
	m, err := host.Connect(ctx, *s.Machines, h.Name, h.Address.String())
	if err != nil {
		r.Doubt(estate.Unreadable, place, "not looked at: "+forLive(err))
		return
	}
	defer func() { _ = m.Close() }()
	said, err := m.Run(ctx, strings.NewReader(machine.Script), "sh", "-s", "--", strconv.Itoa(int(s.Watch/time.Second)))
	if err == nil && said.Code != 0 && len(said.Stdout) == 0 {
		err = errors.New(firstLine(said.Stderr) + "; let the account run commands as root, with sudo and without a password")
	}
	if err != nil {
		r.Doubt(estate.Unreadable, place, "not looked at: "+forLive(err))
		return
	}
	found := machine.Parse(string(said.Stdout))
	about := machine.About{Source: s.Name, Host: h.Name, Address: h.Address, Environment: s.Environment, At: o.At}
	found.Report(about, lookUp(ctx, m, o.Outside), r)
}

// forLive puts the words of a live source in the place of a target's.
func forLive(err error) string {
	return strings.NewReplacer("of the target", "of the live source", "sudo -n -- ", "").Replace(err.Error())
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

// hostName is a name that can be looked up, and is no option of a program.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$`)

// mostNames bounds how many names a machine is asked for.
const mostNames = 200

// lookUp asks a machine for the addresses of names; no answer is no address.
func lookUp(ctx context.Context, m *host.Machine, names []string) map[string][]netip.Addr {
	argv := []string{"sh", "-s", "--"}
	for _, n := range names {
		if hostName.MatchString(n) && len(n) < 254 && len(argv) < mostNames+3 {
			argv = append(argv, n)
		}
	}
	if len(argv) == 3 {
		return nil
	}
	said, err := m.Run(ctx, strings.NewReader(machine.NameScript), argv...)
	if err != nil {
		return nil
	}
	return machine.Names(string(said.Stdout))
}
