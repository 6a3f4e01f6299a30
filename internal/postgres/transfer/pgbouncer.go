package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"example.org/caravan/internal/fault"
)

// PgBouncer holds clients of a pooler: their connections stay open and their next transaction waits. It must pool transactions or statements;
// one that pools sessions can only wait until clients leave.
type PgBouncer struct {
	Name      string
	Admin     Address // its console
	Login     Login   // an admin_users of it
	Dial      pgconn.DialFunc
	Databases []string                                                             // as it calls them
	Edit      func(ctx context.Context, change func(string) (string, error)) error // changes its configuration file, wherever it is kept
}

// Hold is PAUSE.
func (b PgBouncer) Hold(ctx context.Context) error {
	return b.each(ctx, "PAUSE", "already suspended/paused")
}

// Check reads its file as Redirect will, and asks its console for nothing much.
func (b PgBouncer) Check(ctx context.Context, to Server) error {
	err := b.Edit(ctx, func(text string) (string, error) {
		_, err := b.led(text, to)
		return text, err
	})
	if err != nil {
		return err
	}
	return b.say(ctx, []string{"SHOW VERSION"}, "")
}

// Redirect points its databases to another server, and has it read that.
func (b PgBouncer) Redirect(ctx context.Context, to Server) error {
	err := b.Edit(ctx, func(text string) (string, error) { return b.led(text, to) })
	if err != nil {
		return err
	}
	return b.say(ctx, []string{"RELOAD"}, "")
}

// led is its file with its databases pointed to a server.
func (b PgBouncer) led(text string, to Server) (string, error) {
	at, _ := to.peer()
	for _, name := range b.Databases {
		var err error
		if text, err = pointed(text, name, at); err != nil {
			return "", err
		}
	}
	return text, nil
}

// Release is RESUME.
func (b PgBouncer) Release(ctx context.Context) error {
	return b.each(ctx, "RESUME", "is not paused")
}

func (b PgBouncer) each(ctx context.Context, word, done string) error {
	all := make([]string, len(b.Databases))
	for i, name := range b.Databases {
		all[i] = word + ` "` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return b.say(ctx, all, done)
}

// say has the console do something; what it answers with done has been done before.
func (b PgBouncer) say(ctx context.Context, commands []string, done string) error {
	config, err := pgconn.ParseConfig(conninfo(b.Admin, b.Login, "pgbouncer", nil))
	if err != nil {
		return fault.Newf(fault.Invalid, "%s: its address %s is none of PgBouncer's", b.Name, b.Admin)
	}
	if b.Dial != nil {
		config.DialFunc = b.Dial
		config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	maps.Copy(config.RuntimeParams, map[string]string{"application_name": application})
	config.ConnectTimeout = connectTimeout
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return Server{Name: b.Name, Address: b.Admin, Login: b.Login}.unreachable("its console", err)
	}
	defer func() { _ = c.Close(ctx) }()
	for _, command := range commands {
		_, err := c.Exec(ctx, command).ReadAll()
		var refused *pgconn.PgError
		if errors.As(err, &refused) && done != "" && strings.Contains(refused.Message, done) {
			continue
		}
		if ctx.Err() != nil {
			return fault.Newf(fault.Conflict, "%s: %s did not come to its end: a client is in a transaction all the time, or pool_mode is session", b.Name, command)
		}
		if err != nil {
			return fault.Newf(fault.Unavailable, "%s: %s: %w", b.Name, command, err)
		}
	}
	return nil
}

// pointed is pgbouncer.ini with one of its databases at another address; all else of the line stays.
func pointed(ini, database string, at Address) (string, error) {
	section, found := "", false
	lines := strings.SplitAfter(ini, "\n")
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") {
			section = trimmed
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if section != "[databases]" || !ok || strings.HasPrefix(trimmed, ";") || strings.HasPrefix(trimmed, "#") || strings.Trim(strings.TrimSpace(name), `"`) != database {
			continue
		}
		found = true
		body := strings.TrimRight(value, "\r\n")
		lines[i] = name + "=" + repointed(body, at) + value[len(body):]
	}
	if !found {
		return "", fault.Newf(fault.NotFound, "pgbouncer.ini has no line for %s in [databases]; write one, as a database that only * stands for cannot be moved alone", database)
	}
	return strings.Join(lines, ""), nil
}

// repointed is the value of a database of PgBouncer with another host and port.
func repointed(value string, at Address) string {
	var kept []string
	for _, word := range words(value) {
		key, _, _ := strings.Cut(word, "=")
		if key := strings.TrimSpace(key); key != "host" && key != "port" && key != "hostaddr" {
			kept = append(kept, word)
		}
	}
	return " " + strings.Join(append([]string{fmt.Sprintf("host=%s port=%s", at.Host, strconv.Itoa(int(at.Port)))}, kept...), " ")
}

// words are the parts of a connection string, which white space divides outside quotes, but not around the sign between a key and its value.
func words(s string) []string {
	const blanks = " \t"
	var out []string
	word, quoted := "", false
	for i, c := range s {
		if c == '\'' {
			quoted = !quoted
		}
		if !strings.ContainsRune(blanks, c) || quoted {
			word += string(c)
			continue
		}
		if word != "" && !strings.HasSuffix(word, "=") && !strings.HasPrefix(strings.TrimLeft(s[i:], blanks), "=") {
			out = append(out, word)
			word = ""
		}
	}
	if word != "" {
		out = append(out, word)
	}
	return out
}
