// Command kopi is every service of the sample company. Which one it is, is said by KOPI_SERVICE or the folder it was installed in. It
// really reads the configuration it is given, its environment and the files named on its command line, and really calls the services,
// databases, caches and brokers that it finds there.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := serve(name(os.Args[0])); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// name is which service this is: /srv/kopi/orders/current/run is orders.
func name(program string) string {
	if own := os.Getenv("KOPI_SERVICE"); own != "" {
		return own
	}
	parts := strings.Split(filepath.ToSlash(program), "/")
	for i, p := range parts {
		if p == "kopi" && i+1 < len(parts) {
			return parts[i+1]
		}
	}
	return filepath.Base(program)
}

func serve(service string) error {
	s := &server{name: service, needs: needsOf(given(os.Environ(), os.Args[1:]))}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	h := &http.Server{Addr: listen(service), Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = h.Shutdown(stopping)
	}()
	log.Printf("%s listens on %s and needs %d others", service, h.Addr, len(s.needs))
	return h.ListenAndServe()
}

// server is one service at work.
type server struct {
	name  string
	needs []need
	faults
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /faults", s.set)
	mux.HandleFunc("GET /chain", s.chain)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { // whatever asks after its health, wherever
		if s.disturb(r.Context()) != nil {
			http.Error(w, "told to be unwell", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

// link is one service of a chain, with what became of all it needs.
type link struct {
	Service string          `json:"service"`
	Error   string          `json:"error,omitempty"`
	Needs   map[string]link `json:"needs,omitempty"`
}

// chain uses everything the service needs, services by their own chain, and answers 200 when all of it works. Those that asked before
// are not asked again: services may need each other.
func (s *server) chain(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()["asked"]
	out := link{Service: s.name, Needs: map[string]link{}}
	status := http.StatusOK
	if err := s.disturb(r.Context()); err != nil {
		out.Error, status = err.Error(), http.StatusServiceUnavailable
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	for _, n := range s.needs {
		l := n.use(ctx, append(asked, s.name))
		if l.Error != "" {
			status = http.StatusBadGateway
		}
		out.Needs[n.String()] = l
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}
