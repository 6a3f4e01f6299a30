package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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
		err = n.publish(ctx)
	case "smtp":
		err = n.greet(ctx)
	}
	if err != nil {
		l.Error = err.Error()
	}
	return l
}

func (n need) at() string { return net.JoinHostPort(n.host, n.port) }

// call asks a service for its own chain. One that asked already is there, since it asked.
func (n need) call(ctx context.Context, asked []string) link {
	l := link{Service: n.host}
	first, _, _ := strings.Cut(n.host, ".")
	if slices.Contains(asked, first) {
		return l
	}
	target := url.URL{Scheme: n.kind, Host: n.at(), Path: "/chain", RawQuery: url.Values{"asked": asked}.Encode()}
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

// query writes a row and reads it back, where it may write; otherwise it only reads.
func (n need) query(ctx context.Context) error {
	target := url.URL{Scheme: "postgres", Host: n.at(), Path: "/" + n.name, RawQuery: n.options}
	if n.password != "" {
		target.User = url.UserPassword(n.user, n.password)
	} else if n.user != "" {
		target.User = url.User(n.user)
	}
	conn, err := pgx.Connect(ctx, target.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var writes bool
	if err := conn.QueryRow(ctx, `SELECT has_schema_privilege('public', 'CREATE') AND NOT pg_is_in_recovery()`).Scan(&writes); err != nil || !writes {
		return err
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	what, rows := rand.Text(), 0
	for _, statement := range []string{`SELECT pg_advisory_xact_lock(1)`, `CREATE TABLE IF NOT EXISTS seen (what text)`} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO seen VALUES ($1)`, what); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM seen WHERE what = $1`, what).Scan(&rows); err != nil || rows != 1 {
		return fmt.Errorf("%d rows of one: %w", rows, err)
	}
	return nil
}

// remember writes a key and reads it back.
func (n need) remember(ctx context.Context) error {
	c := redis.NewClient(&redis.Options{Addr: n.at(), Username: n.user, Password: n.password, MaxRetries: -1})
	defer func() { _ = c.Close() }()
	what := rand.Text()
	if err := c.Set(ctx, "seen:"+what, what, time.Minute).Err(); err != nil {
		return err
	}
	got, err := c.Get(ctx, "seen:"+what).Result()
	if err == nil && got != what {
		err = fmt.Errorf("%s was written and %s is there", what, got)
	}
	return err
}

// publish sends a message and takes it in again.
func (n need) publish(ctx context.Context) error {
	conn, err := amqp.DialConfig("amqp://"+n.at(), amqp.Config{
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: cmp.Or(n.user, "guest"), Password: cmp.Or(n.password, "guest")}},
		Vhost: cmp.Or(n.name, "/"), Dial: amqp.DefaultDial(5 * time.Second),
	})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return err
	}
	got, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		return err
	}
	what := rand.Text()
	if err := ch.PublishWithContext(ctx, "", q.Name, false, false, amqp.Publishing{Body: []byte(what)}); err != nil {
		return err
	}
	select {
	case m := <-got:
		if string(m.Body) != what {
			return fmt.Errorf("%s was sent and %q came", what, m.Body)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// greet waits for a mail server's greeting.
func (n need) greet(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", n.at())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}
