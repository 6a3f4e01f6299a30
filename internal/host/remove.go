package host

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// Observe lists what was made on the machines and is in place, as it is now, by path. A file that some of its machines lack is not
// there; one that was edited on any of them is edited.
func (t *Target) Observe(ctx context.Context) ([]journey.Found, error) {
	all, err := t.views(ctx, t.hosts)
	if err != nil {
		return nil, err
	}
	more, err := t.views(ctx, t.known(manifestsOf(all)))
	if err != nil {
		return nil, err
	}
	maps.Copy(all, more)
	idle, err := t.idle(ctx, all)
	if err != nil {
		return nil, err
	}
	found, lacking := map[string]journey.Found{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		for p, f := range v.manifest.Files {
			now, ok := v.found(p, f)
			now.Idle = idle[f.Thing]
			lacking[p] = lacking[p] || !ok
			if old, seen := found[p]; ok && (!seen || now.Edited && !old.Edited) {
				found[p] = now
			}
		}
	}
	out := make([]journey.Found, 0, len(found))
	for _, p := range slices.Sorted(maps.Keys(found)) {
		if !lacking[p] && !t.absent(p, all) {
			out = append(out, found[p])
		}
	}
	return out, nil
}

// idle is why things do not run on some machine though nothing of theirs is missing there: their units ask for what nobody brought yet.
func (t *Target) idle(ctx context.Context, all map[string]*view) (map[string]string, error) {
	out := map[string]string{}
	var mu sync.Mutex
	err := t.each(ctx, slices.Concat(t.hosts, t.known(manifestsOf(all))), func(h render.Host, m *Machine) error {
		v := all[h.Name]
		if v == nil {
			return nil
		}
		var wanted []string
		for _, thing := range slices.Sorted(maps.Keys(v.manifest.Things)) {
			wanted = append(wanted, names(v.manifest.Things[thing].Install)...)
		}
		units, err := m.units(ctx, wanted...)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for thing, o := range v.manifest.Things {
			for _, name := range names(o.Install) {
				if units[name].skipped {
					out[thing] = waiting(h.Name, name)
				}
			}
		}
		return nil
	})
	return out, err
}

// waiting says that a unit does not run, and why.
func waiting(machine, unit string) string {
	return fmt.Sprintf("%s: %s waits for what its unit asks to be there, such as a first release", machine, unit)
}

// absent tells whether a machine that a file is for does not know of it.
func (t *Target) absent(p string, all map[string]*view) bool {
	for _, f := range t.o.Files {
		if f.Path != p || f.Placed == nil {
			continue
		}
		return slices.ContainsFunc(f.Placed.Hosts, func(h render.Host) bool {
			_, ok := all[h.Name].manifest.Files[p]
			return !ok
		})
	}
	return false
}

func manifestsOf(all map[string]*view) map[string]*manifest {
	out := map[string]*manifest{}
	for name, v := range all {
		out[name] = v.manifest
	}
	return out
}

// views are what is recorded on machines, with what is there of it.
func (t *Target) views(ctx context.Context, hosts []render.Host) (map[string]*view, error) {
	all := make([]*view, len(hosts))
	err := t.each(ctx, hosts, func(h render.Host, m *Machine) (err error) {
		all[slices.Index(hosts, h)], err = t.recorded(ctx, m)
		return err
	})
	out := map[string]*view{}
	for i, h := range hosts {
		out[h.Name] = all[i]
	}
	return out, err
}

// recorded is what is recorded on a machine, with what is there of it: one round trip where everything that is recorded is in the
// course, two where there is more.
func (t *Target) recorded(ctx context.Context, m *Machine) (*view, error) {
	wares, err := (&manifest{Expansion: t.o.Expansion}).waresOf(t.o.Files, m.Name)
	if err != nil {
		return nil, err
	}
	places := []string{manifestAt(t.o.Expansion)}
	for _, w := range wares {
		places = append(places, w.At)
	}
	v := &view{m: m, force: t.o.Force}
	if v.there, err = m.read(ctx, places...); err != nil {
		return nil, err
	}
	if v.manifest, err = readManifest(v.there[places[0]], m.Name, t.o.Expansion); err != nil {
		return nil, err
	}
	var more []string
	for _, p := range slices.Sorted(maps.Keys(v.manifest.Files)) {
		if at := v.manifest.Files[p].At; !slices.Contains(places, at) {
			more = append(more, at)
		}
	}
	for _, s := range v.manifest.Stale {
		more = append(more, s.At)
	}
	there, err := m.read(ctx, more...)
	maps.Copy(v.there, there)
	return v, err
}

