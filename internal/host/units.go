package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/render"
)

// unit is how a unit of systemd stands.
type unit struct {
	Known   bool `json:"known"`   // there is such a unit
	Enabled bool `json:"enabled"` // it is started with the machine
	Active  bool `json:"active"`
	failed  bool
	skipped bool // what its conditions ask for is not there
	stale   bool // its file was changed since systemd read it
}

// units asks how some units stand, all at once.
func (m *Machine) units(ctx context.Context, names ...string) (map[string]unit, error) {
	out := map[string]unit{}
	if len(names) == 0 {
		return out, nil
	}
	r, err := m.Run(ctx, nil, append([]string{"systemctl", "show", "--property=Id,Names,LoadState,UnitFileState,ActiveState,ConditionResult,ConditionTimestampMonotonic,NeedDaemonReload", "--"}, names...)...)
	if err != nil {
		return nil, err
	}
	blocks := strings.Split(strings.TrimSpace(string(r.Stdout)), "\n\n")
	if r.Code != 0 || len(blocks) != len(names) {
		return nil, fault.Newf(fault.Unavailable, "%s: ask systemd: %s; mend that and run it again", m.Name, lastLine(r))
	}
	for i, b := range blocks {
		p := map[string]string{}
		for line := range strings.Lines(b) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			p[key] = value
		}
		out[names[i]] = unit{
			Known: p["LoadState"] != "not-found", Enabled: p["UnitFileState"] == "enabled", Active: p["ActiveState"] == "active" || p["ActiveState"] == "reloading",
			failed: p["ActiveState"] == "failed", stale: p["NeedDaemonReload"] == "yes",
			skipped: p["ConditionResult"] == "no" && p["ConditionTimestampMonotonic"] != "0" && p["ActiveState"] == "inactive",
		}
	}
	return out, nil
}

func (m *Machine) systemctl(ctx context.Context, doing string, words ...string) error {
	return m.must(ctx, nil, doing, append([]string{"systemctl"}, words...)...)
}

// names are the names of an install's units.
func names(i render.Install) []string {
	out := make([]string, len(i.Units))
	for n, u := range i.Units {
		out[n] = u.Name
	}
	return out
}

// sameInstall tells whether two are the same.
func sameInstall(a, b render.Install) bool { return estate.DigestOf(a) == estate.DigestOf(b) }

// before is how the units that something uses or silences were before it came. What is known already stays as it is known.
func (m *Machine) before(ctx context.Context, o outcome) (map[string]unit, error) {
	units, err := m.units(ctx, slices.Concat(names(o.Install), o.Install.Quiet)...)
	if err != nil {
		return nil, err
	}
	maps.Copy(units, o.Units)
	return units, nil
}

// unwellError is that something was started and is not well.
type unwellError struct {
	host, thing, why string
}

func (e *unwellError) Error() string {
	return fmt.Sprintf("%s: %s is not well: %s", e.host, e.thing, e.why)
}

// secrets refuses to start what lacks the files that people put there.
func (a *applying) secrets(ctx context.Context, m *Machine) error {
	if len(a.install.Secrets) == 0 {
		return nil
	}
	r, err := m.Run(ctx, nil, append([]string{"stat", "--format=%n", "--"}, a.install.Secrets...)...)
	if err != nil {
		return err
	}
	there := strings.Split(strings.TrimSpace(string(r.Stdout)), "\n")
	var missing []error
	for _, s := range a.install.Secrets {
		if !slices.Contains(there, s) {
			missing = append(missing, fault.Newf(fault.Unavailable, "%s: the secret %s of %s is not there, so nothing of it was started; put it there as %s says, and run the move again", m.Name, s, a.thing, a.document()))
		}
	}
	return errors.Join(missing...)
}

func (a *applying) document() string {
	if a.install.Document == "" {
		return "the README of its bundle"
	}
	return a.install.Document
}

// start lets what a thing's files are for run on a machine, and waits until it is well. What runs already, with these very files, is
// left alone.
func (a *applying) start(ctx context.Context, h render.Host, m *Machine) error {
	mf, err := m.manifest(ctx, a.o.Expansion)
	if err != nil {
		return err
	}
	o := mf.Things[a.thing]
	todo, err := m.todo(ctx, o)
	if err != nil {
		return err
	}
	if !todo.any() && o.Well == o.Release && !o.Out {
		return nil
	}
	if todo.interrupts || o.Out {
		if err := a.out(ctx, h, m); err != nil {
			return err
		}
	}
	bad := m.run(ctx, o, todo, a.tell)
	if bad == nil {
		bad = m.wait(ctx, o, a.tell)
	}
	if bad != nil {
		return bad
	}
	return a.in(ctx, h, m, func(o *outcome) { o.Well, o.Started = o.Release, nowStarted(*o) })
}

