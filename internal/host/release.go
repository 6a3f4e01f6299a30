package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// Program is what releases of a service are put in place with on its machines.
type Program struct {
	Service  estate.ServiceName
	Unit     string          // "orders.service"
	Root     string          // the folder with its releases, and current, which leads to the one that runs
	Hosts    []render.Host   // in the order in which they are renewed
	Health   []string        // command that ends with 0 when it is well; none when systemd's word is enough
	Patience int             // seconds it is given for that
	Balance  *render.Balance // how calls come to it; nil when nobody spreads them, or nobody knows
	Switch   []string        // command that lets a release run: NAME and an archive, which is not looked at, come behind it
}

// ProgramOf is how releases of a service are put in place that was rendered. False when it is not among the files.
func ProgramOf(files []render.File, service estate.ServiceName) (Program, bool, error) {
	p := Program{Service: service}
	found := false
	for _, f := range files {
		switch {
		case f.Subject != service || f.Placed == nil:
		case path.Base(f.Path) == render.InstallName:
			install, err := render.ReadInstall(f)
			if err != nil {
				return p, false, err
			}
			if len(install.Units) == 0 || len(install.Data) == 0 {
				continue
			}
			p.Unit, p.Root, p.Hosts = install.Units[len(install.Units)-1].Name, install.Data[0], install.Hosts
			p.Health, p.Patience, p.Balance = install.Health, install.Patience, install.Balance
			found = true
		case path.Base(f.Path) == "release" && f.Placed.Path != "":
			p.Switch = []string{f.Placed.Path}
		}
	}
	return p, found && len(p.Switch) > 0, nil
}

// Released is what runs of a service on a machine.
type Released struct {
	Host    string
	Name    string // of the folder that current leads to; "" when it leads nowhere
	Has     bool   // the release that was asked about is there
	Running bool   // its unit runs
}

// see says, a line each, where current leads to, whether a release is there, and how the unit is. A current that is no link is somebody's
// own way to deploy.
const see = `cd "$1" 2>/dev/null || { echo; echo no; systemctl is-active "$3" || true; exit 0; }
[ -L current ] || [ ! -e current ] || exit 3
readlink current || echo
if [ -d "releases/$2" ]; then echo yes; else echo no; fi
systemctl is-active "$3" || true
`

// Released says what runs of a service on its machines, in their order. Conflict when its releases are not kept beside each other there.
func (t *Target) Released(ctx context.Context, p Program, name string) ([]Released, error) {
	out := make([]Released, len(p.Hosts))
	err := t.each(ctx, p.Hosts, func(h render.Host, m *Machine) (err error) {
		out[slices.Index(p.Hosts, h)], err = m.released(ctx, p, name)
		return err
	})
	return out, err
}

func (m *Machine) released(ctx context.Context, p Program, name string) (Released, error) {
	r, err := m.Run(ctx, nil, "sh", "-c", see, "caravan", p.Root, name, p.Unit)
	if err != nil {
		return Released{}, err
	}
	said := strings.Split(string(r.Stdout), "\n")
	switch {
	case r.Code == 3:
		return Released{}, fault.Newf(fault.Conflict, "%s: %s is no link, so releases of %s cannot be switched there; move it to %s/releases/NAME and make it a link to that", m.Name, path.Join(p.Root, "current"), p.Service, p.Root)
	case r.Code != 0 || len(said) < 3:
		return Released{}, fault.Newf(fault.Unavailable, "%s: look at %s: %s; mend that and run it again", m.Name, p.Root, lastLine(r))
	}
	to := strings.TrimSpace(said[0])
	return Released{Host: m.Name, Name: path.Base(strings.TrimSuffix("/"+to, "/")), Has: said[1] == "yes", Running: said[2] == "active"}.plain(to), nil
}

// plain gives no name to what leads nowhere.
func (r Released) plain(to string) Released {
	if to == "" {
		r.Name = ""
	}
	return r
}

// take unpacks a release beside those that are there. What is there already is as it was put there.
const take = `set -eu
umask 022
mkdir -p "$1/releases"
cd "$1/releases"
here=$(pwd -P)
rm -rf "$2.part"
mkdir "$2.part"
# Whoever owns this folder must not lead us elsewhere.
cd "$2.part"
[ "$(pwd -P)" = "$here/$2.part" ]
tar --extract --no-same-owner --file=-
`

