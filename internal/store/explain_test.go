package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"example.org/caravan/internal/fault"
)

func TestAConnectionThatBreaksOffIsADatabaseThatIsAway(t *testing.T) {
	s := &Store{where: "PostgreSQL"}
	for _, err := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}} {
		if got := s.explain("read from", fmt.Errorf("query: %w", err)); fault.KindOf(got) != fault.Unavailable {
			t.Errorf("%v is %v", err, got)
		}
	}
	if got := s.explain("read from", errors.New("something else")); fault.KindOf(got) != fault.Internal {
		t.Errorf("anything is taken for a database that is away: %v", got)
	}
}
