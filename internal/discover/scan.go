package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// Source is a directory to read. With more than one source, Name prefixes the paths of its files.
type Source struct {
	Name        string
	Dir         string
	Environment estate.EnvironmentName // of everything the source deploys, unless its files say otherwise
	Exclude     []string               // root-relative folders or globs to leave out
}

// Options of a scan.
type Options struct {
	ConfigOnly bool           // leave source code alone
	Workers    int            // 0: one for each core
	Progress   func(Progress) // called now and then from one goroutine at a time; may be nil
}

// Progress of a scan so far.
type Progress struct {
	Files int `json:"files"` // seen
	Read  int `json:"read"`  // opened
}

// Reading is everything a scan saw, in an order that depends on nothing but the input.
type Reading struct {
	Sightings []estate.Sighting
	Doubts    []estate.Doubt
	Files     int            // seen
	Read      int            // opened by at least one format
	LeftOut   map[string]int // folder name that holds others' or generated code → how many were left out
}

// Bounds of a walk.
const (
	maxDepth = 64
	maxFiles = 2_000_000
)

// leftOut are folders whose content is generated or belongs to others.
var leftOut = map[string]bool{
	".git": true, ".hg": true, ".svn": true, "node_modules": true, "bower_components": true, ".terraform": true,
	"__pycache__": true, ".idea": true, ".vscode": true, ".gradle": true, ".mvn": true, ".venv": true, "site-packages": true,
	".tox": true, ".cache": true, ".caravan": true,
}

// Scan reads every source with every format. It fails only when a source is not a readable directory or ctx ends;
// whatever goes wrong inside is a doubt.
func Scan(ctx context.Context, sources []Source, formats []Format, opts Options) (Reading, error) {
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	s := &scan{formats: wanted(formats, opts.ConfigOnly), opts: opts, trees: map[int][]File{}, leftOut: map[string]int{}}
	for _, src := range sources {
		info, err := os.Stat(src.Dir)
		if err != nil {
			return Reading{}, fault.Newf(fault.NotFound, "source %s: no such directory; name one that exists", src.Dir)
		}
		if !info.IsDir() {
			return Reading{}, fault.Newf(fault.Invalid, "source %s: not a directory; name the directory that holds the configuration", src.Dir)
		}
		prefix := ""
		if len(sources) > 1 {
			prefix = src.Name
		}
		s.roots = append(s.roots, root{dir: src.Dir, prefix: prefix, source: src})
	}
	if err := s.run(ctx); err != nil {
		return Reading{}, err
	}
	return s.reading(), nil
}

func wanted(formats []Format, configOnly bool) []Format {
	var out []Format
	for _, f := range formats {
		if f.Code && configOnly {
			continue
		}
		out = append(out, f)
	}
	return out
}

type root struct {
	dir    string
	prefix string
	source Source
}

// path is the root-relative path as the estate knows it.
func (r root) path(rel string) string {
	if r.prefix == "" {
		return rel
	}
	return path.Join(r.prefix, rel)
}

type scan struct {
	formats []Format
	opts    Options
	roots   []root

	files, read atomic.Int64
	mu          sync.Mutex // guards what follows
	reports     []*Report
	trees       map[int][]File // format index → files of ReadTree formats
	leftOut     map[string]int
}

type job struct {
	root root
	rel  string
}

// run walks in this goroutine and reads in the workers.
func (s *scan) run(ctx context.Context) error {
	jobs := make(chan job, 1024)
	var wg sync.WaitGroup
	for range s.opts.Workers {
		wg.Go(func() {
			w := &worker{scan: s, reports: make([]*Report, len(s.formats))}
			for j := range jobs {
				w.file(j)
			}
			w.finish()
		})
	}
	walker := &walker{scan: s, report: NewReport("walk"), jobs: jobs}
	err := walker.walkAll(ctx)
	close(jobs)
	wg.Wait()
	if err != nil {
		return err
	}
	s.reports = append(s.reports, walker.report)
	return s.readTrees(ctx)
}

// readTrees runs the formats that look at all their files together, side by side.
func (s *scan) readTrees(ctx context.Context) error {
	limit := make(chan struct{}, s.opts.Workers)
	reports := make([]*Report, len(s.formats))
	var wg sync.WaitGroup
	for i, files := range s.trees {
		slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			reports[i] = NewReport(s.formats[i].Name)
			s.guard(reports[i], files[0].Path, func() { s.formats[i].ReadTree(files, tree{s.roots}, reports[i]) })
		})
	}
	wg.Wait()
	for _, r := range reports {
		if r != nil {
			s.reports = append(s.reports, r)
		}
	}
	return ctx.Err()
}