// nowStarted is what the units of a release have read once they are started.
func nowStarted(o outcome) map[string]started {
	out := map[string]started{}
	for _, u := range o.Install.Units {
		out[u.Name] = reads(o.Releases[o.Release].Files, u.Name)
	}
	return out
}

// todo is what systemd is to be asked for.
type todo struct {
	reread     bool     // unit files
	enable     []string // with the machine
	start      []string // anew
	reload     []string
	interrupts bool // something that answers now does not for a while
}

func (t todo) any() bool {
	return t.reread || len(t.enable)+len(t.start)+len(t.reload) > 0
}

// todo compares how units stand with what they shall have read.
func (m *Machine) todo(ctx context.Context, o outcome) (todo, error) {
	var t todo
	units, err := m.units(ctx, names(o.Install)...)
	if err != nil {
		return t, err
	}
	for _, u := range o.Install.Units {
		now := units[u.Name]
		want, had := reads(o.Releases[o.Release].Files, u.Name), o.Started[u.Name]
		t.reread = t.reread || now.stale || want.Unit != had.Unit
		if !now.Enabled && !o.Install.Others {
			t.enable = append(t.enable, u.Name)
		}
		switch {
		case !now.Active && !(now.skipped && want == had):
			t.start = append(t.start, u.Name)
		case now.Active && want != had && u.Reload && want.Unit == had.Unit:
			t.reload = append(t.reload, u.Name)
		case now.Active && want != had:
			t.start, t.interrupts = append(t.start, u.Name), true
		}
	}
	return t, nil
}

// run asks systemd for it. What a new release cannot do is an unwellError.
func (m *Machine) run(ctx context.Context, o outcome, t todo, tell journey.Tell) error {
	if t.reread {
		if err := m.systemctl(ctx, "have systemd read its units anew", "daemon-reload"); err != nil {
			return err
		}
	}
	for _, do := range []struct {
		verb, said string
		units      []string
	}{{"enable", "", t.enable}, {"reload-or-restart", "reload", t.reload}, {"restart", "start", t.start}} {
		if len(do.units) == 0 {
			continue
		}
		if do.said != "" {
			tell(fmt.Sprintf("%s: %s %s", m.Name, do.said, strings.Join(do.units, ", ")))
		}
		if do.verb == "restart" { // units that failed too often would not be
			if _, err := m.Run(ctx, nil, append([]string{"systemctl", "reset-failed", "--"}, do.units...)...); err != nil {
				return err
			}
		}
		r, err := m.Run(ctx, nil, append([]string{"systemctl", do.verb, "--"}, do.units...)...)
		if err != nil {
			return err
		}
		if r.Code != 0 {
			why, _, _ := strings.Cut(strings.TrimSpace(string(r.Stderr)), "\n")
			return m.unwell(ctx, o, redact.Text(why), tell)
		}
	}
	return nil
}

// unwell says why something does not run, in the words of its journal.
func (m *Machine) unwell(ctx context.Context, o outcome, why string, tell journey.Tell) error {
	const lines = 12
	said, err := m.journal(ctx, o, lines)
	if err != nil {
		return err
	}
	return m.inItsWords(o, why, said, tell)
}

// journal is the last that the units of something said.
func (m *Machine) journal(ctx context.Context, o outcome, lines int) ([]string, error) {
	argv := []string{"journalctl", "--no-pager", "--output=cat", "--lines=" + strconv.Itoa(lines)}
	for _, u := range o.Install.Units {
		argv = append(argv, "--unit="+u.Name)
	}
	r, err := m.Run(ctx, nil, argv...)
	return strings.Split(strings.TrimSpace(string(r.Stdout)), "\n"), err
}

