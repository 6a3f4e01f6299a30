package artefact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"example.org/caravan/internal/fault"
)

const folder = "/srv/kopi/orders/current"

// built is a release as a pipeline leaves it.
func built(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "release")
	for name, text := range map[string]string{"bin/run": "#!/bin/sh\n", "config/a.yml": "a: 1\n"} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "bin/run"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("bin/run", filepath.Join(dir, "start")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// seen is what was found at a path, as texts.
func seen(t *testing.T, name string) map[string]string {
	t.Helper()
	a, err := Open(t.Context(), name, folder)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range a.Files {
		text := f.Link
		if f.Open != nil {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(in)
			if err != nil || int64(len(data)) != f.Size {
				t.Fatal(err, len(data), f.Size)
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
			text = string(data)
		}
		if f.Executable {
			text = "runs " + text
		}
		if !f.Folder {
			out[f.Path] = text
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

var release = map[string]string{"bin/run": "runs #!/bin/sh\n", "config/a.yml": "a: 1\n", "start": "bin/run"}

func run(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
}

func TestAReleaseIsTheSameWhateverItComesIn(t *testing.T) {
	dir := built(t)
	plain := filepath.Join(t.TempDir(), "release.tar")
	run(t, "tar", "--create", "--file", plain, "--directory", dir, ".")
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	packers := map[string]func(io.Writer) (io.WriteCloser, error){
		"release.tar.gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"release.tar.zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	}
	names := []string{dir, plain}
	for name, pack := range packers {
		var out bytes.Buffer
		w, err := pack(&out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		full := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(full, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, full)
	}
	for _, name := range names {
		if d := cmp.Diff(release, seen(t, name)); d != "" {
			t.Errorf("%s:\n%s", filepath.Base(name), d)
		}
	}
}

func TestOfAPackageWhatIsBelowTheServicesFolderIsTheRelease(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("no dpkg-deb here")
	}
	root := t.TempDir()
	at := filepath.Join(root, folder)
	if err := os.CopyFS(at, os.DirFS(built(t))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	control := "Package: orders\nVersion: 4.19.0\nArchitecture: all\nMaintainer: Kopi <ops@kopi.example>\nDescription: orders\n"
	if err := os.WriteFile(filepath.Join(root, "DEBIAN/control"), []byte(control), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"gzip", "xz", "zstd"} {
		deb := filepath.Join(t.TempDir(), "orders.deb")
		run(t, "dpkg-deb", "--root-owner-group", "-Z"+how, "--build", root, deb)
		got := seen(t, deb)
		if got["config/a.yml"] != release["config/a.yml"] || got["bin/run"] != release["bin/run"] || len(got) < 2 {
			t.Errorf("%s: %v", how, got)
		}
	}
	broken := filepath.Join(t.TempDir(), "orders.deb")
	if err := os.WriteFile(broken, []byte("!<arch>\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), broken, folder); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "build the package again") {
		t.Error(err)
	}
}

func TestWhatIsNoReleaseIsRefused(t *testing.T) {
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none"), folder); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "--from") {
		t.Error(err)
	}
	dir := built(t)
	run(t, "mkfifo", filepath.Join(dir, "pipe"))
	if _, err := Open(t.Context(), dir, folder); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "neither file, folder nor link") {
		t.Error(err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "pipe"), folder); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	text := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(text, []byte(strings.Repeat("no tar at all\n", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), text, folder); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "is no tar") {
		t.Error(err)
	}
}

func TestAHardLinkIsTheFileItLeadsTo(t *testing.T) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []tar.Header{{Typeflag: tar.TypeReg, Name: "./a", Size: 3, Mode: 0o755}, {Typeflag: tar.TypeLink, Name: "./b", Linkname: "./a"}} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("abc")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"a": "runs abc", "b": "runs abc"}, seen(t, name)); d != "" {
		t.Error(d)
	}
}

func FuzzTar(f *testing.F) {
	f.Add([]byte("\x1f\x8b"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Add([]byte("a tar"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "a.tar")
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := Open(t.Context(), name, folder)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v is %v", err, fault.KindOf(err))
			}
			return
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFileWithHolesIsWholeOrRefused(t *testing.T) {
	dir := built(t)
	holed := filepath.Join(dir, "data.bin")
	const size = 4 << 20
	if err := os.WriteFile(holed, []byte("begin"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(holed, size); err != nil {
		t.Fatal(err)
	}
	for _, how := range [][]string{{"--format=gnu"}, {"--format=posix", "--sparse-version=0.0"}, {"--format=posix", "--sparse-version=0.1"}, {"--format=posix", "--sparse-version=1.0"}} {
		full := filepath.Join(t.TempDir(), "release.tar")
		run(t, append([]string{"tar", "--create", "--sparse", "--file", full, "--directory", dir, "."}, how...)...)
		if _, err := Open(t.Context(), full, folder); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "holes") {
			t.Errorf("%q: %v", how, err)
		}
	}
}

func TestNothingOfAnArchiveIsLeftBehindByWhoeverIsKilled(t *testing.T) {
	full := filepath.Join(t.TempDir(), "release.tar")
	run(t, "tar", "--create", "--file", full, "--directory", built(t), ".")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	a, err := Open(t.Context(), full, folder)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderIsReadThroughALink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(built(t), link); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(release, seen(t, link)); d != "" {
		t.Error(d)
	}
}