// keep gives a release that came whole its name.
const keep = `set -eu
cd "$1/releases"
[ -d "$2" ] || mv -T "$2.part" "$2"
rm -rf "$2.part"
`

// bring puts a release beside those that are on a machine; nothing of it is used before all of it came.
func (m *Machine) bring(ctx context.Context, p Program, name string, archive func() (io.ReadCloser, error)) error {
	free, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer free()
	in, err := archive()
	if err != nil {
		return err
	}
	whole := &complete{in: in}
	r, err := m.Run(ctx, whole, "sh", "-c", take, "caravan", p.Root, name)
	if err = errors.Join(err, whole.failed, in.Close()); err != nil {
		return err
	}
	if r.Code != 0 || !whole.ended {
		_, _ = m.Run(ctx, nil, "rm", "-rf", "--", path.Join(p.Root, "releases", name+".part")) // else it is the next one's to do
	}
	if r.Code != 0 && strings.Contains(string(r.Stderr), "No space left on device") {
		return fault.Newf(fault.Unavailable, "%s: no room left for release %s below %s; nothing of it is used; make room and run it again", m.Name, name, p.Root)
	}
	if r.Code != 0 || !whole.ended {
		return fault.Newf(fault.Unavailable, "%s: unpack release %s below %s: %s; mend that and run it again", m.Name, name, p.Root, lastLine(r))
	}
	return m.must(ctx, nil, "keep release "+name, "sh", "-c", keep, "caravan", p.Root, name)
}

// complete notices how the reading of an archive ended.
type complete struct {
	in     io.Reader
	ended  bool
	failed error
}

// Read passes an archive on.
func (c *complete) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		c.ended = true
	case err != nil:
		c.failed = err
	}
	return n, err
}

// releasing is a release on its way.
type releasing struct {
	*applying
	p Program
}

func (t *Target) releasing(p Program, tell journey.Tell) *releasing {
	return &releasing{p: p, applying: &applying{Target: t, tell: aloud(tell), part: part{thing: string(p.Service), install: &render.Install{
		Name: p.Service, Hosts: p.Hosts, Units: []render.Unit{{Name: p.Unit}}, Health: p.Health, Patience: p.Patience, Balance: p.Balance,
	}}}}
}

// Deliver lets a release run on all machines of a service, one after the other, each out of balance meanwhile and well before the next is begun;
// news is told how many run it. All of it is on every machine before it runs on any. On a machine where it is not well, what ran before
// runs again, and no other is begun: then it is Unavailable. What runs already stays untouched, so it may be called again.
func (t *Target) Deliver(ctx context.Context, p Program, name string, archive func() (io.ReadCloser, error), tell journey.Tell, news func(running int)) error {
	d := t.releasing(p, tell)
	there, err := t.Released(ctx, p, name)
	if err != nil {
		return err
	}
	var lacking []render.Host
	for i, r := range there {
		if !r.Has {
			lacking = append(lacking, p.Hosts[i])
		}
	}
	var telling sync.Mutex
	if err := t.each(ctx, lacking, func(h render.Host, m *Machine) error {
		err := m.bring(ctx, p, name, archive)
		telling.Lock()
		defer telling.Unlock()
		if err == nil {
			d.tell(h.Name + ": has release " + name)
		}
		return err
	}); err != nil {
		return err
	}
	for i, h := range p.Hosts {
		if err := t.on(ctx, h, func(m *Machine) error { return d.run(ctx, h, m, name) }); err != nil {
			return unavailable(err)
		}
		news(i + 1)
	}
	return nil
}

