package host

import (
	"context"
	"net"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/wire"
)

// Dial connects from the machine to an address, through the connection to it. Unavailable when nobody listens there.
func (m *Machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := m.client.DialContext(ctx, network, address)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.Newf(fault.Unavailable, "%s: %s cannot be reached from there: %w", m.Name, address, err)
	}
	return wire.Conn(conn, func() {}), nil
}

// Lost reports whether the connection to the machine is seen to be dead while ctx lasts: a machine without power says nothing.
func (m *Machine) Lost(ctx context.Context) bool {
	answer := make(chan error, 1)
	go func() {
		_, _, err := m.client.SendRequest("keepalive@openssh.com", true, nil)
		answer <- err
	}()
	select {
	case err := <-answer:
		return err != nil
	case <-ctx.Done():
		return false
	}
}
