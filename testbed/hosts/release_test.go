package hosts_test

import (
	"archive/tar"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/testbed"
)

// archived is a release that answers with a version of its own, whatever it is configured with.
func archived(t *testing.T, version string) func() (io.ReadCloser, error) {
	t.Helper()
	text := strings.Replace(answering, `os.environ.get("VERSION", "none")`, `"`+version+`"`, 1)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "start", Mode: 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }
}

// releasesComeAndGo brings releases to rendered machines under load: a good one, a bad one, and the way back to what people had brought.
func releasesComeAndGo(t *testing.T, b *testbed.Bed) {
	running(t, b)
	files := version(t, b, "one")
	target := open(t, b, files, false)
	p, ok, err := host.ProgramOf(files, "orders")
	if err != nil || !ok || p.Root != "/srv/kopi/orders" || p.Unit != "orders.service" || len(p.Hosts) != 2 || p.Balance == nil {
		t.Fatalf("%+v %v %v", p, ok, err)
	}
	stop := callers(t, b)
	var counted []int
	news := func(n int) { counted = append(counted, n) }
	if err := target.Deliver(t.Context(), p, "r2", archived(t, "r2"), teller(t, nil), news); err != nil {
		t.Fatal(err)
	}
	answers(t, b, "r2")
	if !slices.Equal(counted, []int{1, 2}) {
		t.Errorf("%v", counted)
	}
	var said []string
	if err := target.Deliver(t.Context(), p, "r2", archived(t, "other"), teller(t, &said), news); err != nil || len(said) > 0 {
		t.Errorf("delivering what is delivered does something: %q %v", said, err)
	}

	err = target.Deliver(t.Context(), p, "r3", archived(t, "bad"), teller(t, nil), news)
	want(t, err, fault.Unavailable, "vm2", "r3 is not well", "going back to r2")
	there, err := target.Released(t.Context(), p, "r3")
	if err != nil || len(there) != 2 {
		t.Fatal(there, err)
	}
	for _, r := range there {
		if r.Name != "r2" || !r.Running || !r.Has {
			t.Errorf("%+v", r)
		}
	}
	answers(t, b, "r2")

	if err := target.Return(t.Context(), p, "1", teller(t, nil)); err != nil {
		t.Fatal(err)
	}
	answers(t, b, "one")
	want(t, target.Return(t.Context(), p, "nowhere", teller(t, nil)), fault.NotFound, "is not kept there any more")
	got, failed := stop()
	if len(failed) > 0 || got["one"] == 0 || got["r2"] == 0 || got["bad"] > 0 {
		t.Errorf("%v, %d requests failed: %v", got, len(failed), failed)
	}
	if err := move(t, b, version(t, b, "two")); err != nil { // what is configured is renewed as before
		t.Fatal(err)
	}
	answers(t, b, "two")
}
