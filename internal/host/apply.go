package host

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// Apply puts a step's files in place and lets what reads them run, service by service. Machines on which something runs already are
// done one after the other, each taken out of balance first; when a new release is not well on one, all get back what they had.
// Conflict when something is in the way, before anything is done.
func (t *Target) Apply(ctx context.Context, _ journey.Step, files []render.File, tell journey.Tell) ([]journey.Change, error) {
	tell = aloud(tell)
	changes, err := t.Preview(ctx, files)
	if err != nil {
		return nil, err
	}
	sum := newSummary(files)
	for _, part := range parts(files) {
		if err := t.applyThing(ctx, part, sum, tell); err != nil {
			return sum.changes(), err
		}
	}
	if err := t.moveOut(ctx, files, sum, tell); err != nil {
		return sum.changes(), err
	}
	// What was shown before anything was done says more than what is left to be done.
	for _, c := range changes {
		sum.set(c.Path, c.What)
	}
	done := sum.changes()
	for i := range done {
		done[i].Diff = ""
	}
	return done, nil
}

// aloud is a tell that may be called by several, also when there is nobody to listen.
func aloud(tell journey.Tell) journey.Tell {
	if tell == nil {
		return func(string) {}
	}
	return tell
}

// part is what a step does about one service or datastore, or the environment as a whole.
type part struct {
	thing   string
	files   []render.File
	install *render.Install // nil when the step only brings files
}

// parts are a step's files, service by service.
func parts(files []render.File) []part {
	var out []part
	for _, f := range files {
		i := slices.IndexFunc(out, func(p part) bool { return p.thing == string(f.Subject) })
		if i < 0 {
			out, i = append(out, part{thing: string(f.Subject)}), len(out)
		}
		out[i].files = append(out[i].files, f)
	}
	return out
}

// whole is a part with what other steps bring of the same service, when it is the one that lets it run: a release is all of it.
func (t *Target) whole(p part) (part, error) {
	i := slices.IndexFunc(p.files, func(f render.File) bool { return path.Base(f.Path) == render.InstallName && f.Placed != nil })
	if i < 0 {
		return p, nil
	}
	install, err := render.ReadInstall(p.files[i])
	if err != nil {
		return p, err
	}
	p.install, p.files = &install, slices.Clone(p.files)
	for _, f := range t.o.Files {
		if string(f.Subject) == p.thing && !slices.ContainsFunc(p.files, func(o render.File) bool { return o.Path == f.Path }) {
			p.files = append(p.files, f)
		}
	}
	return p, nil
}

func (t *Target) applyThing(ctx context.Context, p part, sum *summary, tell journey.Tell) error {
	p, err := t.whole(p)
	if err != nil {
		return err
	}
	a := &applying{Target: t, part: p, sum: sum, tell: tell}
	hosts := t.hostsOf(p.files)
	if p.install == nil || len(p.install.Units) == 0 {
		return t.each(ctx, hosts, func(_ render.Host, m *Machine) error { _, err := a.settle(ctx, m); return err })
	}
	first, later, err := a.sort(ctx, hosts)
	if err != nil {
		return err
	}
	if err := a.begin(ctx, first); err != nil {
		return err
	}
	return a.renew(ctx, later)
}

// applying is a part being put in place.
type applying struct {
	*Target
	part
	sum  *summary
	tell journey.Tell
}

// sort tells machines on which nothing of it was ever well from the others, which are in the order in which they are renewed.
func (a *applying) sort(ctx context.Context, hosts []render.Host) (first, later []render.Host, err error) {
	well := make([]bool, len(hosts))
	err = a.each(ctx, hosts, func(h render.Host, m *Machine) error {
		mf, err := m.manifest(ctx, a.o.Expansion)
		if err == nil {
			well[slices.Index(hosts, h)] = mf.Things[a.thing].Well != "" || a.install.Others // whose units answer already
		}
		return err
	})
	for i, h := range hosts {
		if well[i] {
			later = append(later, h)
		} else {
			first = append(first, h)
		}
	}
	return first, later, err
}

