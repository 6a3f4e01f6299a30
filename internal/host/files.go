package host

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
)

// entry is what is at a path of a machine.
type entry struct {
	kind  kind
	data  []byte // of a file
	mode  uint32 // permission bits
	owner string
	group string
}

type kind int

const (
	nothing kind = iota
	regular
	folder
	other // a link, a device, a socket …
)

// words are texts one after the other, each ended by a NUL, as xargs -0 and tar --null read them. No shell sees them.
func words(texts ...string) io.Reader {
	return strings.NewReader(strings.Join(texts, "\x00") + "\x00")
}

// read is what is at some paths, with the content of files, in one round trip. A path that is not in the answer has nothing. The last
// part of a path may be no link; those above it may.
func (m *Machine) read(ctx context.Context, paths ...string) (map[string]entry, error) {
	out := map[string]entry{}
	if len(paths) == 0 {
		return out, nil
	}
	r, err := m.Run(ctx, words(paths...), "env", "LC_ALL=C", "tar", "--create", "--file=-", "--absolute-names", "--hard-dereference", "--quoting-style=literal",
		"--no-recursion", "--null", "--verbatim-files-from", "--files-from=-")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(r.Stderr)) {
		if err := m.unreadable(strings.TrimSpace(line), out); err != nil {
			return nil, err
		}
	}
	archive := tar.NewReader(bytes.NewReader(r.Stdout))
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault.Newf(fault.Unavailable, "%s: what tar answers is cut off: %w; run it again", m.Name, err)
		}
		e := entry{kind: other, mode: uint32(h.FileInfo().Mode().Perm()), owner: named(h.Uname, h.Uid), group: named(h.Gname, h.Gid)}
		switch h.Typeflag {
		case tar.TypeDir:
			e.kind = folder
		case tar.TypeReg:
			e.kind = regular
			if e.data, err = io.ReadAll(archive); err != nil {
				return nil, fault.Newf(fault.Unavailable, "%s: %s: %w; run it again", m.Name, h.Name, err)
			}
		}
		out[path.Clean(h.Name)] = e
	}
}

func named(name string, id int) string {
	if name == "" {
		return strconv.Itoa(id)
	}
	return name
}

// unreadable takes a complaint of tar. That there is nothing is an answer; what else it cannot read is an error.
func (m *Machine) unreadable(line string, out map[string]entry) error {
	line = strings.TrimPrefix(line, "tar: ")
	switch {
	case line == "", strings.HasSuffix(line, ": Cannot stat: No such file or directory"), strings.HasSuffix(line, "file changed as we read it"),
		strings.HasPrefix(line, "Exiting with failure status"):
		return nil
	case strings.HasSuffix(line, ": Cannot stat: Not a directory"):
		out[strings.TrimSuffix(line, ": Cannot stat: Not a directory")] = entry{kind: other}
		return nil
	case strings.HasSuffix(line, ": socket ignored"):
		out[strings.TrimSuffix(line, ": socket ignored")] = entry{kind: other}
		return nil
	}
	return fault.Newf(fault.Unavailable, "%s: %s; mend that and run it again", m.Name, line)
}

// shipment is what is put on a machine at once: first all of it beside its places, then each into its place.
type shipment struct {
	archive bytes.Buffer
	tar     *tar.Writer
	moves   []string // from, to, from, to …
	size    int64
	errors  []error
}

func newShipment() *shipment {
	s := &shipment{}
	s.tar = tar.NewWriter(&s.archive)
	return s
}

func (s *shipment) add(h tar.Header, data []byte) {
	h.Size, h.Format = int64(len(data)), tar.FormatPAX
	if h.Uname == "" {
		h.Uname, h.Gname = "root", "root"
	}
	s.size += h.Size
	if err := s.tar.WriteHeader(&h); err != nil {
		s.errors = append(s.errors, err)
		return
	}
	if _, err := s.tar.Write(data); err != nil {
		s.errors = append(s.errors, err)
	}
}

// file puts a file where nobody looks yet: straight at its path.
func (s *shipment) file(at string, e entry) {
	s.add(tar.Header{Typeflag: tar.TypeReg, Name: at, Mode: int64(e.mode), Uname: e.owner, Gname: e.group}, e.data)
}

// replace puts a file into its place in one move.
func (s *shipment) replace(at string, e entry) {
	s.file(temporary(at), e)
	s.moves = append(s.moves, temporary(at), at)
}

// link makes a place a link in one move.
func (s *shipment) link(at, to string) {
	s.add(tar.Header{Typeflag: tar.TypeSymlink, Name: temporary(at), Linkname: to, Mode: 0o777}, nil)
	s.moves = append(s.moves, temporary(at), at)
}

// temporary is where a file is before it is moved into its place. A run that was killed may leave one, which the next writes over.
func temporary(at string) string { return path.Join(path.Dir(at), ".caravan-"+path.Base(at)+".tmp") }

// unpack puts a shipment in place: what is moved is on the disk before anything is, and nothing is when not all of it came. Its words
// are constant; paths come in files that xargs reads. No shipment has folders: tar makes those that are missing, as the umask says, and
// would change the modes of those that are there.
const unpack = `set -e
umask 022
tar --extract --file=- --absolute-names --same-owner --same-permissions --no-overwrite-dir
xargs -0 -r sync -- <"$1/.files"
xargs -0 -r -n 2 mv -f -T -- <"$1/.moves"
rm -f -- "$1/.files" "$1/.moves"
`

