package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// server is one service at work.
type server struct {
	name  string
	dir   string // its folder
	needs []need
	faults
	answered atomic.Int64 // requests
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /faults", s.set)
	if s.name == "config" {
		mux.HandleFunc("GET /{application}/{profile}", s.settings)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/chain") { // below whatever path a proxy asks for it
			s.chain(w, r)
			return
		}
		if path := r.URL.Path; path == "/metrics" || path == "/actuator/prometheus" {
			s.metrics(w)
			return
		}
		s.answered.Add(1)
		if s.disturb(r.Context()) != nil { // whatever asks after its health, wherever
			http.Error(w, "told to be unwell", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

// metrics says how the service does, as Prometheus reads it.
func (s *server) metrics(w http.ResponseWriter) {
	var pages int64
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		_, _ = fmt.Sscan(string(statm), new(int64), &pages)
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = fmt.Fprintf(w, "# TYPE kopi_requests_total counter\nkopi_requests_total{service=%q} %d\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %d\n",
		s.name, s.answered.Load(), pages*int64(os.Getpagesize()))
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
	asked := append(r.URL.Query()["asked"], s.name)
	out := link{Service: s.name, Needs: map[string]link{}}
	status := http.StatusOK
	if err := s.disturb(r.Context()); err != nil {
		out.Error, status = err.Error(), http.StatusServiceUnavailable
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	answers := make([]link, len(s.needs))
	var all sync.WaitGroup
	for i, n := range s.needs {
		all.Go(func() { answers[i] = n.use(ctx, asked) })
	}
	all.Wait()
	for i, n := range s.needs {
		if answers[i].Error != "" && !spared(s.name, n) {
			status = http.StatusBadGateway
		}
		out.Needs[strings.TrimSuffix(n.String()+"/"+n.name, "/")] = answers[i]
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

// spared reports whether a service does its work without something that it needs.
func spared(service string, n need) bool {
	return service == "loyalty" && strings.HasPrefix(n.host, "vouchers") // it gives none while nobody keeps them
}

// own are the ports the company's services listen on.
var own = map[string]string{
	"shop": "3000", "mobile-gateway": "8200", "partner-gateway": "8205", "orders": "8210", "inventory": "8215", "pricing": "8220", "loyalty": "8230", "search": "8240",
	"accounts": "8250", "delivery": "8260", "notifications": "8270", "sms-relay": "8275", "payments": "8300", "invoicing": "8310", "reports": "8320", "legacy-sync": "8390",
	"config": "8888", "logs": "5044",
}

func listen(service string) string { return ":" + cmp.Or(os.Getenv("KOPI_PORT"), own[service], "8080") }
