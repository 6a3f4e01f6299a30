package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
)

// Dial reaches a server: directly, through a tunnel, or by a forwarded port. Nothing is Go's own dialer.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Login is an account and its password. The zero value logs in nowhere. It prints as its user alone.
type Login struct {
	User     string
	Password string
}

// String is the user.
func (l Login) String() string { return l.User }

// GoString is the user, so that no format shows the password.
func (l Login) GoString() string { return "redis.Login{" + strconv.Quote(l.User) + "}" }

// MarshalText is the user.
func (l Login) MarshalText() ([]byte, error) { return []byte(l.User), nil }

// Given reports whether there is anything to log in with.
func (l Login) Given() bool { return l.Password != "" || l.User != "" }

// Bounds of an answer, and of how long one is waited for.
const (
	mostText  = 16 << 20
	mostItems = 1 << 20
	deepest   = 8
	patience  = 3 * time.Second
)

// link is one connection, so to one process of a server: what is sent over it never reaches the process that is started in its place. It is
// broken for good once anything went wrong on the way.
type link struct {
	where  string
	user   string // it logged in as
	conn   net.Conn
	in     *bufio.Reader
	broken error
}

// connect opens a connection and logs in.
func connect(ctx context.Context, address string, login Login, dial Dial) (*link, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "redis at %s: %w", address, err)
	}
	c := &link{where: address, user: "default", conn: conn, in: bufio.NewReader(conn)}
	if !login.Given() {
		return c, nil
	}
	words := []string{"AUTH", login.Password}
	if login.User != "" {
		c.user = login.User
		words = []string{"AUTH", login.User, login.Password}
	}
	if _, err := c.do(ctx, words...); err != nil {
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// close ends the connection.
func (c *link) close() error { return c.conn.Close() }

// reply is an answer: a text, a list, or a refusal.
type reply struct {
	text    string
	list    []reply
	refusal string
	null    bool
}

// do gives a command and returns its answer. A refusal by the server is an error: Denied when it is about rights, Unavailable when the server
// is loading or cannot be reached, else Conflict.
func (c *link) do(ctx context.Context, words ...string) (reply, error) {
	all, err := c.send(ctx, words)
	if err != nil {
		return reply{}, err
	}
	return all[0], c.refused(words, all[0])
}

// each gives several commands at once and returns an answer to each, refusals among them.
func (c *link) each(ctx context.Context, commands ...[]string) ([]reply, error) {
	return c.send(ctx, commands...)
}

// together gives commands that are carried out together, with nothing in between, and returns their answers. A command that is refused does not
// stop the others; the first refusal is returned.
func (c *link) together(ctx context.Context, commands ...[]string) ([]reply, error) {
	all, err := c.send(ctx, slices.Concat([][]string{{"MULTI"}}, commands, [][]string{{"EXEC"}})...)
	if err != nil {
		return nil, err
	}
	for i, words := range commands {
		if err := c.refused(words, all[i+1]); err != nil {
			return nil, err
		}
	}
	done := all[len(all)-1]
	if err := c.refused([]string{"EXEC"}, done); err != nil {
		return nil, err
	}
	if len(done.list) != len(commands) {
		return nil, c.breaks(fmt.Errorf("%d answers to %d commands", len(done.list), len(commands)))
	}
	for i, words := range commands {
		if err := c.refused(words, done.list[i]); err != nil {
			return done.list, err
		}
	}
	return done.list, nil
}

func (c *link) send(ctx context.Context, commands ...[]string) ([]reply, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	limit := time.Now().Add(patience)
	if d, ok := ctx.Deadline(); ok && d.Before(limit) {
		limit = d
	}
	if err := c.conn.SetDeadline(limit); err != nil {
		return nil, c.breaks(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(c.conn, encode(commands)); err != nil {
		return nil, c.breaks(err)
	}
	out := make([]reply, len(commands))
	for i := range commands {
		r, err := c.read(deepest)
		if err != nil {
			return nil, c.breaks(err)
		}
		out[i] = r
	}
	return out, nil
}

// breaks ends a connection of which nobody knows any more what has been read.
func (c *link) breaks(err error) error {
	c.broken = fault.Newf(fault.Unavailable, "redis at %s: %w", c.where, err)
	_ = c.conn.Close()
	return c.broken
}

func encode(commands [][]string) string {
	var b strings.Builder
	for _, words := range commands {
		fmt.Fprintf(&b, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
		}
	}
	return b.String()
}

// containers are commands whose second word says what they do.
var containers = []string{"ACL", "CLIENT", "COMMAND", "CONFIG", "MODULE", "SENTINEL"}

// name is what of a command may be shown: never a value.
func name(words []string) string {
	if len(words) > 1 && slices.Contains(containers, words[0]) {
		return words[0] + " " + words[1]
	}
	return words[0]
}

func (c *link) refused(words []string, r reply) error {
	if r.refusal == "" {
		return nil
	}
	said := r.refusal
	if words[0] == "ACL" || name(words) == "SENTINEL SET" {
		said, _, _ = strings.Cut(said, " ") // the rest may quote a hash or a password
	}
	return fault.Newf(kindOf(r.refusal), "redis at %s: %s: %s", c.where, name(words), said)
}

func kindOf(refusal string) fault.Kind {
	if strings.HasPrefix(refusal, "ERR AUTH ") { // it has no password, and was given one
		return fault.Denied
	}
	switch code, _, _ := strings.Cut(refusal, " "); code {
	case "NOPERM", "NOAUTH", "WRONGPASS":
		return fault.Denied
	case "LOADING", "MASTERDOWN", "BUSY":
		return fault.Unavailable
	}
	return fault.Conflict
}

func (c *link) line() (string, error) {
	const longest = 64 << 10
	var all []byte
	for {
		part, err := c.in.ReadSlice('\n')
		all = append(all, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		if len(all) > longest {
			return "", errors.New("an answer's line is too long")
		}
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(all), "\n"), "\r"), nil
}

// read is an answer in Redis's protocol, version 2 (redis.io/docs/latest/develop/reference/protocol-spec).
func (c *link) read(depth int) (reply, error) {
	line, err := c.line()
	if err != nil {
		return reply{}, err
	}
	if line == "" || depth == 0 {
		return reply{}, errors.New("this is no answer of Redis")
	}
	switch line[0] {
	case '+', ':':
		return reply{text: line[1:]}, nil
	case '-':
		return reply{refusal: line[1:]}, nil
	case '$':
		return c.bulk(line[1:])
	case '*':
		return c.array(line[1:], depth)
	}
	return reply{}, errors.New("this is no answer of Redis")
}

func size(word string, most int) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n > most {
		return 0, errors.New("an answer is too large, or none of Redis")
	}
	return n, nil
}

func (c *link) bulk(word string) (reply, error) {
	n, err := size(word, mostText)
	if err != nil || n < 0 {
		return reply{null: true}, err
	}
	text := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(c.in, text); err != nil {
		return reply{}, err
	}
	return reply{text: string(text[:n])}, nil
}

func (c *link) array(word string, depth int) (reply, error) {
	n, err := size(word, mostItems)
	if err != nil || n < 0 {
		return reply{null: true}, err
	}
	var out reply
	for range n {
		item, err := c.read(depth - 1)
		if err != nil {
			return reply{}, err
		}
		out.list = append(out.list, item)
	}
	return out, nil
}

// pairs reads a list of names and values that follow each other.
func (r reply) pairs() map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(r.list); i += 2 {
		out[r.list[i].text] = r.list[i+1].text
	}
	return out
}

// texts are the texts of a list.
func (r reply) texts() []string {
	out := make([]string, len(r.list))
	for i, item := range r.list {
		out[i] = item.text
	}
	return out
}
