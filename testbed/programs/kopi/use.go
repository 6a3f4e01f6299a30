package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
)

// use uses what is needed once, for real.
func (n need) use(ctx context.Context, asked []string) link {
	l := link{Service: n.host}
	var err error
	switch n.kind {
	case "http", "https":
		return n.call(ctx, asked)
	case "postgres":
		err = n.query(ctx)
	case "redis":
		err = n.remember(ctx)
	case "amqp":
		err = n.publish()
	}
	if err != nil {
		l.Error = err.Error()
	}
	return l
}

// call asks a service for its own chain. One that asked already is there, since it asked.
func (n need) call(ctx context.Context, asked []string) link {
	l := link{Service: n.host}
	first, _, _ := strings.Cut(n.host, ".")
	if slices.Contains(asked, first) {
		return l
	}
	target := url.URL{Scheme: n.kind, Host: net.JoinHostPort(n.host, n.port), Path: "/chain", RawQuery: url.Values{"asked": asked}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return link{Service: n.host, Error: err.Error()}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return link{Service: n.host, Error: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&l); err != nil || l.Service == "" { // a stub or a provider, which has no chain
		l = link{Service: n.host}
	}
	if res.StatusCode >= http.StatusInternalServerError && l.Error == "" {
		l.Error = res.Status
	}
	return l
}

// query writes a row and reads it back.
func (n need) query(ctx context.Context) error {
	text := n.words
	if n.url != nil {
		text = (&url.URL{Scheme: "postgres", User: n.url.User, Host: n.url.Host, Path: n.url.Path, RawQuery: n.url.RawQuery}).String()
	}
	conn, err := pgx.Connect(ctx, text)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS seen (what text)`); err != nil {
		return err
	}
	what := rand.Text()
	if _, err := conn.Exec(ctx, `INSERT INTO seen VALUES ($1)`, what); err != nil {
		return err
	}
	var n2 int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM seen WHERE what = $1`, what).Scan(&n2); err != nil || n2 != 1 {
		return fmt.Errorf("%d rows of one: %w", n2, err)
	}
	return nil
}

func (n need) remember(ctx context.Context) error {
	o, err := redis.ParseURL(n.url.String())
	if err != nil {
		return err
	}
	c := redis.NewClient(o)
	defer func() { _ = c.Close() }()
	return c.Set(ctx, "seen", rand.Text(), 0).Err()
}

func (n need) publish() error {
	conn, err := amqp.Dial(n.url.String())
	if err != nil {
		return err
	}
	return conn.Close()
}