// found is a recorded file as it is; false when there is nothing.
func (v *view) found(p string, f placed) (journey.Found, bool) {
	there := f.seen(v.there[f.At], v.manifest.Expansion)
	if there.kind == nothing {
		return journey.Found{}, false
	}
	out := journey.Found{Written: journey.Written{Path: p, Digest: f.Digest, Mode: f.Mode}}
	switch now := sum(there.data); {
	case there.kind != regular, now != f.Sum && now != f.Before:
		out.Digest, out.Edited = journey.DigestOf(render.File{Text: string(there.data)}), true
	case now != f.Sum:
		out.Digest = journey.DigestOf(render.File{Text: string(there.data)})
	}
	if !f.Block {
		out.Mode = there.mode
	}
	return out, true
}

// Remove takes away what is not kept: units are stopped, files go, those that were there before come back, and so do packages,
// accounts and units as they were before. What a service or datastore was given to keep stays, with whom it belongs to, and is said
// aloud. A file that was edited stays, and stays known, unless the target was opened with Force.
func (t *Target) Remove(ctx context.Context, keep func(path string) bool, tell journey.Tell) ([]journey.Change, error) {
	tell = aloud(tell)
	all, err := t.manifests(ctx, t.hosts)
	if err != nil {
		return nil, err
	}
	s := newSummary(nil)
	remove := func(h render.Host) error {
		changes, err := t.removeFrom(ctx, h, keep, tell)
		for _, c := range changes {
			s.set(c.Path, c.What)
		}
		return err
	}
	if othersRun(all) { // what answers is started anew: not on all machines at once
		for _, h := range t.hosts {
			if err = remove(h); err != nil {
				break
			}
		}
	} else {
		err = t.each(ctx, t.hosts, func(h render.Host, _ *Machine) error { return remove(h) })
	}
	if err == nil {
		err = t.removeFromOthers(ctx, all, func(render.Host) func(string) bool { return keep }, s, tell)
	}
	out := s.changes()
	slices.SortFunc(out, func(a, b journey.Change) int { return strings.Compare(a.Path, b.Path) })
	return out, err
}

// othersRun tells whether some unit is somebody else's, and goes on when the files are gone.
func othersRun(all map[string]*manifest) bool {
	for _, mf := range all {
		for _, o := range mf.Things {
			if o.Install.Others {
				return true
			}
		}
	}
	return false
}

