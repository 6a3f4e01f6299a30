package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestConnHasDeadlinesAndEndsWithItsStream(t *testing.T) {
	defer goleak.VerifyNone(t)
	far, stream := net.Pipe()
	closed := make(chan bool, 1)
	c := Conn(stream, func() { closed <- true })
	go func() { _, _ = far.Write([]byte("hello")) }()
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	if _, err := c.Read(got); !errors.Is(err, io.EOF) {
		t.Errorf("after the far end closed: %v", err)
	}
	<-closed
}