// put puts a shipment in place. Nothing is moved into its place unless all of it has come.
func (m *Machine) put(ctx context.Context, root string, s *shipment) error {
	var files []string
	for i := 0; i < len(s.moves); i += 2 {
		files = append(files, s.moves[i])
	}
	s.file(path.Join(root, ".files"), entry{data: listed(files), mode: 0o600})
	s.file(path.Join(root, ".moves"), entry{data: listed(s.moves), mode: 0o600})
	if err := errors.Join(append(s.errors, s.tar.Close())...); err != nil {
		return fault.Newf(fault.Internal, "%s: pack: %w", m.Name, err)
	}
	r, err := m.Run(ctx, &s.archive, "env", "LC_ALL=C", "sh", "-c", unpack, "caravan", root)
	switch {
	case err != nil:
		return err
	case r.Code == 0:
		return nil
	case strings.Contains(string(r.Stderr), "No space left on device"), strings.Contains(string(r.Stderr), "Disk quota exceeded"):
		m.discard(ctx, files)
		return m.full(ctx, root, string(r.Stderr))
	}
	m.discard(ctx, files)
	return fault.Newf(fault.Unavailable, "%s: put files in place: %s; nothing half written is in use; mend that and run it again", m.Name, lastLine(r))
}

func listed(texts []string) []byte {
	if len(texts) == 0 {
		return nil
	}
	return []byte(strings.Join(texts, "\x00") + "\x00")
}

// discard takes away what was put beside its places and did not get into them.
func (m *Machine) discard(ctx context.Context, files []string) {
	_ = m.drop(ctx, files...)
}

// full says which file system has no room.
func (m *Machine) full(ctx context.Context, root, said string) error {
	at := root
	if _, rest, ok := strings.Cut(said, "tar: "); ok && strings.HasPrefix(rest, "/") {
		name, _, _ := strings.Cut(rest, ": ")
		at = path.Dir(name)
	}
	free, err := m.free(ctx, at)
	if err != nil {
		return errors.Join(err, fault.Newf(fault.Unavailable, "%s: no room left on the disk; make room and run it again", m.Name))
	}
	return m.noRoom(free[0])
}

func (m *Machine) noRoom(s space) error {
	return fault.Newf(fault.Unavailable, "%s: no room left on the file system %s: %d KiB and %d files are free; nothing half written is in use, what ran runs on; make room and run it again",
		m.Name, s.at, s.bytes>>10, s.files)
}

// space is what is left on a file system.
type space struct {
	at    string // where it is mounted
	bytes int64
	files int64
}

// free is what is left where some paths are, which exist.
func (m *Machine) free(ctx context.Context, paths ...string) ([]space, error) {
	r, err := m.Run(ctx, nil, append([]string{"df", "--block-size=1", "--output=avail,iavail,target", "--"}, paths...)...)
	if err != nil {
		return nil, err
	}
	var out []space
	for line := range strings.Lines(string(r.Stdout)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue // the line above all others, that says what is below it
		}
		files, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			files = 1 << 40 // a file system that does not count them
		}
		out = append(out, space{strings.Join(fields[2:], " "), n, files})
	}
	if r.Code != 0 || len(out) == 0 {
		return nil, fault.Newf(fault.Unavailable, "%s: how much room there is: %s; mend that and run it again", m.Name, lastLine(r))
	}
	return out, nil
}

// drop takes files away. One that is gone is no failure.
func (m *Machine) drop(ctx context.Context, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	return m.must(ctx, words(paths...), "take files away", "xargs", "-0", "rm", "-f", "--")
}

// empty takes folders away that hold nothing, and tells which are still there.
func (m *Machine) empty(ctx context.Context, folders ...string) error {
	if len(folders) == 0 {
		return nil
	}
	_, err := m.Run(ctx, words(folders...), "xargs", "-0", "-n", "1", "rmdir", "--ignore-fail-on-non-empty", "--")
	return err
}

// must runs a program that may not fail. Doing says what it is for.
func (m *Machine) must(ctx context.Context, stdin io.Reader, doing string, argv ...string) error {
	r, err := m.Run(ctx, stdin, argv...)
	if err == nil && r.Code != 0 {
		return fault.Newf(fault.Unavailable, "%s: %s: %s; mend that and run it again", m.Name, doing, lastLine(r))
	}
	return err
}

// lastLine is the last that a program said.
func lastLine(r Result) string {
	text := strings.TrimSpace(string(r.Stderr))
	if text == "" {
		text = strings.TrimSpace(string(r.Stdout))
	}
	if text == "" {
		return "it ended with " + strconv.Itoa(r.Code)
	}
	return redact.Text(text[strings.LastIndexByte(text, '\n')+1:])
}

// parents are the folders above some paths, each once, those above first.
func parents(paths []string) []string {
	seen := map[string]bool{}
	var out []string
	var add func(dir string)
	add = func(dir string) {
		if dir == "/" || dir == "." || seen[dir] {
			return
		}
		seen[dir] = true
		add(path.Dir(dir))
		out = append(out, dir)
	}
	for _, p := range paths {
		add(path.Dir(p))
	}
	return out
}

// perm are the permission bits of a mode.
func perm(mode uint32) uint32 { return mode & uint32(fs.ModePerm) }
