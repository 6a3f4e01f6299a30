package pgbackrest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

const two = `[{"name":"other","status":{"code":0}},{"name":"orders","status":{"code":0,"message":"ok"},
"archive":[{"id":"14-1","max":"000000010000000000000009"},{"id":"15-2","max":"0000000200000001000000FE"}],
"backup":[{"label":"20260302-020000F_20260303-020000I","type":"incr","error":BAD,"info":{"size":10},"timestamp":{"stop":1772503300}},{"label":"20260302-020000F","type":"full","info":{"size":9},"timestamp":{"stop":1772416900}}]}]`

func TestWhatPgBackRestSaysOfItsBackups(t *testing.T) {
	for name, c := range map[string]struct{ say, newest, folder, failed string }{
		"the newest backup is the one that ended last": {strings.Replace(two, "BAD", "false", 1), "20260302-020000F_20260303-020000I", "archive/orders/15-2/0000000200000001", ""},
		"pages without their checksums":                {strings.Replace(two, "BAD", "true", 1), "20260302-020000F_20260303-020000I", "archive/orders/15-2/0000000200000001", "did not have the checksums"},
		"another stanza":                               {`[{"name":"other","status":{"code":0}}]`, "", "", ""},
		"a repository that cannot be read":             {`[{"name":"orders","status":{"code":99,"message":"other"},"archive":[],"backup":[]}]`, "", "", "other"},
		"nothing yet":                                  {`[{"name":"orders","status":{"code":2,"message":"no valid backups"},"archive":[{"id":"15-1","max":null}],"backup":[]}]`, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			info, folder, err := parse([]byte(c.say), "orders")
			newest, _ := info.Newest()
			if err != nil || newest.Label != c.newest || folder != c.folder || !strings.Contains(info.Failed, c.failed) || (c.failed == "") != (info.Failed == "") {
				t.Errorf("%+v, %q, %v", info, folder, err)
			}
		})
	}
}

func TestASegmentIsKeptSinceItsFileIsThere(t *testing.T) {
	at, err := archivedAt([]byte(`{".":{"type":"path"},"0000000200000001000000FE-ab.gz":{"time":1772503300},"0000000200000001000000FE-cd.gz.pgbackrest.tmp":{"time":9}}`), "0000000200000001000000FE")
	if err != nil || !at.Equal(time.Unix(1772503300, 0)) {
		t.Errorf("%s, %v", at, err)
	}
}

func TestWhereASegmentOfTheLogBegins(t *testing.T) {
	for name, want := range map[string]string{"0000000200000001000000FE": "1/FE000000", "000000010000000000000003": "0/3000000", "": "0/0", "0000000200000001000000XY": "0/0"} {
		if got := lsn(beginOf(name, 16<<20)); got != want {
			t.Errorf("%q begins at %s, not %s", name, got, want)
		}
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte(two))
	f.Add([]byte(`[{"name":"orders","archive":[{"max":"0"}]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, folder, err := parse(data, "orders")
		if err == nil && folder != "" && len(info.Segment) != segmentName {
			t.Errorf("%q is looked for in %q", info.Segment, folder)
		}
	})
}

// TestAStanzaThatIsNotThereIsNamedWithThoseThatAre: what pgBackRest says of it itself, "missing stanza path" and "[037]: backup command requires option: pg1-path", names neither.
func TestAStanzaThatIsNotThereIsNamedWithThoseThatAre(t *testing.T) {
	tool := Tool{Stanza: "orders", Config: "/etc/pb.conf", Where: "10.0.0.9", Run: func(_ context.Context, argv ...string) (Output, error) {
		switch {
		case slices.Contains(argv, "backup"):
			return Output{Code: 37, Stderr: []byte("ERROR: [037]: backup command requires option: pg1-path\n")}, nil
		case slices.Contains(argv, "--stanza=orders"):
			return Output{Stdout: []byte(`[{"name":"orders","status":{"code":1,"message":"missing stanza path"},"archive":[],"backup":[]}]`)}, nil
		}
		return Output{Stdout: []byte(`[{"name":"shop","status":{"code":0}},{"name":"billing","status":{"code":0}}]`)}, nil
	}}
	const want = "no stanza orders in what /etc/pb.conf on 10.0.0.9 says; there are billing, shop: name one under backup.stanza"
	if info, err := tool.Info(t.Context()); err != nil || !strings.HasPrefix(info.Failed, want) {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := tool.BackUp(t.Context(), Full); fault.KindOf(err) != fault.NotFound || !strings.HasPrefix(err.Error(), "back up orders: "+want) {
		t.Errorf("%v", err)
	}
	if _, err := tool.Drill(t.Context(), Drill{Scratch: "/nowhere"}, time.Now); fault.KindOf(err) != fault.NotFound || !strings.HasPrefix(err.Error(), "drill of orders: "+want) {
		t.Errorf("%v", err)
	}
}

func TestAFolderForDrillsThatCannotBeMadeComesWithTheCommandThatMakesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tool, d := Tool{Run: Here, Stanza: "orders", Where: "this machine"}, Drill{Scratch: filepath.Join(file, "drill")}
	said, err := tool.Run(t.Context(), tool.script(d, Backup{Label: "x"}, time.Minute)...)
	if err != nil {
		t.Fatal(err)
	}
	err = tool.judge(&standby.Drill{}, said, Info{})
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "/file/drill cannot be made by ") || !strings.Contains(err.Error(), "(Not a directory); as root: install -d -o ") || !strings.HasSuffix(err.Error(), "/file/drill") {
		t.Errorf("%v", err)
	}
}

func TestABeatThatHangsHoldsUpNoDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		tool := Tool{Run: func(ctx context.Context, _ ...string) (Output, error) {
			<-ctx.Done() // as over a connection that is gone
			return Output{}, ctx.Err()
		}}
		go func() {
			time.Sleep(2 * beat)
			close(ended)
		}()
		began := time.Now()
		if tool.attend(t.Context(), "/drill/beat", ended); time.Since(began) > 3*beat {
			t.Errorf("it was attended to for %s", time.Since(began))
		}
	})
}
