package warmer

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/postgres/servertest"
	"example.org/caravan/internal/standby"
)

// deaf is a connection over which a server never hears that it is asked how large it is.
type deaf struct{ net.Conn }

func (d deaf) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("pg_database_size")) {
		return len(b), nil
	}
	return d.Conn.Write(b)
}

func TestAPrimaryThatDoesNotSayHowLargeItIsIsAskedTheRest(t *testing.T) {
	s := servertest.Primary(t)
	s.Do(t, "postgres", "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
	s.Do(t, "postgres", standby.Objects())
	w := New([]postgres.Where{{Name: s.Name, Address: s.Address, TLS: "disable", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return deaf{c}, err
	}}}, Options{})
	defer w.Close()
	w.patience = 100 * time.Millisecond
	r := w.Once(t.Context(), time.Now())
	if r.Primary != s.Name || r.Size != nil || r.Members[0].Err != nil {
		t.Errorf("%+v", r)
	}
}
