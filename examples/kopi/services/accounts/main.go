// Command accounts knows customers: sign-in, addresses, consent.
package main

import (
	"database/sql"
	"log"
	"net/http"
	"os"

	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"
)

func env(key, fallback string) string {
	if v := os.Getenv(key); v != "" {
		return v
	}
	return fallback
}

func main() {
	db, err := sql.Open("postgres", os.Getenv("ACCOUNTS_DSN"))
	if err != nil {
		log.Fatal(err)
	}
	sessions := redis.NewClient(&redis.Options{Addr: env("SESSIONS_ADDR", "localhost:6380")})

	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok")) })
	mux.Handle("/sessions", newSessions(db, sessions))
	mux.Handle("/customers/", newCustomers(db, os.Getenv("AMQP_URL")))
	log.Fatal(http.ListenAndServe(env("LISTEN", ":8250"), mux))
}