// guard turns a reader's panic into a doubt: one bad file must not end the scan.
func (s *scan) guard(r *Report, path string, f func()) {
	defer func() {
		if recover() != nil {
			r.Doubt(estate.Unparsable, estate.Place{File: path}, "the reader gave up on this file; please report it")
		}
	}()
	f()
}

func (s *scan) reading() Reading {
	out := Reading{Files: int(s.files.Load()), Read: int(s.read.Load()), LeftOut: s.leftOut}
	n, d := 0, 0
	for _, r := range s.reports {
		n, d = n+len(r.Sightings), d+len(r.Doubts)
	}
	out.Sightings = make([]estate.Sighting, 0, n)
	out.Doubts = make([]estate.Doubt, 0, d)
	for _, r := range s.reports {
		out.Sightings = append(out.Sightings, r.Sightings...)
		out.Doubts = append(out.Doubts, r.Doubts...)
		r.Sightings, r.Doubts = nil, nil
	}
	s.stampEnvironment(out.Sightings)
	estate.SortSightings(out.Sightings)
	slices.SortFunc(out.Doubts, func(a, b estate.Doubt) int {
		return cmp.Or(a.Place.Compare(b.Place), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Text, b.Text))
	})
	return out
}

// stampEnvironment gives a source's environment to the sightings that did not name one.
func (s *scan) stampEnvironment(sightings []estate.Sighting) {
	for _, r := range s.roots {
		if r.source.Environment == "" {
			continue
		}
		for i := range sightings {
			if at := &sightings[i]; at.Environment == "" && under(at.Place.File, r.prefix) {
				at.Environment = r.source.Environment
			}
		}
	}
}

func under(file, prefix string) bool {
	return prefix == "" || strings.HasPrefix(file, prefix+"/")
}

type worker struct {
	scan    *scan
	reports []*Report // by format, nil until used
}

func (w *worker) file(j job) {
	name := j.root.path(j.rel)
	var first int
	for first = range w.scan.formats {
		if w.scan.formats[first].Wants(name) {
			break
		}
		if first == len(w.scan.formats)-1 {
			return
		}
	}
	data, err := readBounded(filepath.Join(j.root.dir, filepath.FromSlash(j.rel)))
	if err != nil {
		w.report(first).Doubt(estate.Unreadable, estate.Place{File: name}, err.Error())
		return
	}
	w.scan.read.Add(1)
	w.dispatch(File{Path: name, Data: data}, first)
}

// dispatch offers the file to the formats in order. Code readers look at a file whoever owns it.
func (w *worker) dispatch(f File, from int) {
	owned := false
	for i := from; i < len(w.scan.formats); i++ {
		format := &w.scan.formats[i]
		if owned && !format.Code || !format.Wants(f.Path) {
			continue
		}
		claim := Owns
		if format.Claims != nil {
			w.scan.guard(w.report(i), f.Path, func() { claim = format.Claims(f) })
		}
		if claim == No {
			continue
		}
		owned = owned || claim == Owns && !format.Code
		if format.ReadTree != nil {
			w.scan.mu.Lock()
			w.scan.trees[i] = append(w.scan.trees[i], f)
			w.scan.mu.Unlock()
			continue
		}
		w.scan.guard(w.report(i), f.Path, func() { format.ReadFile(f, w.report(i)) })
	}
}

func (w *worker) report(i int) *Report {
	if w.reports[i] == nil {
		w.reports[i] = NewReport(w.scan.formats[i].Name)
	}
	return w.reports[i]
}

func (w *worker) finish() {
	w.scan.mu.Lock()
	defer w.scan.mu.Unlock()
	for _, r := range w.reports {
		if r != nil {
			w.scan.reports = append(w.scan.reports, r)
		}
	}
}

// readBounded reads a regular file of at most syntax.MaxBytes.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, readable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, readable(err)
	}
	if info.Size() > syntax.MaxBytes {
		return nil, fmt.Errorf("larger than %d MiB, so not read; exclude it, or split it if it is configuration", syntax.MaxBytes>>20)
	}
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, readable(err)
		}
		if int64(len(data)) == info.Size() {
			return data, nil // one look less at every file
		}
		if len(data) > syntax.MaxBytes {
			return nil, fmt.Errorf("grew past %d MiB while it was read", syntax.MaxBytes>>20)
		}
		if len(data) == cap(data) {
			data = slices.Grow(data, 4096)
		}
	}
}

// readable drops the path from a system error: a doubt names its place already, and machine paths stay here.
func readable(err error) error {
	switch {
	case os.IsPermission(err):
		return fmt.Errorf("no permission to read it; grant it or exclude the path")
	case os.IsNotExist(err):
		return fmt.Errorf("vanished while the scan ran")
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
