// Command payments takes money for orders.
package main

import (
	"flag"
	"log"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	path := flag.String("config", "config/payments.toml", "configuration file")
	flag.Parse()

	cfg, err := load(*path)
	if err != nil {
		log.Fatal(err)
	}
	store, err := openStore(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	events, err := dialEvents(os.Getenv("AMQP_URL"))
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok")) })
	mux.Handle("/metrics", promhttp.Handler())
	mux.Handle("/charges", charges{cards: newCards(cfg.Card), store: store, events: events})
	log.Fatal(http.ListenAndServe(os.Getenv("PAYMENTS_LISTEN"), mux))
}
