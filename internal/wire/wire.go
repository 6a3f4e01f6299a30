// Package wire makes connections of streams that other protocols carry, such as the channels of SSH: those know no deadlines, which clients of
// databases need to give up waiting.
package wire

import (
	"io"
	"net"
	"sync"
)

// Conn is a connection over a stream. When either end is closed, so is the other.
func Conn(stream io.ReadWriteCloser, closed func()) net.Conn {
	ours, theirs := net.Pipe()
	end := sync.OnceFunc(func() {
		_ = stream.Close() // both fail only when they are closed already
		_ = ours.Close()
		closed()
	})
	go func() {
		_, _ = io.Copy(stream, ours) // an end of either side is the end of both
		end()
	}()
	go func() {
		_, _ = io.Copy(ours, stream)
		end()
	}()
	return theirs
}
