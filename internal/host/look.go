package host

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // what dpkg and ucf know files by
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// view is what is on a machine of what shall be there.
type view struct {
	m        *Machine
	manifest *manifest
	wares    []ware
	there    map[string]entry // by place
	verdicts []verdict        // of wares
	force    bool
}

// look sees what is on a machine of some files, in one round trip, or two when others are recorded of the same services.
func (t *Target) look(ctx context.Context, m *Machine, files []render.File) (*view, error) {
	bare := &manifest{Expansion: t.o.Expansion}
	wares, err := bare.waresOf(files, m.Name)
	if err != nil {
		return nil, err
	}
	v := &view{m: m, wares: wares, force: t.o.Force}
	places := []string{manifestAt(t.o.Expansion)}
	for _, w := range wares {
		places = append(places, w.At)
	}
	places = append(places, parents(places)...)
	if v.there, err = m.read(ctx, places...); err != nil {
		return nil, err
	}
	if v.manifest, err = readManifest(v.there[manifestAt(t.o.Expansion)], m.Name, t.o.Expansion); err != nil {
		return nil, err
	}
	if err := v.complete(ctx); err != nil {
		return nil, err
	}
	return v, v.judge(ctx)
}

// complete reads what else the services have that are to be changed: it goes into their next release.
func (v *view) complete(ctx context.Context) error {
	var more []string
	for _, p := range slices.Sorted(maps.Keys(v.manifest.Files)) {
		f := v.manifest.Files[p]
		_, read := v.there[f.At]
		if !read && slices.ContainsFunc(v.wares, func(w ware) bool { return w.Thing == f.Thing }) {
			more = append(more, f.At)
		}
	}
	for _, s := range v.manifest.Stale {
		more = append(more, s.At)
	}
	there, err := v.m.read(ctx, more...)
	maps.Copy(v.there, there)
	return err
}

// judge says of each file what putting it in place means.
func (v *view) judge(ctx context.Context) error {
	var pristine packaged
	for _, w := range v.wares {
		_, known := v.known(w)
		there := w.seen(v.there[w.At], v.manifest.Expansion)
		if there.kind != regular || known || w.Block {
			continue
		}
		var err error
		if pristine, err = v.m.packaged(ctx); err != nil {
			return err
		}
		break
	}
	for _, w := range v.wares {
		var known *placed
		if f, ok := v.known(w); ok {
			known = &f
		}
		v.verdicts = append(v.verdicts, judge(w, v.there[w.At], known, v.manifest.Expansion, v.force, pristine.brought))
	}
	return nil
}

// known is what is recorded of a file's place.
func (v *view) known(w ware) (placed, bool) {
	if f, ok := v.manifest.Files[w.path]; ok && f.At == w.At {
		return f, true
	}
	if p, f := v.manifest.at(w.At); p != "" {
		return f, true
	}
	i := slices.IndexFunc(v.manifest.Stale, func(s placed) bool { return s.At == w.At })
	if i < 0 {
		return placed{}, false
	}
	return v.manifest.Stale[i], true
}

// conflict names every file that is in the way.
func (v *view) conflict() error {
	var out []error
	for i, d := range v.verdicts {
		if d.why != "" {
			out = append(out, fault.Newf(fault.Conflict, "%s:%s (%s) %s", v.m.Name, v.wares[i].At, v.wares[i].path, d.why))
		}
	}
	return errors.Join(out...)
}

// unchanged tells whether everything is as it shall be.
func (v *view) unchanged() bool {
	if len(v.manifest.Stale) > 0 {
		return false
	}
	for i, w := range v.wares {
		f, ok := v.manifest.Files[w.path]
		if !ok || v.verdicts[i].what != journey.Unchanged || f.Digest != w.Digest || f.Thing != w.Thing || !slices.Equal(f.Units, w.Units) {
			return false
		}
	}
	return true
}

// packaged knows files as packages brought them, by their MD5 sums: those of dpkg, and those that ucf looks after.
type packaged map[string][]string

// packaged asks for them.
func (m *Machine) packaged(ctx context.Context) (packaged, error) {
	const others = "/var/lib/ucf/hashfile"
	r, err := m.Run(ctx, nil, "dpkg-query", "--show", "--showformat=${Conffiles}\n")
	if err != nil {
		return nil, err
	}
	there, err := m.read(ctx, others)
	if err != nil {
		return nil, err
	}
	out := packaged{}
	for line := range strings.Lines(string(r.Stdout)) { // " /etc/default/etcd 0123…"
		if f := strings.Fields(line); len(f) >= 2 {
			out[f[0]] = append(out[f[0]], f[1])
		}
	}
	for line := range strings.Lines(string(there[others].data)) { // "0123…  /etc/default/x"
		if f := strings.Fields(line); len(f) == 2 {
			out[f[1]] = append(out[f[1]], f[0])
		}
	}
	return out, nil
}

// brought tells whether a file is as its package brought it.
func (p packaged) brought(at string, data []byte) bool {
	h := md5.Sum(data) //nolint:gosec // see above
	return slices.Contains(p[at], hex.EncodeToString(h[:]))
}

// summary is what became, or would become, of files on all machines together.
type summary struct {
	mu    sync.Mutex
	order []string
	what  map[string]journey.What
	diffs map[string]map[string]string // by path, then machine
}

func newSummary(files []render.File) *summary {
	s := &summary{what: map[string]journey.What{}, diffs: map[string]map[string]string{}}
	for _, f := range files {
		s.order = append(s.order, f.Path)
		s.what[f.Path] = journey.Unchanged
	}
	return s
}

// weight orders what may become of a file: what happens on one machine outweighs what does not on another.
func weight(w journey.What) int {
	return slices.Index([]journey.What{journey.Unchanged, journey.Created, journey.Removed, journey.Updated, journey.Kept}, w)
}

func (s *summary) set(path string, w journey.What) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.what[path]
	if !ok {
		s.order = append(s.order, path)
	}
	if !ok || weight(w) > weight(old) {
		s.what[path] = w
	}
}

// note takes in what was seen on a machine.
func (s *summary) note(machine string, v *view) {
	for i, w := range v.wares {
		d := v.verdicts[i]
		if !s.has(w.path) {
			continue
		}
		if d.why != "" {
			d.what = journey.Updated
		}
		s.set(w.path, d.what)
		s.diff(w.path, machine, v.difference(i))
	}
}

func (s *summary) has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.what[path]
	return ok
}

func (s *summary) diff(path, machine, text string) {
	if text == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.diffs[path] == nil {
		s.diffs[path] = map[string]string{}
	}
	s.diffs[path][machine] = text
}

// difference shows what becomes of a file that is there.
func (v *view) difference(i int) string {
	w, d := v.wares[i], v.verdicts[i]
	there := w.seen(v.there[w.At], v.manifest.Expansion)
	if there.kind != regular || d.what == journey.Unchanged {
		return ""
	}
	text := difference(v.m.Name+":"+w.At, string(there.data), string(w.data))
	if note := cmp.Or(d.why, d.note); note != "" {
		text = fmt.Sprintf("%s:%s %s\n%s", v.m.Name, w.At, note, text)
	}
	return text
}

func (s *summary) changes() []journey.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]journey.Change, 0, len(s.order))
	for _, p := range s.order {
		c := journey.Change{Path: p, What: s.what[p]}
		for _, machine := range slices.Sorted(maps.Keys(s.diffs[p])) {
			c.Diff += s.diffs[p][machine]
		}
		out = append(out, c)
	}
	return out
}