// begin lets it run on machines where it never did, all at once: of some, each waits for the others.
func (a *applying) begin(ctx context.Context, hosts []render.Host) error {
	if err := a.each(ctx, hosts, func(_ render.Host, m *Machine) error { _, err := a.settle(ctx, m); return err }); err != nil {
		return err
	}
	if err := a.each(ctx, hosts, func(_ render.Host, m *Machine) error { return a.secrets(ctx, m) }); err != nil {
		return err
	}
	return a.each(ctx, hosts, func(h render.Host, m *Machine) error { return unavailable(a.start(ctx, h, m)) })
}

// renew gives machines on which it runs the new release, one after the other.
func (a *applying) renew(ctx context.Context, hosts []render.Host) error {
	var before []back
	for i, h := range hosts {
		err := a.on(ctx, h, func(m *Machine) error {
			mf, err := a.settle(ctx, m)
			if err != nil {
				return err
			}
			if was := mf.Things[a.thing]; was.Well != was.Release && !slices.ContainsFunc(before, func(b back) bool { return b.host == h }) {
				before = append(before, back{h, was.Well})
			}
			if err := a.secrets(ctx, m); err != nil {
				return err
			}
			return a.start(ctx, h, m)
		})
		var unwell *unwellError
		if errors.As(err, &unwell) && len(before) > 0 {
			return a.goBack(ctx, before, hosts[i+1:], err)
		}
		if errors.As(err, &unwell) { // it is the last that was well, and is not any more
			return unavailable(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settle puts files in place on a machine, as a release: it is written whole, then each file gets into its place in one move.
// What is in place already stays untouched. Files of packages come after their packages' places are taken, so that a package does
// not begin with its own.
func (a *applying) settle(ctx context.Context, m *Machine) (*manifest, error) {
	free, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	v, err := a.look(ctx, m, a.files)
	if err != nil {
		return nil, err
	}
	if err := v.conflict(); err != nil {
		return nil, err
	}
	a.sum.note(m.Name, v)
	if err := a.prepare(ctx, v); err != nil {
		return nil, err
	}
	if !v.unchanged() || v.manifest.Things[a.thing].Release != identify(v.next(a.thing)) {
		if err := a.place(ctx, v); err != nil {
			return nil, err
		}
	}
	if a.install != nil {
		if err := m.install(ctx, v.manifest, a.thing, a.tell); err != nil {
			return nil, err
		}
	}
	return v.manifest, nil
}

// prepare makes the accounts that files may belong to, and notes how units are before anything is changed.
func (a *applying) prepare(ctx context.Context, v *view) error {
	if a.install == nil {
		return nil
	}
	o := v.manifest.Things[a.thing]
	if !sameInstall(o.Install, *a.install) {
		o.Install = *a.install
		var err error
		if o.Units, err = v.m.before(ctx, o); err != nil {
			return err
		}
		v.manifest.Things[a.thing] = o
	}
	return v.m.users(ctx, v.manifest, a.thing, a.tell)
}

// next are all files of a thing as they will be: those that are put in place, and those that are there of it and stay.
func (v *view) next(thing string) map[string]placed {
	out := map[string]placed{}
	for _, p := range v.manifest.of(thing) {
		f := v.manifest.Files[p]
		if sum(f.seen(v.there[f.At], v.manifest.Expansion).data) == f.Sum {
			out[p] = bare(f)
		}
	}
	for _, w := range v.wares {
		if w.Thing != thing {
			continue
		}
		for p, f := range out {
			if f.At == w.At && p != w.path {
				delete(out, p) // it has another path now
			}
		}
		out[w.path] = bare(w.placed)
	}
	return out
}

// bare is a file without what is known of its place.
func bare(f placed) placed {
	f.Before, f.Kept = "", nil
	return f
}

// place writes the manifest, then the release and the files.
func (a *applying) place(ctx context.Context, v *view) error {
	mf, m := v.manifest, v.m
	files := v.next(a.thing)
	id := identify(files)
	s := newShipment()
	if err := a.intend(v, id, files); err != nil {
		return err
	}
	home := mf.home(a.thing)
	for _, p := range slices.Sorted(maps.Keys(files)) {
		s.file(path.Join(home, "releases", id, p), entry{data: v.content(p, files[p]), mode: files[p].Mode, owner: files[p].Owner, group: files[p].Group})
	}
	for i, w := range v.wares {
		if v.verdicts[i].keep {
			s.file(keptOf(mf, w.At), v.there[w.At])
		}
		if v.verdicts[i].what == journey.Unchanged || w.Page {
			continue
		}
		s.replace(w.At, v.whole(w))
	}
	s.link(path.Join(home, "current"), path.Join("releases", id))
	if err := v.room(ctx, s); err != nil {
		return err
	}
	if err := m.save(ctx, mf); err != nil {
		return err
	}
	if err := m.put(ctx, mf.root(), s); err != nil {
		return err
	}
	return a.tidy(ctx, v)
}

// keptOf is where a file is kept that was there before.
func keptOf(mf *manifest, at string) string {
	return path.Join(mf.root(), "kept", sum([]byte(at))[:16])
}

// content is what a file of a release holds.
func (v *view) content(p string, f placed) []byte {
	if i := slices.IndexFunc(v.wares, func(w ware) bool { return w.path == p }); i >= 0 {
		return v.wares[i].data
	}
	return f.seen(v.there[f.At], v.manifest.Expansion).data
}

// whole is a file as it is written: of a shared one, all of it.
func (v *view) whole(w ware) entry {
	e := entry{kind: regular, data: w.data, mode: w.Mode, owner: w.Owner, group: w.Group}
	if there := v.there[w.At]; w.Block {
		if e.data = splice(there.data, w.data, v.manifest.Expansion); there.kind == regular {
			e.mode, e.owner, e.group = there.mode, there.owner, there.group
		}
	}
	return e
}

// intend notes in the manifest what is about to be done.
func (a *applying) intend(v *view, id string, files map[string]placed) error {
	mf := v.manifest
	for _, h := range a.hosts {
		mf.Peers[h.Name] = h.Address
	}
	for i, w := range v.wares {
		next, old := w.placed, mf.Files[w.path]
		if known, ok := v.known(w); ok {
			next.Kept = known.Kept
		}
		if there := w.seen(v.there[w.At], mf.Expansion); there.kind == regular && sum(there.data) != w.Sum {
			next.Before = sum(there.data)
		}
		if v.verdicts[i].keep {
			there := v.there[w.At]
			next.Kept = &kept{Name: path.Base(keptOf(mf, w.At)), Sum: sum(there.data), Mode: there.mode, Owner: there.owner, Group: there.group}
		}
		if p, f := mf.at(w.At); p != "" && p != w.path {
			delete(mf.Files, p) // it is the same place under another path
			next.Kept = f.Kept
		}
		if old.At != "" && old.At != w.At && !old.Page {
			mf.Stale = append(mf.Stale, old)
		}
		mf.Stale = slices.DeleteFunc(mf.Stale, func(s placed) bool { return s.At == w.At })
		mf.Files[w.path] = next
		for _, dir := range parents([]string{w.At}) {
			if v.there[dir].kind == nothing && !within(dir, Folder) && !slices.Contains(mf.Folders, dir) {
				mf.Folders = append(mf.Folders, dir)
			}
		}
	}
	o := mf.Things[a.thing]
	if o.Releases == nil {
		o.Releases = map[string]release{}
	}
	r, ok := o.Releases[id]
	if !ok {
		for _, other := range o.Releases {
			r.Number = max(r.Number, other.Number)
		}
		r.Number++
	}
	r.Files = files
	o.Releases[id], o.Release = r, id
	mf.Things[a.thing] = o
	return nil
}

// within tells whether a path is a folder or below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// room refuses a shipment for which there is no room, before anything is sent. What comes on top of the files themselves is folders.
func (v *view) room(ctx context.Context, s *shipment) error {
	const slack = 1 << 20
	at := map[string]bool{"/": true}
	for _, p := range s.moves {
		for dir := path.Dir(p); ; dir = path.Dir(dir) {
			if v.there[dir].kind == folder || dir == "/" {
				at[dir] = true
				break
			}
		}
	}
	free, err := v.m.free(ctx, slices.Sorted(maps.Keys(at))...)
	if err != nil {
		return err
	}
	for _, f := range free {
		if f.at != "/" && !used(f.at, s.moves) {
			continue
		}
		if f.bytes < s.size+slack || f.files < int64(len(s.moves))+16 {
			return v.m.noRoom(f)
		}
	}
	return nil
}

// used tells whether something goes to a file system.
func used(mount string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return within(p, mount) })
}

// keptReleases is how many releases of a thing stay on a machine besides the one in place.
const keptReleases = 3

// tidy takes away what the new release made superfluous: places that files left, and releases nobody goes back to.
func (a *applying) tidy(ctx context.Context, v *view) error {
	mf, m := v.manifest, v.m
	o := mf.Things[a.thing]
	ids := slices.SortedFunc(maps.Keys(o.Releases), func(x, y string) int { return o.Releases[y].Number - o.Releases[x].Number })
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == o.Release || id == o.Well })
	stale := mf.Stale
	if len(ids) <= keptReleases && len(stale) == 0 {
		return nil
	}
	for _, f := range stale {
		if _, err := m.takeAway(ctx, mf, f, v.there[f.At], a.o.Force); err != nil {
			return err
		}
	}
	mf.Stale = nil
	for _, id := range ids[min(keptReleases, len(ids)):] {
		if err := m.must(ctx, nil, "take an old release away", "rm", "-rf", "--", path.Join(mf.home(a.thing), "releases", id)); err != nil {
			return err
		}
		delete(o.Releases, id)
	}
	return m.save(ctx, mf)
}

