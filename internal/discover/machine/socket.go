package machine

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sockets reads the connections, from ss, or from the kernel's tables where there is none.
func (m *Machine) sockets(parts map[string]string) {
	seen := map[Socket]bool{}
	keep := func(into *[]Socket, s Socket) {
		if !seen[s] && len(seen) < maxSockets {
			seen[s] = true
			*into = append(*into, s)
		}
	}
	for line := range strings.Lines(parts["listeners"]) {
		if state, s, ok := socketLine(line); ok && state == "LISTEN" {
			keep(&m.Listeners, s)
		}
	}
	for line := range strings.Lines(parts["sockets"]) {
		state, s, ok := socketLine(line)
		switch {
		case !ok:
		case state == "LISTEN":
			keep(&m.Listeners, s)
		case ended(state):
			keep(&m.Closed, s)
		default:
			keep(&m.Open, s)
		}
	}
	owners := inodes(parts["inodes"])
	for line := range strings.Lines(parts["proc"]) {
		state, inode, s, ok := kernelLine(line)
		if s.PID = owners[inode]; s.PID > 0 {
			s.Program = m.Processes[s.PID].Program
		}
		switch {
		case !ok:
		case state == kernelListen:
			keep(&m.Listeners, s)
		case state == kernelEstablished:
			keep(&m.Open, s)
		case state == kernelTimeWait:
			keep(&m.Closed, s)
		}
	}
}

// ended tells the states of connections that nobody sends anything over any more.
func ended(state string) bool {
	return state != "ESTAB" && state != "CLOSE-WAIT" && state != "SYN-SENT"
}

// socketLine reads a line of ss -Htanp: state, two queues, both ends, and the processes that have it open.
func socketLine(line string) (state string, s Socket, ok bool) {
	if len(line) > maxLine {
		return "", Socket{}, false
	}
	f := strings.Fields(line)
	if len(f) < 5 {
		return "", Socket{}, false
	}
	local, ok := address(f[3])
	if !ok {
		return "", Socket{}, false
	}
	s.Local = local
	if s.Peer, ok = address(f[4]); !ok && f[0] != "LISTEN" {
		return "", Socket{}, false
	}
	if _, users, ok := strings.Cut(line, `users:((`); ok {
		program, rest, _ := strings.Cut(strings.TrimPrefix(users, `"`), `"`)
		s.Program = program
		if _, rest, ok = strings.Cut(rest, "pid="); ok {
			number, _, _ := strings.Cut(rest, ",")
			s.PID = whole(number)
		}
	}
	return f[0], s, true
}

// address reads 10.0.0.7:80, [::]:80, *:80, 127.0.0.53%lo:53.
func address(text string) (netip.AddrPort, bool) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return netip.AddrPort{}, false
	}
	host, _, _ := strings.Cut(strings.Trim(text[:colon], "[]"), "%")
	host = strings.TrimSuffix(host, "]")
	port, err := strconv.ParseUint(text[colon+1:], 10, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	if host == "*" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)), true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port)), true
}

// The states of /proc/net/tcp, after include/net/tcp_states.h of Linux.
const (
	kernelEstablished = "01"
	kernelTimeWait    = "06"
	kernelListen      = "0A"
)

// kernelLine reads a line of /proc/net/tcp or tcp6: "0: 0100007F:1F90 00000000:0000 0A …", addresses in the byte order of the machine.
func kernelLine(line string) (state, inode string, s Socket, ok bool) {
	f := strings.Fields(line)
	if len(f) < 10 || !strings.HasSuffix(f[0], ":") {
		return "", "", Socket{}, false
	}
	local, ok := kernelAddress(f[1])
	if !ok {
		return "", "", Socket{}, false
	}
	peer, ok := kernelAddress(f[2])
	return f[3], f[9], Socket{Local: local, Peer: peer}, ok
}

func kernelAddress(text string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	p, bad := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || bad != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.LittleEndian.Uint32(raw[i:]))
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}

// inodes reads which process has which socket open, from ls -l /proc/PID/fd.
func inodes(text string) map[string]int {
	out := map[string]int{}
	pid := 0
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "/proc/"); ok {
			number, _, _ := strings.Cut(rest, "/")
			pid = whole(number)
			continue
		}
		if _, rest, ok := strings.Cut(line, "socket:["); ok {
			inode, _, _ := strings.Cut(rest, "]")
			if out[inode] == 0 {
				out[inode] = pid
			}
		}
	}
	return out
}

// namespaces reads networks other than the machine's own: a line with a process, its control groups, and the kernel's tables.
func namespaces(text string) []Namespace {
	var out []Namespace
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			_, program, _ := strings.Cut(strings.TrimSpace(rest), " ")
			out = append(out, Namespace{Process: Process{Program: program}})
			continue
		}
		if len(out) == 0 {
			continue
		}
		n := &out[len(out)-1]
		state, _, s, ok := kernelLine(line)
		switch {
		case !ok:
			n.Process.group(strings.TrimSuffix(line, "\n"))
		case state == kernelListen:
			n.Waiting = append(n.Waiting, s)
		case state == kernelEstablished || state == kernelTimeWait:
			n.Sockets = append(n.Sockets, s)
		}
	}
	return out
}

// Tables reads /proc/net/tcp and tcp6, one after the other, into connections and listeners.
func Tables(data []byte) (open, listening []Socket) {
	for line := range bytes.Lines(data) {
		switch state, _, s, ok := kernelLine(string(line)); {
		case !ok:
		case state == kernelListen:
			listening = append(listening, s)
		case state == kernelEstablished || state == kernelTimeWait:
			open = append(open, s)
		}
	}
	return open, listening
}

// Incoming reports whether a connection came in: its own end is one where somebody listens.
func Incoming(s Socket, listening []Socket) bool {
	return slices.ContainsFunc(listening, func(l Socket) bool {
		return l.Local.Port() == s.Local.Port() && (l.Local.Addr() == s.Local.Addr() || l.Local.Addr().IsUnspecified())
	})
}

func whole(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func seconds(text string) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
