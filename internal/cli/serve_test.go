package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.org/caravan/examples"
)

// result is what a command line came to.
type result struct {
	code        int
	out, errors string
}

func run(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	code := Run(ctx, args, &out, &errs)
	return result{code, out.String(), errs.String()}
}

var portalAddress = regexp.MustCompile(`^portal +(http://\S+?)/$`)

// serving starts a server and gives its address; stop ends it as Ctrl-C does and gives its exit code.
func serving(t *testing.T, args ...string) (address string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	news, errs := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), io.Discard, errs)
		_ = errs.Close()
	}()
	ended := make(chan struct{})
	found := make(chan string, 1)
	go func() {
		defer close(ended)
		defer close(found)
		for lines := bufio.NewScanner(news); lines.Scan(); {
			if m := portalAddress.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	address, ok := <-found
	if !ok {
		cancel()
		t.Fatalf("it did not come up: %d", <-code)
	}
	return address, func() int {
		cancel()
		<-ended
		return <-code
	}
}

func TestARunningServerAnswersAsTheProgramItselfDoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kopi")
	if err := os.CopyFS(dir, examples.Kopi()); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	here := run(ctx, "scan", "-w", dir)
	if here.code != 0 {
		t.Fatalf("%+v", here)
	}
	address, stop := serving(t, "-w", dir)
	for _, args := range [][]string{
		{"map"}, {"map", "-o", "json"}, {"map", "-o", "yaml"}, {"map", "-o", "dot"}, {"map", "--breaks", "pg-main"}, {"map", "--needs", "shop"},
		{"map", "--service", "orders"}, {"map", "--unowned"}, {"map", "--doubts"}, {"map", "--team", "orders", "--hide-infrastructure"}, {"map", "--kind", "database"},
		{"snapshots", "-o", "json"}, {"scans", "-o", "json"}, {"map", "--service", "nobody"}, {"map", "--team", "nobody"}, {"map", "--snapshot", "000000"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			far, near := run(ctx, append(args, "--server", address)...), run(ctx, append(args, "-w", dir)...)
			if far != near {
				t.Errorf("%d and %d\n%.500s\n%.500s\n%s\n%s", far.code, near.code, far.out, near.out, far.errors, near.errors)
			}
			if near.code == 0 && near.out == "" {
				t.Error("no answer")
			}
		})
	}
	t.Run("scan", func(t *testing.T) {
		if far := run(ctx, "scan", "--server", address); far.code != 6 || !strings.Contains(far.errors, "sign in to scan") {
			t.Errorf("without a token: %+v", far)
		}
		made := run(ctx, "token", "create", "scanner", "--scope", "scan", "-w", dir)
		if made.code != 0 || !strings.HasPrefix(made.out, "cvn_") {
			t.Fatalf("%+v", made)
		}
		t.Setenv("CARAVAN_TOKEN", strings.TrimSpace(made.out))
		if far := run(ctx, "scan", "--server", address); far.code != 0 || far.out != here.out {
			t.Errorf("%+v, here %s", far, here.out)
		}
	})
	if code := stop(); code != 0 {
		t.Errorf("stopped with %d", code)
	}
	if far := run(ctx, "map", "--server", address); far.code != 7 {
		t.Errorf("after it stopped: %+v", far)
	}
}

func TestCtrlCEndsAScanWithNothingKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kopi")
	if err := os.CopyFS(dir, examples.Kopi()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{{"map", dir}, {"map", "-o", "json", dir}, {"map", "-o", "html", "--out", filepath.Join(dir, "map.html"), dir}} {
		if got := run(ctx, args...); got.code != interrupted || got.out != "" || !strings.Contains(got.errors, "interrupted") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "map.html")); err == nil {
		t.Error("half a map was written")
	}
	if got := run(context.Background(), "snapshots", "-o", "json", "-w", dir); got.out != "[]\n" {
		t.Errorf("kept: %+v", got)
	}
}
