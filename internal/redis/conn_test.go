package redis

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
)

// talking is a connection to a server that says what it is given, whatever it is asked.
func talking(t testing.TB, says string) *link {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	go func() { _, _ = io.Copy(io.Discard, there) }()
	go func() { _, _ = io.WriteString(there, says); there.Close() }()
	return &link{where: "there", conn: here, in: bufio.NewReader(here)}
}

func TestWhatIsNoAnswerBreaksAConnection(t *testing.T) {
	for name, says := range map[string]string{
		"nothing":               "",
		"another protocol":      "HTTP/1.1 400 Bad Request\r\n\r\n",
		"an endless line":       "+" + strings.Repeat("a", 1<<20),
		"a huge text":           "$99999999999\r\n",
		"a huge list":           "*99999999\r\n",
		"a deep list":           strings.Repeat("*1\r\n", 1000),
		"a text that ends":      "$10\r\nabc",
		"a length that is none": "$x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := talking(t, says)
			if _, err := c.do(context.Background(), "PING"); fault.KindOf(err) != fault.Unavailable {
				t.Fatalf("%v", err)
			}
			if _, err := c.do(context.Background(), "PING"); err == nil {
				t.Error("it is used again")
			}
		})
	}
}

func TestATransactionSaysWhichCommandWasRefused(t *testing.T) {
	c := talking(t, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n-ERR Rewriting config file: Permission denied\r\n")
	_, err := c.together(context.Background(), []string{"REPLICAOF", "a", "1"}, []string{"CONFIG", "REWRITE"})
	if err == nil || err.Error() != "redis at there: CONFIG REWRITE: ERR Rewriting config file: Permission denied" || fault.KindOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
}

func TestNoErrorShowsASecret(t *testing.T) {
	c := talking(t, "-ERR Error in ACL SETUSER modifier '#hash': no\r\n-ERR Invalid argument 'hash' for SENTINEL SET 'auth-pass'\r\n-WRONGPASS no\r\n")
	for _, words := range [][]string{{"ACL", "SETUSER", "orders", "#hash"}, {"SENTINEL", "SET", "main", "auth-pass", "hash"}, {"AUTH", "orders", "hash"}} {
		if _, err := c.do(context.Background(), words...); err == nil || strings.Contains(err.Error(), "hash") {
			t.Errorf("%v", err)
		}
	}
	l := Login{User: "orders", Password: "hash"}
	kept, _ := json.Marshal(struct{ Login Login }{l})
	if said := fmt.Sprintf("%v %+v %#v %s %s", l, l, Set{Login: l}, l, kept); strings.Contains(said, "hash") {
		t.Error(said)
	}
}

func TestWhoAsksCanStopWaiting(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	go func() { _, _ = io.Copy(io.Discard, there) }()
	c := &link{where: "there", conn: here, in: bufio.NewReader(here)}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.do(ctx, "PING"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "-ERR no\r\n", ":1\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*2\r\n$1\r\na\r\n*-1\r\n", "*1\r\n*1\r\n*0\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, said string) {
		c := &link{in: bufio.NewReader(strings.NewReader(said))}
		if r, err := c.read(deepest); err == nil {
			_, _ = r.pairs(), r.texts()
		}
	})
}

func FuzzInfo(f *testing.F) {
	f.Add("# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nslave0:ip=10.0.0.2,port=6379,state=online,offset=5,lag=1\r\ndb0:keys=3,expires=0\r\nmodule:name=search,ver=2\r\n")
	f.Fuzz(func(_ *testing.T, said string) {
		_ = parseInfo(said).facts(Instance{Name: "a"})
	})
}
