package host

import (
	"context"
	"net"
)

// Reach opens a connection from the machine to somewhere else, as the machine sees it: network is "tcp", with host:port, or "unix",
// with the path of a socket there. No program of the machine is needed; its SSH server connects. The error is
// *ssh.OpenChannelError when that could not, with the words of its own system.
func (m *Machine) Reach(ctx context.Context, network, address string) (net.Conn, error) {
	return m.client.DialContext(ctx, network, address)
}
