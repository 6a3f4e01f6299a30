// Command release is a service that answers with the version that lies beside it, in a file of that name; one whose version says bad ends at
// once, or badthere, which does so in a cluster alone. `release load URL FILE` calls a service without a pause until there is such a file, and says what became of it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) == 4 && os.Args[1] == "load" {
		err = load(os.Args[2], os.Args[3])
	} else {
		err = serve(ctx)
	}
	if err != nil {
		log.Fatal(err) //nolint:gocritic // nothing is left to stop
	}
}

func serve(ctx context.Context) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(own), "version"))
	if err != nil {
		return err
	}
	version := strings.TrimSpace(string(text))
	if strings.Contains(version, "bad") && (os.Getenv("KUBERNETES_SERVICE_HOST") != "" || !strings.Contains(version, "there")) {
		return fmt.Errorf("version %s does not start", version)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	h := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = h.Shutdown(stopping)
	}()
	if err := h.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-ended
	return nil
}

// report is what became of requests.
type report struct {
	Requests int
	Failed   int
	First    string         // failure
	Versions map[string]int // that answered
}

// So many requests are under way at most, each begun so long after the one before; and so many are made at least.
const (
	atOnce = 4
	pause  = 10 * time.Millisecond
	least  = 40
)

func load(url, until string) error {
	out := report{Versions: map[string]int{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	for range atOnce {
		all.Go(func() {
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for range tick.C {
				mu.Lock()
				enough := out.Requests >= least
				mu.Unlock()
				if _, err := os.Stat(until); err == nil && enough {
					return
				}
				version, err := ask(client, url)
				mu.Lock()
				out.Requests++
				if err != nil {
					out.Failed++
					if out.First == "" {
						out.First = err.Error()
					}
				} else {
					out.Versions[version]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(out)
}

func ask(client *http.Client, url string) (string, error) {
	asked, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	r, err := client.Do(asked)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return "", err
	}
	if r.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", r.Status, text)
	}
	return strings.TrimSpace(string(text)), nil
}