// inItsWords is that something is not well, with the last line of what it said that is not systemd's own.
func (m *Machine) inItsWords(o outcome, why string, said []string, tell journey.Tell) error {
	for i, line := range said {
		said[i] = redact.Text(strings.TrimSpace(line))
		tell(m.Name + ": journal: " + said[i])
	}
	for _, line := range slices.Backward(said) {
		if line != "" && !systemds(line, o) {
			why += "; its journal says: " + line
			break
		}
	}
	return &unwellError{m.Name, string(o.Install.Name), why}
}

// systemds tells whether a line of a journal is systemd's own, which says that something failed and not why.
func systemds(line string, o outcome) bool {
	first, _, _ := strings.Cut(line, " ")
	return slices.Contains([]string{"Failed", "Starting", "Started", "Stopping", "Stopped"}, first) ||
		slices.ContainsFunc(o.Install.Units, func(u render.Unit) bool { return first == u.Name+":" })
}

// beat is the pause between two looks at what is starting.
const beat = time.Second

// wait waits until a thing is well on a machine, as long as it is given. What waits for something that people bring is well.
func (m *Machine) wait(ctx context.Context, o outcome, tell journey.Tell) error {
	end := time.Now().Add(time.Duration(o.Install.Patience) * time.Second)
	for {
		why, err := m.ask(ctx, o, tell)
		if err != nil || why == "" {
			return err
		}
		if time.Now().After(end) {
			return m.unwell(ctx, o, fmt.Sprintf("%s after %d s", why, o.Install.Patience), tell)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(beat):
		}
	}
}

// ask asks once; the answer is why it is not well, "" when it is.
func (m *Machine) ask(ctx context.Context, o outcome, tell journey.Tell) (string, error) {
	units, err := m.units(ctx, names(o.Install)...)
	if err != nil {
		return "", err
	}
	for _, u := range o.Install.Units {
		switch now := units[u.Name]; {
		case now.skipped:
			tell(waiting(m.Name, u.Name))
			return "", nil
		case now.failed:
			return u.Name + " has failed", nil
		case !now.Active:
			return u.Name + " does not run", nil
		}
	}
	if len(o.Install.Health) == 0 {
		return "", nil
	}
	r, err := m.Run(ctx, nil, append([]string{"timeout", "10"}, o.Install.Health...)...)
	if err != nil || r.Code == 0 {
		return "", err
	}
	return path.Base(o.Install.Health[0]) + ": " + lastLine(r), nil
}

// goBack gives machines back the last release that was well, and says so. On those that are not renewed yet, what other steps brought of
// the new one goes, too: they would start with it.
func (a *applying) goBack(ctx context.Context, before []back, rest []render.Host, why error) error {
	for _, h := range rest {
		if err := a.on(ctx, h, func(m *Machine) error { return a.unchange(ctx, m) }); err != nil {
			return fault.Newf(fault.Unavailable, "%s; going back to the last release failed, too: %w; mend that and run the move again", why.Error(), err)
		}
	}
	for _, b := range slices.Backward(before) {
		a.tell(fmt.Sprintf("%s: %s goes back to %s", b.host.Name, a.thing, b))
		if err := a.on(ctx, b.host, func(m *Machine) error { return a.restore(ctx, b, m) }); err != nil {
			return fault.Newf(fault.Unavailable, "%s; going back to the last release failed, too: %w; mend that and run the move again", why.Error(), err)
		}
	}
	if a.install.Others {
		return fault.Newf(fault.Unavailable, "%s; on %s it is as it was, and well there; correct what it is given", why.Error(), places(before))
	}
	return fault.Newf(fault.Unavailable, "%s; %s is back at the last release on %s, and well there; correct the release and move again", why.Error(), a.thing, places(before))
}

// back is a machine with the release that it had.
type back struct {
	host    render.Host
	release string // "" for what was there before the first
}

func (b back) String() string {
	if b.release == "" {
		return "what it was"
	}
	return "release " + b.release
}

func places(all []back) string {
	out := make([]string, len(all))
	for i, b := range all {
		out[i] = b.host.Name
	}
	return strings.Join(out, ", ")
}

// unchange puts the files of the last release in place that was well, where that still runs.
func (a *applying) unchange(ctx context.Context, m *Machine) error {
	mf, err := m.manifest(ctx, a.o.Expansion)
	if err != nil {
		return err
	}
	o := mf.Things[a.thing]
	if o.Well == o.Release {
		return nil
	}
	_, err = a.putBack(ctx, o.Well, o.Started, m)
	return err
}