// removeFromOthers takes it from machines that the course has no more.
func (t *Target) removeFromOthers(ctx context.Context, all map[string]*manifest, keep func(render.Host) func(path string) bool, s *summary, tell journey.Tell) error {
	for _, h := range t.known(all) {
		changes, err := t.removeFrom(ctx, h, keep(h), tell)
		for _, c := range changes {
			s.set(c.Path, c.What)
		}
		switch {
		case err == nil:
		case t.o.Force && fault.KindOf(err) == fault.Unavailable:
			tell(fmt.Sprintf("%s, which is no machine of the plan any more, is left as it is: %v", h.Name, err))
		default:
			return fmt.Errorf("%w (%s is no machine of the plan any more; if it is gone for good, run it again with --force)", err, h.Name)
		}
		if err := t.forgetPeer(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// forgetPeer takes a machine out of the manifests of the others, once nothing is left on it.
func (t *Target) forgetPeer(ctx context.Context, gone render.Host) error {
	return t.each(ctx, t.hosts, func(_ render.Host, m *Machine) error {
		mf, err := m.manifest(ctx, t.o.Expansion)
		if err != nil || mf.Peers[gone.Name] == "" {
			return err
		}
		return m.change(ctx, t.o.Expansion, func(mf *manifest) { delete(mf.Peers, gone.Name) })
	})
}

// removeFrom takes what is not kept from one machine.
func (t *Target) removeFrom(ctx context.Context, h render.Host, keep func(path string) bool, tell journey.Tell) ([]journey.Change, error) {
	var changes []journey.Change
	err := t.on(ctx, h, func(m *Machine) error {
		free, err := m.lock(ctx)
		if err != nil {
			return err
		}
		defer free()
		v, err := t.recorded(ctx, m)
		if err != nil {
			return err
		}
		r := &removing{view: v, tell: tell, changes: changes}
		err = r.remove(ctx, keep)
		changes = r.changes
		return err
	})
	return changes, err
}

// removing is what is taken from a machine.
type removing struct {
	*view
	tell    journey.Tell
	changes []journey.Change
}

func (r *removing) remove(ctx context.Context, keep func(path string) bool) error {
	mf := r.manifest
	var going []string
	things := map[string]bool{}
	for _, p := range slices.Sorted(maps.Keys(mf.Files)) {
		if !keep(p) {
			going = append(going, p)
			things[mf.Files[p].Thing] = true
		}
	}
	if len(going) == 0 {
		return r.leave(ctx)
	}
	for _, thing := range slices.Sorted(maps.Keys(things)) {
		if err := r.stop(ctx, thing, going); err != nil {
			return err
		}
	}
	units, err := r.files(ctx, going)
	if err != nil {
		return err
	}
	for _, s := range mf.Stale {
		if _, err := r.m.takeAway(ctx, mf, s, r.there[s.At], r.force); err != nil {
			return err
		}
	}
	mf.Stale = nil
	if units {
		if err := r.m.systemctl(ctx, "have systemd read its units anew", "daemon-reload"); err != nil {
			return err
		}
	}
	for _, thing := range slices.Sorted(maps.Keys(things)) {
		if len(mf.of(thing)) == 0 {
			if err := r.undo(ctx, thing); err != nil {
				return err
			}
		}
	}
	if err := r.leave(ctx); err != nil {
		return err
	}
	return nil
}

// stop stops the units of a thing that go with its files, the last started first. Those that were there before are put as they were
// once their files are.
func (r *removing) stop(ctx context.Context, thing string, going []string) error {
	o := r.manifest.Things[thing]
	if !slices.ContainsFunc(going, func(p string) bool { return r.manifest.Files[p].Thing == thing && path.Base(p) == render.InstallName }) {
		return nil
	}
	units, err := r.m.units(ctx, names(o.Install)...)
	if err != nil {
		return err
	}
	for _, u := range slices.Backward(o.Install.Units) {
		now := units[u.Name]
		if before := o.Units[u.Name]; !now.Known || before.Active || before.Known && !now.Active && !now.Enabled {
			continue
		}
		r.tell(fmt.Sprintf("%s: stop %s", r.m.Name, u.Name))
		if err := r.m.systemctl(ctx, "stop "+u.Name, "disable", "--now", "--", u.Name); err != nil {
			return err
		}
		if _, err := r.m.Run(ctx, nil, "systemctl", "reset-failed", "--", u.Name); err != nil {
			return err
		}
	}
	return nil
}

// files takes files away, and tells whether units were among them.
func (r *removing) files(ctx context.Context, going []string) (units bool, err error) {
	mf := r.manifest
	for _, p := range going {
		f := mf.Files[p]
		what, err := r.m.takeAway(ctx, mf, f, r.there[f.At], r.force)
		if err != nil {
			return units, err
		}
		units = units || within(f.At, "/etc/systemd/system")
		if what != "" {
			r.changes = append(r.changes, journey.Change{Path: p, What: what})
		}
		if what == journey.Kept {
			r.tell(fmt.Sprintf("%s: %s was edited since it was written, and stays", r.m.Name, f.At))
			continue
		}
		delete(mf.Files, p)
		if path.Base(p) == render.InstallName {
			o := mf.Things[f.Thing]
			o.Well, o.Started = "", nil
			mf.Things[f.Thing] = o
		}
	}
	return units, nil
}

// takeAway takes a file away, or puts back what was there before; "" when it is gone already. One that was edited is kept.
func (m *Machine) takeAway(ctx context.Context, mf *manifest, f placed, there entry, force bool) (journey.What, error) {
	now := f.seen(there, mf.Expansion)
	switch {
	case f.Page:
		if now.kind == nothing {
			return "", nil
		}
		if now.kind == regular && sum(now.data) != f.Sum && sum(now.data) != f.Before && !force {
			return journey.Kept, nil
		}
		return journey.Removed, nil // with the release
	case now.kind == nothing && f.Kept == nil:
		return "", m.drop(ctx, temporary(f.At))
	case f.Kept != nil && now.kind == regular && sum(now.data) == f.Kept.Sum:
		return journey.Removed, nil // it came back already
	case now.kind != nothing && (now.kind != regular || sum(now.data) != f.Sum && sum(now.data) != f.Before) && !force:
		return journey.Kept, nil
	case f.Block:
		s := newShipment()
		s.replace(f.At, entry{data: cut(there.data, mf.Expansion), mode: there.mode, owner: there.owner, group: there.group})
		return journey.Removed, m.put(ctx, mf.root(), s)
	case f.Kept != nil:
		return journey.Removed, m.bringBack(ctx, mf, f)
	}
	return journey.Removed, m.drop(ctx, temporary(f.At), f.At)
}

// bringBack puts back what was there before, in one move.
func (m *Machine) bringBack(ctx context.Context, mf *manifest, f placed) error {
	at := path.Join(mf.root(), "kept", f.Kept.Name)
	there, err := m.read(ctx, at)
	if err != nil {
		return err
	}
	if there[at].kind != regular {
		return fault.Newf(fault.Conflict, "%s: %s, which was at %s before, was taken away; put it there by hand, then run it again with --force", m.Name, at, f.At)
	}
	s := newShipment()
	s.replace(f.At, there[at])
	return m.put(ctx, mf.root(), s)
}

// undo puts everything else as it was before a thing came.
func (r *removing) undo(ctx context.Context, thing string) error {
	mf, o, m := r.manifest, r.manifest.Things[thing], r.m
	for _, at := range o.Without {
		if _, err := m.Run(ctx, nil, "mv", "-n", "-T", "--", keptOf(mf, at), at); err != nil {
			return err
		}
	}
	if err := r.packages(ctx, o); err != nil {
		return err
	}
	if err := r.units(ctx, o); err != nil {
		return err
	}
	stay, err := r.data(ctx, o)
	if err != nil {
		return err
	}
	if err := r.accounts(ctx, o, stay); err != nil {
		return err
	}
	delete(mf.Things, thing)
	return m.must(ctx, nil, "take releases away", "rm", "-rf", "--", mf.home(thing))
}

// units are put as they were before, those that others still use excepted.
func (r *removing) units(ctx context.Context, o outcome) error {
	all := slices.Sorted(maps.Keys(o.Units))
	now, err := r.m.units(ctx, all...)
	if err != nil {
		return err
	}
	for _, name := range all {
		was, is := o.Units[name], now[name]
		if !was.Known || !is.Known || r.used(o, func(i render.Install) bool { return slices.Contains(names(i), name) || slices.Contains(i.Quiet, name) }) {
			continue
		}
		if was.Enabled != is.Enabled {
			if err := r.m.systemctl(ctx, "put "+name+" as it was", map[bool]string{true: "enable", false: "disable"}[was.Enabled], "--", name); err != nil {
				return err
			}
		}
		switch {
		case was.Active && o.Install.Others:
			r.tell(fmt.Sprintf("%s: start %s", r.m.Name, name))
			if err = r.m.systemctl(ctx, "put "+name+" as it was", "restart", "--", name); err == nil {
				err = unavailable(r.m.wait(ctx, o, r.tell))
			}
		case was.Active: // with the files it had before
			err = r.m.systemctl(ctx, "put "+name+" as it was", "reload-or-restart", "--", name)
		case is.Active:
			err = r.m.systemctl(ctx, "put "+name+" as it was", "stop", "--", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// used tells whether another thing on the machine needs something.
func (r *removing) used(o outcome, needs func(render.Install) bool) bool {
	for _, other := range r.manifest.Things {
		if other.Install.Name != o.Install.Name && needs(other.Install) {
			return true
		}
	}
	return false
}

// packages that were installed for it go, when nothing else goes with them. Their configuration and data stay, as apt-get remove
// leaves them.
func (r *removing) packages(ctx context.Context, o outcome) error {
	going := slices.DeleteFunc(slices.Clone(o.Packages), func(p string) bool {
		return r.used(o, func(i render.Install) bool { return slices.Contains(i.Packages, p) })
	})
	have, err := r.m.installed(ctx)
	if err != nil {
		return err
	}
	going = slices.DeleteFunc(going, func(p string) bool { return !have[p] })
	if len(going) == 0 {
		return nil
	}
	apt := []string{"env", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=" + aptWait}
	dry, err := r.m.Run(ctx, nil, append(slices.Concat(apt, []string{"--simulate", "remove", "--"}), going...)...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(dry.Stdout)) {
		if f := strings.Fields(line); dry.Code != 0 || len(f) > 1 && f[0] == "Remv" && !slices.Contains(going, f[1]) {
			r.tell(fmt.Sprintf("%s: the packages %s stay: others need them by now", r.m.Name, strings.Join(going, ", ")))
			return nil
		}
	}
	r.tell(fmt.Sprintf("%s: remove the packages %s, which were installed for %s", r.m.Name, strings.Join(going, ", "), o.Install.Name))
	return r.m.must(ctx, nil, "remove packages", append(slices.Concat(apt, []string{"remove", "--"}), going...)...)
}

// data are folders with what it was given to keep: those that are empty go, the others stay, and are said aloud.
func (r *removing) data(ctx context.Context, o outcome) (stay []string, err error) {
	if len(o.Install.Data) == 0 {
		return nil, nil
	}
	if err := r.m.empty(ctx, slices.Concat(o.Install.Data, o.Install.Shared)...); err != nil {
		return nil, err
	}
	res, err := r.m.Run(ctx, nil, append([]string{"stat", "--format=%n", "--"}, o.Install.Data...)...)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(res.Stdout)) {
		dir := strings.TrimSpace(line)
		stay = append(stay, dir)
		r.tell(fmt.Sprintf("%s: %s STAYS: it holds what %s was given to keep; take it away by hand when nobody needs it", r.m.Name, dir, o.Install.Name))
	}
	return stay, nil
}

// accounts that were made for it go, unless data that stay are theirs.
func (r *removing) accounts(ctx context.Context, o outcome, stay []string) error {
	for _, u := range o.Users {
		if r.used(o, func(i render.Install) bool { return slices.Contains(i.Users, u) }) {
			continue
		}
		if len(stay) > 0 {
			r.tell(fmt.Sprintf("%s: the account %s stays: %s may be its", r.m.Name, u, strings.Join(stay, ", ")))
			continue
		}
		there, err := r.m.Run(ctx, nil, "getent", "passwd", "--", u)
		if err != nil {
			return err
		}
		if there.Code != 0 {
			continue
		}
		if err := r.m.must(ctx, nil, "take the account "+u+" away", "userdel", "--", u); err != nil {
			return err
		}
	}
	return nil
}

// leave writes the manifest, or takes everything of the expansion away when nothing is left.
func (r *removing) leave(ctx context.Context) error {
	mf, m := r.manifest, r.m
	if len(mf.Files) > 0 || len(mf.Things) > 0 && anyInstalled(mf) {
		if r.there[manifestAt(mf.Expansion)].kind == nothing {
			return nil
		}
		return m.save(ctx, mf)
	}
	if r.there[manifestAt(mf.Expansion)].kind != nothing {
		folders := slices.Clone(mf.Folders)
		slices.SortFunc(folders, func(a, b string) int { return strings.Compare(b, a) }) // what is below first
		if err := m.empty(ctx, folders...); err != nil {
			return err
		}
		if err := r.staying(ctx, folders); err != nil {
			return err
		}
		if err := m.must(ctx, nil, "take what was kept away", "rm", "-rf", "--", mf.root()); err != nil {
			return err
		}
	}
	if err := m.drop(ctx, path.Join(Folder, "lock")); err != nil { // it is held: nobody else's goes
		return err
	}
	return m.empty(ctx, Folder)
}

func anyInstalled(mf *manifest) bool {
	for _, o := range mf.Things {
		if o.Install.Name != "" {
			return true
		}
	}
	return false
}

// staying says which folders that were made hold something of others.
func (r *removing) staying(ctx context.Context, folders []string) error {
	if len(folders) == 0 {
		return nil
	}
	res, err := r.m.Run(ctx, nil, append([]string{"stat", "--format=%n", "--"}, folders...)...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(res.Stdout)) {
		r.tell(fmt.Sprintf("%s: %s STAYS: others put something there, such as secrets", r.m.Name, strings.TrimSpace(line)))
	}
	return nil
}
