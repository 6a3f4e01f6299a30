package host

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"example.org/caravan/internal/fault"
)

// Folder is where everything is kept on a machine that tells what Caravan did there.
const Folder = "/var/lib/caravan"

// A machine is one program's at a time while files are put there. Who waits longer than lockWait for another gives up.
const (
	lockWait  = 15 * time.Minute
	heartbeat = 5 * time.Second
)

// hold locks a machine as long as somebody says so on its standard input: a lock goes with the connection that holds it, and half a
// minute after the line is cut. The file is looked at again, for whoever held it last may have taken it away, or the folder before it was opened.
const hold = `set -u
missed=0
while :; do
	mkdir -p -m 0755 "$1"
	command exec 9>"$1/lock" || { missed=$((missed + 1)); [ "$missed" -lt 5 ] || exit 1; continue; }
	flock --exclusive --wait "$2" 9 || exit 75
	[ /proc/self/fd/9 -ef "$1/lock" ] && break
done
echo held
while [ -n "$(timeout 30 dd bs=1 count=1 2>/dev/null)" ]; do :; done
`

// lock waits until no other program works on the machine. The lock is held until free is called, or the connection ends.
func (m *Machine) lock(ctx context.Context) (free func(), err error) {
	line, err := Line("sh", "-c", hold, "caravan", Folder, strconv.Itoa(int(lockWait.Seconds())))
	if err != nil {
		return nil, err
	}
	s, err := m.client.NewSession()
	if err != nil {
		return nil, m.lost(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		return nil, m.lost(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, m.lost(err)
	}
	complaints := bounded{full: s.Close}
	s.Stderr = &complaints
	if err := s.Start(m.asRoot(line)); err != nil {
		return nil, m.lost(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(said) != "held" {
		return nil, m.unlocked(ctx, s, &complaints)
	}
	return m.holding(s, in), nil
}

// unlocked says why a machine could not be locked.
func (m *Machine) unlocked(ctx context.Context, s *ssh.Session, complaints *bounded) error {
	err := s.Wait()
	_ = s.Close()
	exit, ended := err.(*ssh.ExitError) //nolint:errorlint // Wait gives it as it is
	switch {
	case ctx.Err() != nil:
		return fault.Newf(fault.Unavailable, "%s: broken off while another program worked on it; run it again", m.Name)
	case ended && exit.ExitStatus() == 75:
		return fault.Newf(fault.Unavailable, "%s: another program has been working on it for %s; wait for it to end and run it again", m.Name, lockWait)
	case ended:
		return fault.Newf(fault.Unavailable, "%s: lock %s: %s; mend that and run it again", m.Name, Folder, masked(strings.TrimSpace(complaints.String())))
	case err == nil:
		return fault.Newf(fault.Unavailable, "%s: lock %s: no answer; run it again", m.Name, Folder)
	}
	return m.lost(err)
}

// holding goes on saying that the lock is needed, until it is freed.
func (m *Machine) holding(s *ssh.Session, in io.WriteCloser) func() {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if _, err := in.Write([]byte(".")); err != nil {
					return
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		_ = in.Close()
		_ = s.Wait()
		_ = s.Close()
	}
}