// moveOut takes a step's files from machines that they are no longer for.
func (t *Target) moveOut(ctx context.Context, files []render.File, s *summary, tell journey.Tell) error {
	hosts := map[string][]render.Host{}
	for _, f := range files {
		if f.Placed != nil {
			hosts[f.Path] = f.Placed.Hosts
		}
	}
	all, err := t.manifests(ctx, t.hosts)
	if err != nil {
		return err
	}
	stays := func(h render.Host) func(string) bool {
		return func(p string) bool {
			on, mine := hosts[p]
			return !mine || slices.ContainsFunc(on, func(o render.Host) bool { return o.Name == h.Name })
		}
	}
	for _, h := range t.hosts {
		for p := range all[h.Name].Files {
			if stays(h)(p) {
				continue
			}
			gone, err := t.removeFrom(ctx, h, stays(h), tell)
			if err != nil {
				return err
			}
			for _, c := range gone {
				s.set(c.Path, journey.Updated)
			}
			break
		}
	}
	return t.removeFromOthers(ctx, all, stays, s, tell)
}

// manifests are those of machines, by name.
func (t *Target) manifests(ctx context.Context, hosts []render.Host) (map[string]*manifest, error) {
	all := make([]*manifest, len(hosts))
	err := t.each(ctx, hosts, func(h render.Host, m *Machine) (err error) {
		all[slices.Index(hosts, h)], err = m.manifest(ctx, t.o.Expansion)
		return err
	})
	out := map[string]*manifest{}
	for i, h := range hosts {
		if all[i] != nil {
			out[h.Name] = all[i]
		}
	}
	return out, err
}
