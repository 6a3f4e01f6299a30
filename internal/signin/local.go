package signin

import (
	"crypto/subtle"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
)

// link is the one-time link of whoever runs the program, and the sessions it opened. They end with the program.
type link struct {
	mu       sync.Mutex
	hash     string // of the secret that opens the next session; "" for none
	tell     func(secret string)
	sessions map[string]stay // by hash
}

type stay struct{ seen, ends time.Time }

// Bounds of sessions that a link opened.
const (
	localSession  = 12 * time.Hour
	localIdle     = 4 * time.Hour
	localSessions = 32
)

// Link makes one-time secrets: tell gets the first now, and the next as soon as one was used. Nothing happens where a provider lets people in.
func (d *Door) Link(tell func(secret string)) {
	if d.o.Provider != nil {
		return
	}
	d.link.mu.Lock()
	defer d.link.mu.Unlock()
	d.link.tell = tell
	d.link.next()
}

func (l *link) next() {
	secret := newSecret()
	l.hash = hashOf(secret)
	l.tell(secret)
}

// Redeem opens a session of whoever runs the program for the secret of the one-time link, which is good no longer. Denied for any other.
func (d *Door) Redeem(secret string) (session string, err error) {
	l := &d.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.o.Provider != nil || l.hash == "" || subtle.ConstantTimeCompare([]byte(l.hash), []byte(hashOf(secret))) != 1 {
		return "", fault.Newf(fault.Denied, "that link was used already, or is not the last that caravan serve printed; take the one at the end of its output")
	}
	session = newSecret()
	now := d.o.Now()
	l.forget(now)
	l.sessions[hashOf(session)] = stay{seen: now, ends: now.Add(localSession)}
	l.next()
	return session, nil
}

// forget takes out what is over, and whoever was not seen for longest when there is still no room.
func (l *link) forget(now time.Time) {
	oldest := ""
	for hash, s := range l.sessions {
		if s.over(now) {
			delete(l.sessions, hash)
			continue
		}
		if oldest == "" || s.seen.Before(l.sessions[oldest].seen) {
			oldest = hash
		}
	}
	if len(l.sessions) >= localSessions {
		delete(l.sessions, oldest)
	}
}

func (s stay) over(now time.Time) bool { return !now.Before(s.ends) || now.Sub(s.seen) > localIdle }

// stays is whoever runs the program, for a session that is not over.
func (d *Door) stays(secret string) (rights.Person, error) {
	d.link.mu.Lock()
	defer d.link.mu.Unlock()
	hash, now := hashOf(secret), d.o.Now()
	s, ok := d.link.sessions[hash]
	if !ok || s.over(now) {
		delete(d.link.sessions, hash)
		return rights.Person{}, fault.Newf(fault.NotFound, "that session is over; open the link that caravan serve printed last")
	}
	s.seen = now
	d.link.sessions[hash] = s
	return d.o.Runner, nil
}

func (d *Door) leaves(secret string) {
	d.link.mu.Lock()
	defer d.link.mu.Unlock()
	delete(d.link.sessions, hashOf(secret))
}

func lower(mail string) string { return strings.ToLower(strings.TrimSpace(mail)) }
