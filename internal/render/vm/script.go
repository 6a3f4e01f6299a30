package vm

import (
	"cmp"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/workload"
)

// script is where one of a service's scripts is on a machine.
func (e environment) script(p program, name string) string {
	return path.Join("/usr/local/lib", e.org, workloadName(p.of), name)
}

// gated tells whether there is a way to ask the process whether it is well.
func (p program) gated() bool {
	probe := p.container.ReadinessProbe
	return probe != nil && probe.HTTPGet != nil || len(p.check()) > 0 || p.tcpPort() != 0
}

// check is the command that tells whether the process is well; nothing when there is none.
func (p program) check() []string {
	probe := p.container.ReadinessProbe
	if probe == nil || probe.Exec == nil || len(probe.Exec.Command) == 0 {
		return nil
	}
	words := slices.Clone(probe.Exec.Command)
	words[0] = p.program(words[0])
	return words
}

// tcpPort is the first port the process takes connections on, 0 when there is none.
func (p program) tcpPort() int {
	for _, l := range p.listens {
		if l.Protocol == "TCP" {
			return l.Target
		}
	}
	return 0
}

// question is the command that asks the process whether it is well: its readiness probe, else a connection to its first port,
// else whether systemd has it running.
func (p program) question() string {
	probe := p.container.ReadinessProbe
	switch {
	case probe != nil && probe.HTTPGet != nil:
		return p.request(*probe.HTTPGet)
	case len(p.check()) > 0:
		return "timeout 3 " + shellWords(p.check())
	case p.tcpPort() != 0:
		return fmt.Sprintf("nc -z -w 3 127.0.0.1 %d", p.tcpPort())
	}
	return "systemctl is-active --quiet " + p.name + ".service"
}

// request asks by HTTP as a kubelet does: anything below 400 will do, and a certificate is not checked.
func (p program) request(get workload.HTTPGet) string {
	words := []string{"curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "--max-time", "3"}
	scheme := strings.ToLower(cmp.Or(get.Scheme, "http"))
	if scheme == "https" {
		words = append(words, "--insecure")
	}
	for _, h := range get.HTTPHeaders {
		words = append(words, "--header", h.Name+": "+h.Value)
	}
	if get.Host != "" { // as a header: the process is the one on this machine whatever it is called
		words = append(words, "--header", "Host: "+get.Host)
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(cmp.Or(get.Port, p.tcpPort())))
	return shellWords(append(words, scheme+"://"+at+"/"+strings.TrimPrefix(get.Path, "/")))
}

func (e environment) health(p program) string {
	return fmt.Sprintf(`#!/bin/sh
# Asks %[1]s whether it is well, and ends with 0 when it is. "health" asks once, "health wait SECONDS" until it says yes.
set -u

ask() {
	%[2]s
}

[ "${1-}" = wait ] || {
	ask
	exit
}
end=$(($(date +%%s) + $2))
until ask 2>/dev/null; do
	if [ -n "${MAINPID-}" ] && ! kill -0 "$MAINPID" 2>/dev/null; then
		echo "%[1]s has ended before it was well" >&2
		exit 1
	fi
	if [ "$(date +%%s)" -ge "$end" ]; then
		echo "%[1]s is not well after $2 s" >&2
		ask
		exit 1
	fi
	sleep 1
done
`, workloadName(p.of), p.question())
}

func (e environment) drain(p program) string {
	return fmt.Sprintf(`#!/bin/sh
# Stops %[1]s in the order Kubernetes has: out of balance, DRAIN seconds for requests under way, SIGTERM, STOP seconds, SIGKILL.
# systemd calls it: drain DRAIN STOP. The load balancers see the mark when they next ask the agent of this machine, and systemd
# takes it away with the folder it is in.
set -u

# It has ended by itself: nothing to wait for.
[ -n "${MAINPID-}" ] || exit 0

: >%[2]s/drain
sleep "$1"
kill -TERM "$MAINPID" 2>/dev/null
left=$2
while kill -0 "$MAINPID" 2>/dev/null; do
	if [ "$left" -le 0 ]; then
		kill -KILL "$MAINPID" 2>/dev/null
		exit 0
	fi
	sleep 1
	left=$((left - 1))
done
`, workloadName(p.of), path.Join("/run", e.org, p.name))
}

// keptReleases is how many releases stay on a machine.
const keptReleases = 5

func (e environment) release(p program) string { return ReleaseScript(workloadName(p.of), p.root) }

// ReleaseScript puts releases of the service of a unit (without ".service") in place, below a folder.
func ReleaseScript(unit, root string) string {
	return fmt.Sprintf(`#!/bin/sh
# Puts a release of %[1]s in place: release VERSION ARCHIVE. The archive is a tar of what shall be in %[2]s/current.
# The link is switched in one step; when the new release is not well, the old one is put back and this ends with 1.
set -eu

version=${1-}
archive=${2-}
case $version in
'' | .* | *.part | *[!A-Za-z0-9._+-]*)
	echo "usage: release VERSION ARCHIVE (a version of letters, digits and . _ + -)" >&2
	exit 2
	;;
esac

case $archive in
/*) ;;
*) archive=$PWD/$archive ;;
esac

mkdir -p %[2]s/releases
cd %[2]s
new=releases/$version
before=$(readlink current || true)

if [ ! -d "$new" ]; then
	rm -rf "$new.part"
	mkdir "$new.part"
	tar --extract --no-same-owner --file "$archive" --directory "$new.part"
	mv -T "$new.part" "$new"
fi
touch "$new"

point() {
	ln -sfn "$1" current.new
	mv -T current.new current
}

# Starting waits until the process is well, so this fails when it is not.
restart() {
	systemctl reset-failed %[1]s.service 2>/dev/null || true
	systemctl restart %[1]s.service
}

point "$new"
if ! restart; then
	if [ -z "$before" ]; then
		echo "%[1]s $version is not well, and there is no release to go back to" >&2
		systemctl stop %[1]s.service
		rm current
		exit 1
	fi
	echo "%[1]s $version is not well: going back to ${before#releases/}" >&2
	point "$before"
	restart
	exit 1
fi

find releases -mindepth 1 -maxdepth 1 -type d -printf '%%T@ %%p\n' | sort -rn | tail -n +%[3]d | cut -d ' ' -f 2 |
	while read -r old; do
		[ "$old" = "$new" ] || [ "$old" = "$before" ] || rm -rf "$old"
	done
`, unit, root, keptReleases+1)
}