// restore puts an earlier release in place again and waits until it is well.
func (a *applying) restore(ctx context.Context, b back, m *Machine) error {
	if b.release == "" {
		_, err := a.removeFrom(ctx, b.host, func(p string) bool {
			return !slices.ContainsFunc(a.files, func(f render.File) bool { return f.Path == p })
		}, a.tell)
		return err
	}
	mf, err := a.putBack(ctx, b.release, nil, m)
	if err != nil {
		return err
	}
	o := mf.Things[a.thing]
	t, err := m.todo(ctx, o)
	if err != nil {
		return err
	}
	t.reread = true
	if err := a.out(ctx, b.host, m); err != nil {
		return err
	}
	if err := m.run(ctx, o, t, a.tell); err != nil {
		return err
	}
	if err := m.wait(ctx, o, a.tell); err != nil {
		return err
	}
	return a.in(ctx, b.host, m, func(o *outcome) { o.Well, o.Started = o.Release, nowStarted(*o) })
}

// putBack makes an earlier release the one in place. Had is what its units have read; nothing, so that they are started anew.
func (a *applying) putBack(ctx context.Context, id string, had map[string]started, m *Machine) (*manifest, error) {
	free, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	mf, err := m.manifest(ctx, a.o.Expansion)
	if err != nil {
		return nil, err
	}
	o := mf.Things[a.thing]
	old, ok := o.Releases[id]
	if !ok {
		return nil, fault.Newf(fault.Internal, "%s: release %s of %s is not kept", m.Name, id, a.thing)
	}
	home := path.Join(mf.home(a.thing), "releases", id)
	var from, at []string
	for _, p := range slices.Sorted(maps.Keys(old.Files)) {
		from, at = append(from, path.Join(home, p)), append(at, old.Files[p].At)
	}
	there, err := m.read(ctx, slices.Concat(from, at)...)
	if err != nil {
		return nil, err
	}
	s := newShipment()
	var gone []string
	for p, f := range mf.Files {
		if _, ok := old.Files[p]; !ok && f.Thing == a.thing && !f.Page && !f.Block && f.Kept == nil {
			gone = append(gone, f.At) // the new release brought it
			delete(mf.Files, p)
		}
	}
	for i, p := range slices.Sorted(maps.Keys(old.Files)) {
		f, content := old.Files[p], there[from[i]]
		if content.kind != regular || sum(content.data) != f.Sum {
			return nil, fault.Newf(fault.Conflict, "%s: %s was edited or taken away, so release %s cannot come back", m.Name, from[i], id)
		}
		now := mf.Files[p]
		f.Before, f.Kept = now.Sum, now.Kept
		mf.Files[p] = f
		if !f.Page {
			v := &view{m: m, manifest: mf, there: there}
			s.replace(at[i], v.whole(ware{path: p, data: content.data, placed: f}))
		}
	}
	s.link(path.Join(mf.home(a.thing), "current"), path.Join("releases", id))
	o.Release, o.Started = id, had
	mf.Things[a.thing] = o
	if err := m.save(ctx, mf); err != nil {
		return nil, err
	}
	if err := m.put(ctx, mf.root(), s); err != nil {
		return nil, err
	}
	return mf, m.drop(ctx, gone...)
}

// Verify waits until what a step let run is well on all its machines. Unavailable, with the reason, when it is not in time.
func (t *Target) Verify(ctx context.Context, s journey.Step, tell journey.Tell) error {
	var files []render.File
	for _, f := range t.o.Files {
		if slices.ContainsFunc(s.Files, func(w journey.Written) bool { return w.Path == f.Path }) {
			files = append(files, f)
		}
	}
	return t.each(ctx, t.hostsOf(files), func(_ render.Host, m *Machine) error {
		mf, err := m.manifest(ctx, t.o.Expansion)
		if err != nil {
			return err
		}
		for _, p := range parts(files) {
			o, ok := mf.Things[p.thing]
			if p, err = t.whole(p); err != nil || !ok || p.install == nil {
				continue
			}
			if err := m.wait(ctx, o, aloud(tell)); err != nil {
				return unavailable(err)
			}
		}
		return nil
	})
}

// unavailable is what is not well as people read it.
func unavailable(err error) error {
	var bad *unwellError
	if errors.As(err, &bad) {
		return fault.Newf(fault.Unavailable, "%w; see what it lacks there, and run it again", err)
	}
	return err
}
