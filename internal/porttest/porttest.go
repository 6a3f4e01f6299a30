// Package porttest gives tests ports for the servers they start: ones that no other test of this
// machine has, and that the kernel gives to nobody's connection, so that a server which is killed
// finds its port free when it starts again.
package porttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Ports are given from first on, below those of connections (net.ipv4.ip_local_port_range) and
// those that Kubernetes gives to services.
const (
	first = 16000
	count = 12000
)

// Free is a port that nothing listens on at any address of this machine; it is the test's until it
// ends.
func Free(t testing.TB) int {
	t.Helper()
	taken := filepath.Join("/tmp", "caravan-ports-"+strconv.Itoa(os.Geteuid())) // the same for all runs, whatever their TMPDIR
	if err := os.MkdirAll(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, from := 0, rand.IntN(count); i < count; i++ {
		port := first + (from+i)%count
		free, err := take(t, filepath.Join(taken, strconv.Itoa(port)), port)
		if err != nil {
			t.Fatal(err)
		}
		if free {
			return port
		}
	}
	t.Fatalf("no port from %d to %d is free", first, first+count-1)
	return 0
}

// Address is a free port of 127.0.0.1, as host:port.
func Address(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(Free(t)))
}

// take locks a port's file until the test ends, and reports whether the port is free.
func take(t testing.TB, file string, port int) (free bool, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	defer func() {
		if !free {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":"+strconv.Itoa(port))
	if err != nil { // somebody else listens
		return false, nil
	}
	t.Cleanup(func() { _ = f.Close() }) // which gives the port back
	return true, l.Close()
}
