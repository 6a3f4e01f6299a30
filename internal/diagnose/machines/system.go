package machines

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/host"
	"example.org/caravan/internal/why"
)

func (l *look) disks(ctx context.Context, m *host.Machine, out *why.OnMachine) {
	text, err := l.run(ctx, m, "df", "--block-size=1", "--output=size,avail,itotal,iavail,target", "-x", "devtmpfs", "-x", "squashfs", "-x", "efivarfs", "-x", "iso9660")
	if err != nil {
		l.unseen(m, "disks", err)
		return
	}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] == "1B-blocks" {
			continue
		}
		number := func(i int) int64 {
			n, _ := strconv.ParseInt(f[i], 10, 64)
			return n
		}
		target := strings.Join(f[4:], " ")
		if ofSystem(target) {
			continue
		}
		out.Disks = append(out.Disks, why.Disk{Mount: target, Size: number(0), Free: number(1), FullFiles: number(2) > 0 && number(3) == 0})
	}
	slices.SortFunc(out.Disks, func(a, b why.Disk) int { return cmp.Compare(a.Mount, b.Mount) })
}

// ofSystem are mounts of the kernel's own, on which nobody keeps anything.
func ofSystem(target string) bool {
	for _, top := range []string{"/dev", "/proc", "/sys"} {
		if target == top || strings.HasPrefix(target, top+"/") {
			return true
		}
	}
	return false
}

var process = regexp.MustCompile(`\("([^"]+)",pid=(\d+)`)

func (l *look) listeners(ctx context.Context, m *host.Machine, out *why.OnMachine) {
	text, err := l.run(ctx, m, "ss", "-H", "-l", "-t", "-n", "-p")
	if err != nil {
		l.unseen(m, "who listens", err)
		return
	}
	out.Listeners = []why.Listener{}
	var pids []string
	owner := map[int]string{} // index → pid
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		i := strings.LastIndexByte(f[3], ':')
		port, err := strconv.Atoi(f[3][i+1:])
		if err != nil {
			continue
		}
		v := why.Listener{Port: port, Address: f[3][:max(i, 0)]}
		if p := process.FindStringSubmatch(line); p != nil {
			v.Process = p[1]
			owner[len(out.Listeners)] = p[2]
			pids = append(pids, p[2])
		}
		out.Listeners = append(out.Listeners, v)
	}
	if len(pids) == 0 {
		return
	}
	text, err = l.run(ctx, m, "ps", "-o", "pid=,unit=", "-p", strings.Join(pids, ","))
	if err != nil {
		return // the names of processes do
	}
	units := map[string]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && f[1] != "-" {
			units[f[0]] = f[1]
		}
	}
	for i, pid := range owner {
		out.Listeners[i].Unit = units[pid]
	}
}

// files reads whether what the subject is given is there.
func (l *look) files(ctx context.Context, m *host.Machine, out *why.OnMachine, ofUnits map[string]string) {
	all := map[string]string{}
	for _, f := range l.s.Machines.Secrets {
		all[f] = "its secrets, put there by hand"
	}
	for _, f := range l.s.Machines.Files {
		all[f] = cmp.Or(all[f], "its configuration")
	}
	for f, of := range ofUnits {
		all[f] = of
	}
	var paths []string
	for f := range all {
		if strings.HasPrefix(f, "/") && !strings.ContainsAny(f, "*?[%") {
			paths = append(paths, f)
		}
	}
	if len(paths) == 0 {
		return
	}
	slices.Sort(paths)
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	r, err := m.Run(ctx, nil, append([]string{"stat", "--dereference", "--format=%s %n", "--"}, paths...)...)
	if err != nil {
		l.unseen(m, "files", err)
		return
	}
	there := map[string]string{}
	for line := range strings.Lines(string(r.Stdout)) {
		size, path, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		there[path] = size
	}
	for _, f := range paths {
		out.Files = append(out.Files, why.File{Path: f, There: there[f] != "", Empty: there[f] == "0", For: all[f]})
	}
}

// sockets are where HAProxy is asked: as it is rendered, and as Debian and others have it.
var sockets = []string{"/run/haproxy/admin.sock", "/var/run/haproxy.sock", "/var/lib/haproxy/stats"}

// stats asks the machine's HAProxy for the subject's servers. Where there is none, nothing is said unless one is expected.
func (l *look) stats(ctx context.Context, m *host.Machine, out *why.OnMachine, expected bool) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	var failed error
	for _, path := range sockets {
		text, err := talk(ctx, m, path, "show stat\n")
		if err == nil {
			out.Backends = l.backends(text)
			return
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", path, err))
	}
	if expected {
		l.unseen(m, "what HAProxy says of it", failed)
	}
}

// talk sends a line to a socket of a machine and gives all it answers.
func talk(ctx context.Context, m *host.Machine, path, line string) (string, error) {
	conn, err := m.Reach(ctx, "unix", path)
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, line); err != nil {
		return "", err
	}
	const most = 4 << 20
	data, err := io.ReadAll(io.LimitReader(conn, most))
	return string(data), err
}

// backends reads HAProxy's statistics (management guide, 9.1, "CSV format") for servers at the subject's addresses and ports, or named
// after it.
func (l *look) backends(text string) []why.Backend {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# ")))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var out []why.Backend
	for _, row := range rows[1:] {
		of := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return row[i]
			}
			return ""
		}
		if of("type") != "2" || !l.means(of("pxname"), of("svname"), of("addr")) {
			continue
		}
		seconds, _ := strconv.Atoi(of("lastchg"))
		out = append(out, why.Backend{
			Proxy: of("pxname"), Server: of("svname"), Status: of("status"), Check: of("check_status"), Detail: clean(cmp.Or(of("last_chk"), of("check_desc"))), Since: time.Duration(seconds) * time.Second,
		})
	}
	return out
}

// means reports whether a server of HAProxy is the subject.
func (l *look) means(proxy, server, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err == nil && slices.ContainsFunc(l.s.Machines.Hosts, func(h why.Host) bool { return h.Address == host }) {
		return len(l.s.Ports) == 0 || slices.ContainsFunc(l.s.Ports, func(p int) bool { return strconv.Itoa(p) == port })
	}
	name := string(l.s.Service)
	return proxy == name || server == name || strings.HasPrefix(proxy, name+"_") || strings.HasPrefix(proxy, name+"-")
}