// Return lets an earlier release run again on the machines where another runs, the last first. With none, nothing of the service runs there
// any more.
func (t *Target) Return(ctx context.Context, p Program, name string, tell journey.Tell) error {
	d := t.releasing(p, tell)
	for _, h := range slices.Backward(p.Hosts) {
		if err := t.on(ctx, h, func(m *Machine) error { return d.run(ctx, h, m, name) }); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// run lets a release run on one machine.
func (d *releasing) run(ctx context.Context, h render.Host, m *Machine, name string) error {
	now, err := m.released(ctx, d.p, name)
	if err != nil {
		return err
	}
	if well, err := d.isWell(ctx, m, now, name); err != nil || well {
		return err
	}
	if name != "" && !now.Has {
		return fault.Newf(fault.NotFound, "%s: release %s of %s is not kept there any more; deploy that version again", m.Name, name, d.p.Service)
	}
	if d.p.Balance != nil {
		if err := d.out(ctx, h, m); err != nil {
			return err
		}
	}
	bad := d.change(ctx, m, name, now.Name)
	var unwell *unwellError
	if bad != nil && (!errors.As(bad, &unwell) || now.Name == "" || now.Name == name) {
		return bad
	}
	if bad != nil { // what ran before runs again, and is let in if it is well
		if err := m.wait(ctx, d.outcome(), d.tell); err != nil {
			return errors.Join(bad, err)
		}
	}
	if d.p.Balance == nil {
		return bad
	}
	return errors.Join(bad, d.in(ctx, h, m, func(*outcome) {}))
}

// isWell reports whether a machine runs a release, well and in balance: then nothing is to be done there.
func (d *releasing) isWell(ctx context.Context, m *Machine, now Released, name string) (bool, error) {
	if now.Name != name || !now.Running && name != "" {
		return false, nil
	}
	out, err := d.isOut(ctx, m)
	if err != nil || out || name == "" {
		return !out, err
	}
	why, err := m.ask(ctx, d.outcome(), d.tell)
	return why == "", err
}

// isOut reports whether a machine was taken out of balance and not put back.
func (d *releasing) isOut(ctx context.Context, m *Machine) (bool, error) {
	if d.p.Balance == nil {
		return false, nil
	}
	mf, err := m.manifest(ctx, d.o.Expansion)
	if err != nil {
		return false, err
	}
	return mf.Things[d.thing].Out, nil
}

// outcome is the service as it is waited for.
func (d *releasing) outcome() outcome { return outcome{Install: *d.install} }

// halt stops a service that has no release.
const halt = `set -eu
systemctl stop "$2"
rm -f "$1/current"
`

// didNotStart says why a release did not, in its own words: those of the one that was started again after it tell nothing.
func (d *releasing) didNotStart(ctx context.Context, m *Machine, why string) error {
	const lines = 60
	said, err := m.journal(ctx, d.outcome(), lines)
	if err != nil {
		return err
	}
	said = beforeLastStart(said)
	const enough = 12
	return m.inItsWords(d.outcome(), why, said[max(0, len(said)-enough):], d.tell)
}

// beforeLastStart are the lines of a journal before the unit was started the last time; all when it was not.
func beforeLastStart(said []string) []string {
	for _, word := range []string{"Starting ", "Started "} { // units that are well at once are never starting
		for i, line := range slices.Backward(said) {
			if strings.HasPrefix(line, word) {
				return said[:i]
			}
		}
	}
	return said
}

// change lets a release run and waits until it is well. When it is not, the one before runs again, and it is an unwellError.
func (d *releasing) change(ctx context.Context, m *Machine, name, before string) error {
	if name == "" {
		d.tell(m.Name + ": stops " + string(d.p.Service) + ", of which there was no release before")
		return m.must(ctx, nil, "stop "+d.p.Unit, "sh", "-c", halt, "caravan", d.p.Root, d.p.Unit)
	}
	d.tell(m.Name + ": runs release " + name)
	r, err := m.Run(ctx, nil, slices.Concat(d.p.Switch, []string{name, "/dev/null"})...)
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return d.didNotStart(ctx, m, fmt.Sprintf("release %s: %s", name, lastLine(r)))
	}
	bad := m.wait(ctx, d.outcome(), d.tell)
	var unwell *unwellError
	if !errors.As(bad, &unwell) || before == "" || before == name {
		return bad
	}
	d.tell(m.Name + ": goes back to release " + before)
	if r, err := m.Run(ctx, nil, slices.Concat(d.p.Switch, []string{before, "/dev/null"})...); err != nil || r.Code != 0 {
		return errors.Join(bad, err, fault.Newf(fault.Unavailable, "%s: going back to release %s failed, too: %s; mend that and run it again", m.Name, before, lastLine(r)))
	}
	return bad
}
