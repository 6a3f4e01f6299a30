// Command wire is a slow wire between two network devices: `wire A B 20ms`. What comes in at one goes out at the other that much later,
// in both directions, in order. It is for kernels whose own way of delaying (netem) is not there.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: wire DEVICE DEVICE DELAY")
	}
	delay, err := time.ParseDuration(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	a, err := open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	b, err := open(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	failed := make(chan error)
	for _, way := range [][2]int{{a, b}, {b, a}} {
		frames := make(chan frame, mostOnWire)
		go func() { failed <- take(way[0], delay, frames) }()
		go func() { failed <- give(way[1], frames) }()
	}
	log.Fatal(<-failed)
}

// mostOnWire is how many frames are under way in one direction; more are lost, as in a router whose queue is full.
const mostOnWire = 4096

// frame is what is under way, with what the kernel still has to do to it: checksums, and cutting it into packets (struct
// virtio_net_hdr, packet(7) PACKET_VNET_HDR).
type frame struct {
	due  time.Time
	data []byte
}

// open takes in everything that comes in at a device, and nothing that goes out.
func open(device string) (int, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return 0, err
	}
	const all = uint16(unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8) // in the order of the network
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1); err != nil {
			return 0, fmt.Errorf("%s: option %d: %w", device, option, err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		return 0, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
}

// take takes in frames and lets them wait.
func take(fd int, delay time.Duration, out chan<- frame) error {
	buffer := make([]byte, 128<<10)
	for {
		n, err := unix.Read(fd, buffer)
		switch {
		case err == unix.EINTR || err == unix.ENETDOWN:
			continue // the device is down: a link that was cut
		case err != nil:
			return fmt.Errorf("take: %w", err)
		}
		select {
		case out <- frame{time.Now().Add(delay), append([]byte(nil), buffer[:n]...)}:
		default:
		}
	}
}

// give sends frames when they are due. One that cannot be sent is lost.
func give(fd int, in <-chan frame) error {
	for f := range in {
		time.Sleep(time.Until(f.due))
		_, _ = unix.Write(fd, f.data)
	}
	return nil
}
