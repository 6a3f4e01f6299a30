package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// server is one service at work.
type server struct {
	name  string
	dir   string // its folder
	needs []need
	faults
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
		if s.disturb(r.Context()) != nil { // whatever asks after its health, wherever
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
		if answers[i].Error != "" {
			status = http.StatusBadGateway
		}
		out.Needs[n.String()] = answers[i]
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

// own are the ports the company's services listen on.
var own = map[string]string{
	"shop": "3000", "mobile-gateway": "8200", "partner-gateway": "8205", "orders": "8210", "inventory": "8215", "pricing": "8220", "loyalty": "8230", "search": "8240",
	"accounts": "8250", "delivery": "8260", "notifications": "8270", "sms-relay": "8275", "payments": "8300", "invoicing": "8310", "reports": "8320", "legacy-sync": "8390",
	"config": "8888", "logs": "5044",
}

func listen(service string) string { return ":" + cmp.Or(os.Getenv("KOPI_PORT"), own[service], "8080") }
