package host

import (
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

func TestWhatPuttingAFileInPlaceMeans(t *testing.T) {
	w := ware{path: "vm/x", data: []byte("new\n"), placed: placed{At: "/etc/x", Sum: sum([]byte("new\n")), Mode: 0o644, Owner: "root", Group: "root"}}
	file := func(text string) entry {
		return entry{kind: regular, data: []byte(text), mode: 0o644, owner: "root", group: "root"}
	}
	opened := file("new\n")
	opened.mode = 0o666
	was := &placed{At: "/etc/x", Sum: sum([]byte("old\n")), Before: sum([]byte("older\n"))}
	pristine := func(_ string, data []byte) bool { return string(data) == "packaged\n" }
	for _, row := range []struct {
		name  string
		there entry
		known *placed
		force bool
		what  journey.What
		keep  bool
		why   string
	}{
		{"nothing there", entry{}, nil, false, journey.Created, false, ""},
		{"it was lost", entry{}, was, false, journey.Created, false, ""},
		{"the last version", file("old\n"), was, false, journey.Updated, false, ""},
		{"the one before, when a run was killed", file("older\n"), was, false, journey.Updated, false, ""},
		{"it is there", file("new\n"), was, false, journey.Unchanged, false, ""},
		{"it is there with another mode", opened, was, false, journey.Updated, false, ""},
		{"others made the same", file("new\n"), nil, false, journey.Unchanged, true, ""},
		{"edited", file("edited\n"), was, false, "", false, "edited since"},
		{"edited, and forced", file("edited\n"), was, true, journey.Updated, false, ""},
		{"made by others", file("theirs\n"), nil, false, "", false, "not made by caravan"},
		{"made by others, and forced", file("theirs\n"), nil, true, journey.Updated, true, ""},
		{"as its package brought it", file("packaged\n"), nil, false, journey.Updated, true, ""},
		{"a folder", entry{kind: folder}, nil, true, "", false, "no file is in the way"},
		{"a link", entry{kind: other}, was, true, "", false, "no file is in the way"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := judge(w, row.there, row.known, "indonesia", row.force, pristine)
			if d.what != row.what || d.keep != row.keep || (row.why == "") != (d.why == "") || !strings.Contains(d.why, row.why) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestAPartOfASharedFileIsJudgedAlone(t *testing.T) {
	w := ware{path: "vm/hosts", data: []byte("10.0.0.1 a\n"), placed: placed{At: "/etc/hosts", Sum: sum([]byte("10.0.0.1 a\n")), Block: true}}
	none := func(string, []byte) bool { return false }
	own := []byte("127.0.0.1 localhost\n")
	with := splice(own, w.data, "indonesia")
	for _, row := range []struct {
		name  string
		there []byte
		what  journey.What
	}{
		{"not in it yet", own, journey.Created},
		{"in it", with, journey.Unchanged},
		{"in it, and others added something", append(append([]byte("# theirs\n"), with...), "10.9.9.9 z\n"...), journey.Unchanged},
		{"edited", []byte(strings.ReplaceAll(string(with), "10.0.0.1", "10.0.0.2")), ""},
		{"its end was taken away", []byte(strings.ReplaceAll(string(with), "# END caravan indonesia\n", "")), ""},
		{"another expansion's", splice(own, []byte("10.0.0.9 z\n"), "vietnam"), journey.Created},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d := judge(w, entry{kind: regular, data: row.there, mode: 0o600, owner: "x", group: "x"}, &w.placed, "indonesia", false, none); d.what != row.what {
				t.Errorf("%+v", d)
			}
		})
	}
}

func FuzzASharedFileComesBackAsItWas(f *testing.F) {
	f.Add("127.0.0.1 localhost\n", "10.0.0.1 a\n")
	f.Add("no newline", "")
	f.Add("# BEGIN caravan indonesia x\n# END caravan indonesia\n", "x")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, own, inner string) {
		if _, _, _, ok := block([]byte(own), "indonesia"); ok || strings.Contains(inner, "# END caravan") {
			t.Skip("marks of its own")
		}
		if inner != "" {
			inner = strings.TrimSuffix(inner, "\n") + "\n"
		}
		with := splice([]byte(own), []byte(inner), "indonesia")
		if back := string(cut(with, "indonesia")); back != own {
			t.Errorf("%q came back as %q", own, back)
		}
		_, _, got, ok := block(with, "indonesia")
		if !ok || string(got) != inner {
			t.Errorf("%q became %q", inner, got)
		}
		if again := splice(with, []byte(inner), "indonesia"); string(again) != string(with) {
			t.Errorf("twice: %q", again)
		}
	})
}

func TestADifferenceShowsLinesAndNoSecret(t *testing.T) {
	before := "a\nb\nc\nd\ne\nDB_PASSWORD=Zk4hunter2xq9\npassword: Zk4hunter2xq9\nrequirepass Zk4hunter2xq9\nuser app on >Zk4hunter2xq9 ~* +@all\n"
	text := difference("vm1:/etc/x", before, "a\nb\nc\nd\ne\nDB_PASSWORD=other4Secret\nfast=yes\n")
	for _, want := range []string{"--- vm1:/etc/x\n", " …\n", " d\n", "+fast=yes\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, secret := range []string{"Zk4hunter2xq9", "other4Secret"} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret is shown:\n%s", text)
		}
	}
	if difference("x", "a\n", "a\n") != "" {
		t.Error("equal texts differ")
	}
	if text := difference("x", "a\xff", "b"); !strings.Contains(text, "no text: 2 bytes become 1") {
		t.Error(text)
	}
}

func TestADamagedManifestSaysSo(t *testing.T) {
	for _, text := range []string{"{", `{"expansion": "vietnam"}`} {
		if _, err := readManifest(entry{kind: regular, data: []byte(text)}, "vm1", "indonesia"); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "vm1: /var/lib/caravan/indonesia/manifest.json is damaged") {
			t.Errorf("%v", err)
		}
	}
}

func TestWhatIsNoPlaceIsRefused(t *testing.T) {
	mf := &manifest{Expansion: "indonesia"}
	for _, at := range []string{"etc/x", "/etc/../root/x", "/", "/etc/x/", "/etc/a\x00b"} {
		f := render.File{Path: "vm/x", Text: "x", Placed: &render.Placement{Path: at}}
		if _, err := mf.ware(f); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", at, err)
		}
	}
	if _, err := mf.ware(render.File{Path: "vm/x", Text: "!", Placed: &render.Placement{Path: "/etc/x", Base64: true}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	w, err := mf.ware(render.File{Path: "vm/x/README.md", Subject: "a/../b", Placed: &render.Placement{}})
	if err != nil || !strings.HasPrefix(w.At, "/var/lib/caravan/indonesia/things/a%2F..%2Fb/current/") {
		t.Errorf("%s, %v", w.At, err)
	}
}
