package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
)

// DeliveryState is how far a message is.
type DeliveryState string

// The states of a message.
const (
	Waiting DeliveryState = "waiting" // to be sent, or sent again
	Sending DeliveryState = "sending"
	Sent    DeliveryState = "sent"
	Undone  DeliveryState = "failed" // for good, until somebody mends it and has it tried again
)

// Delivery is a message and what became of it.
type Delivery struct {
	Kind      message.Kind    `json:"kind"`
	Expansion string          `json:"expansion"`
	Wave      int             `json:"wave,omitempty"`
	Team      estate.TeamName `json:"team,omitempty"`
	Channel   message.Channel `json:"channel,omitempty"` // "" when nobody can be reached
	To        string          `json:"to,omitempty"`
	Title     string          `json:"title"`
	At        time.Time       `json:"at"` // when it was to be told
	State     DeliveryState   `json:"state" enum:"waiting,sending,sent,failed"`
	Attempts  int             `json:"attempts"`
	Next      time.Time       `json:"next,omitzero"`     // attempt, of one that waits
	Error     string          `json:"error,omitempty"`   // of the last attempt
	Receipt   string          `json:"receipt,omitempty"` // what the channel gave for it
	Ended     time.Time       `json:"ended,omitzero"`    // when it was sent, or given up
	Letter    string          `json:"letter,omitempty"`  // what it went out in, with others
}

// Tell keeps what is to be told. What was told already is left as it is; how much is new is returned.
func (s *Store) Tell(ctx context.Context, told []message.Message) (int, error) {
	n := 0
	err := s.change(ctx, "keep a message in", func(c *changing) (err error) {
		n, err = c.tell(told)
		return err
	})
	return n, err
}

func (c *changing) tell(told []message.Message) (int, error) {
	n := int64(0)
	for _, m := range told {
		packed, err := pack(m)
		if err != nil {
			return 0, err
		}
		one, err := c.count(`
			INSERT INTO messages (key, kind, expansion, wave, team, channel, address, bundle, title, at, due, lacks, content)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (key) DO NOTHING`,
			string(m.Key), string(m.Kind), text(m.Expansion), m.Wave, text(string(m.Team)), string(m.Channel), text(m.To), text(m.Bundle), text(m.Title),
			m.At.UnixMicro(), m.Due.UnixMicro(), text(m.Lacks), packed)
		if err != nil {
			return 0, err
		}
		n += one
	}
	return int(n), nil
}

// Unheard are the lines of the audit that nobody was told of yet, in their order, and the last that was before them. A limit of 0 means 100.
func (s *Store) Unheard(ctx context.Context, limit int) (entries []Entry, after int64, err error) {
	if err := s.db.QueryRowContext(ctx, `SELECT line FROM heard WHERE one = 1`).Scan(&after); err != nil {
		return nil, 0, s.explain("read the news in", err)
	}
	err = s.each(ctx, `SELECT `+entryColumns+` FROM audit WHERE id > $1 ORDER BY id LIMIT $2`, []any{after, atMost(limit)}, func(row *sql.Rows) error {
		e, err := scanEntry(row)
		entries = append(entries, e)
		return err
	})
	return entries, after, s.explain("read the news in", err)
}

// Heard keeps what is told of the lines of the audit after one up to another; nothing when another program did so meanwhile.
func (s *Store) Heard(ctx context.Context, after, upTo int64, told []message.Message) error {
	return s.change(ctx, "keep the news in", func(c *changing) error {
		n, err := c.count(`UPDATE heard SET line = $1 WHERE one = 1 AND line = $2`, upTo, after)
		if err != nil || n == 0 {
			return err
		}
		_, err = c.tell(told)
		return err
	})
}

// mostTogether is how many messages go out in one letter; what is beyond goes in the next.
const mostTogether = 100

// Claim gives a letter that is due over one of some channels to a program to send, and nobody else until a moment: one that is tried again, or all
// that waits for one address. A letter without an ID when none is due.
func (s *Store) Claim(ctx context.Context, worker string, over []message.Channel, now, until time.Time) (message.Letter, error) {
	var l message.Letter
	if len(over) == 0 {
		return l, nil
	}
	err := s.change(ctx, "claim a letter in", func(c *changing) error {
		l = message.Letter{} // should this be done again
		found, err := c.open(over, now)
		if err != nil {
			return err
		}
		if found == "" {
			if found, err = c.bundle(over, now); err != nil || found == "" {
				return err
			}
		}
		if err := c.exec(`UPDATE letters SET state = 'sending', worker = $1, until = $2, attempts = attempts + 1 WHERE id = $3`, worker, until.UnixMicro(), found); err != nil {
			return err
		}
		l, err = c.letter(found)
		return err
	})
	return l, err
}

// among is a list of channels as a statement has it, and its arguments.
func among(over []message.Channel, first int) (string, []any) {
	var marks []string
	var args []any
	for i, channel := range over {
		marks = append(marks, "$"+string(rune('0'+first+i)))
		args = append(args, string(channel))
	}
	return "(" + strings.Join(marks, ", ") + ")", args
}

// open is a letter that is to be tried again, or that a program left lying; "" for none.
func (c *changing) open(over []message.Channel, now time.Time) (found string, err error) {
	in, args := among(over, 2)
	err = c.each(`SELECT id FROM letters WHERE (state = 'waiting' AND due <= $1 OR state = 'sending' AND until <= $1) AND channel IN `+in+` ORDER BY due, id LIMIT 1`,
		append([]any{now.UnixMicro()}, args...), func(row *sql.Rows) error { return row.Scan(&found) })
	return found, err
}

// bundle makes a letter of what waits for an address, if any of it is due; "" for none.
func (c *changing) bundle(over []message.Channel, now time.Time) (string, error) {
	var at message.Address
	var bundle string
	in, args := among(over, 2)
	err := c.each(`
		SELECT channel, address, bundle FROM messages WHERE letter IS NULL AND lacks = '' AND channel IN `+in+`
		GROUP BY channel, address, bundle HAVING min(due) <= $1 ORDER BY min(due), channel, address, bundle LIMIT 1`,
		append([]any{now.UnixMicro()}, args...), func(row *sql.Rows) error { return row.Scan(&at.Channel, &at.To, &bundle) })
	if err != nil || at.Channel == "" {
		return "", err
	}
	var all []message.Message
	var ids []int64
	err = c.each(`SELECT id, key FROM messages WHERE letter IS NULL AND lacks = '' AND channel = $1 AND address = $2 AND bundle = $3 ORDER BY id LIMIT $4`,
		[]any{string(at.Channel), at.To, bundle, mostTogether}, func(row *sql.Rows) error {
			var m message.Message
			var id int64
			err := row.Scan(&id, &m.Key)
			all, ids = append(all, m), append(ids, id)
			return err
		})
	if err != nil {
		return "", err
	}
	thread, err := c.thread(at, bundle)
	if err != nil {
		return "", err
	}
	letter := message.IDOf(all)
	if err := c.exec(`INSERT INTO letters (id, channel, address, thread, state, attempts, due, worker, error, receipt) VALUES ($1, $2, $3, $4, 'waiting', 0, $5, '', '', '')`,
		letter, string(at.Channel), at.To, thread, now.UnixMicro()); err != nil {
		return "", err
	}
	for _, id := range ids {
		if err := c.exec(`UPDATE messages SET letter = $1 WHERE id = $2`, letter, id); err != nil {
			return "", err
		}
	}
	return letter, nil
}

// thread is the receipt of the last announcement that Slack's reminders of an expansion answer; "" when there is none.
func (c *changing) thread(at message.Address, expansion string) (receipt string, err error) {
	if at.Channel != message.Slack || expansion == "" {
		return "", nil
	}
	err = c.each(`
		SELECT l.receipt FROM letters l JOIN messages m ON m.letter = l.id
		WHERE m.kind = 'announcement' AND m.expansion = $1 AND l.channel = $2 AND l.address = $3 AND l.state = 'sent' ORDER BY m.id DESC LIMIT 1`,
		[]any{expansion, string(at.Channel), at.To}, func(row *sql.Rows) error { return row.Scan(&receipt) })
	return receipt, err
}

// letter is a letter with all that is in it.
func (c *changing) letter(id string) (message.Letter, error) {
	l := message.Letter{ID: id}
	err := c.tx.QueryRowContext(c.ctx, `SELECT channel, address, thread, attempts FROM letters WHERE id = $1`, id).Scan(&l.Channel, &l.To, &l.Thread, &l.Attempt)
	if err != nil {
		return l, err
	}
	err = c.each(`SELECT content FROM messages WHERE letter = $1 ORDER BY id`, []any{id}, func(row *sql.Rows) error {
		var packed []byte
		if err := row.Scan(&packed); err != nil {
			return err
		}
		var m message.Message
		if err := unpack(packed, &m); err != nil {
			return fault.Newf(fault.Invalid, "letter %s is damaged; restore the database", id)
		}
		l.Messages = append(l.Messages, m)
		return nil
	})
	return l, err
}

// Posted is the letter that was sent with a receipt. NotFound when there is none.
func (s *Store) Posted(ctx context.Context, over message.Channel, receipt string) (message.Letter, error) {
	var l message.Letter
	err := s.change(ctx, "read a letter of", func(c *changing) error {
		id := ""
		if err := c.each(`SELECT id FROM letters WHERE channel = $1 AND receipt = $2 AND state = 'sent'`, []any{string(over), receipt}, func(row *sql.Rows) error { return row.Scan(&id) }); err != nil {
			return err
		}
		if id == "" {
			return fault.Newf(fault.NotFound, "no letter %s was sent", receipt)
		}
		var err error
		l, err = c.letter(id)
		return err
	})
	return l, err
}

// MarkSent keeps that a program sent a letter, with what the channel gave for it. Not when the letter is not the program's any more.
func (s *Store) MarkSent(ctx context.Context, letter, worker, receipt string, at time.Time) error {
	return s.change(ctx, "keep a receipt in", func(c *changing) error {
		return c.exec(`UPDATE letters SET state = 'sent', worker = '', until = NULL, error = '', receipt = $1, ended = $2 WHERE id = $3 AND state = 'sending' AND worker = $4`,
			text(receipt), at.UnixMicro(), letter, worker)
	})
}

// MarkFailed keeps why a program could not send a letter, and when it is tried again; never for a zero moment.
func (s *Store) MarkFailed(ctx context.Context, letter, worker, why string, at, next time.Time) error {
	return s.change(ctx, "keep a failure in", func(c *changing) error {
		if next.IsZero() {
			return c.exec(`UPDATE letters SET state = 'failed', worker = '', until = NULL, error = $1, ended = $2 WHERE id = $3 AND state = 'sending' AND worker = $4`,
				text(why), at.UnixMicro(), letter, worker)
		}
		return c.exec(`UPDATE letters SET state = 'waiting', worker = '', until = NULL, error = $1, due = $2 WHERE id = $3 AND state = 'sending' AND worker = $4`,
			text(why), next.UnixMicro(), letter, worker)
	})
}

// Hasten lets everything that waits of an expansion be sent now, and what failed be tried again from the beginning. How many messages that
// are is returned.
func (s *Store) Hasten(ctx context.Context, expansion string, now time.Time) (int, error) {
	total := int64(0)
	err := s.change(ctx, "send messages of", func(c *changing) error {
		total = 0
		n, err := c.count(`UPDATE messages SET due = $1 WHERE expansion = $2 AND letter IS NULL AND lacks = ''`, now.UnixMicro(), text(expansion))
		if err != nil {
			return err
		}
		total += n
		const theirs = `id IN (SELECT letter FROM messages WHERE expansion = $2) AND state IN ('waiting', 'failed')`
		if err := c.each(`SELECT count(*) FROM messages WHERE letter IN (SELECT id FROM letters WHERE `+strings.ReplaceAll(theirs, "$2", "$1")+`)`,
			[]any{text(expansion)}, func(row *sql.Rows) error { return row.Scan(&n) }); err != nil {
			return err
		}
		total += n
		return c.exec(`UPDATE letters SET due = $1, attempts = CASE WHEN state = 'failed' THEN 0 ELSE attempts END, state = 'waiting', ended = NULL WHERE `+theirs, now.UnixMicro(), text(expansion))
	})
	return int(total), err
}

// Messages are what was told, and what became of it, the last first: of all expansions for "", else of one. A limit of 0 means 100.
func (s *Store) Messages(ctx context.Context, expansion string, limit int) ([]Delivery, error) {
	where, args := ``, []any{atMost(limit)}
	if expansion != "" {
		where, args = `WHERE m.expansion = $2`, append(args, text(expansion))
	}
	var out []Delivery
	err := s.each(ctx, `
		SELECT m.kind, m.expansion, m.wave, m.team, m.channel, m.address, m.title, m.at, m.due, m.lacks,
			coalesce(l.id, ''), coalesce(l.state, 'waiting'), coalesce(l.attempts, 0), l.due, coalesce(l.error, ''), coalesce(l.receipt, ''), l.ended
		FROM messages m LEFT JOIN letters l ON l.id = m.letter `+where+` ORDER BY m.id DESC LIMIT $1`, args, func(row *sql.Rows) error {
		var d Delivery
		var at, due, again, ended sql.NullInt64
		var lacks string
		err := row.Scan(&d.Kind, &d.Expansion, &d.Wave, &d.Team, &d.Channel, &d.To, &d.Title, &at, &due, &lacks,
			&d.Letter, &d.State, &d.Attempts, &again, &d.Error, &d.Receipt, &ended)
		d.At, d.Ended = moment(at), moment(ended)
		switch {
		case lacks != "":
			d.State, d.Error, d.Ended = Undone, lacks, d.At
		case d.State == Waiting && again.Valid:
			d.Next = moment(again)
		case d.State == Waiting:
			d.Next = moment(due)
		}
		out = append(out, d)
		return err
	})
	return out, s.explain("list the messages in", err)
}

// TakeOnce reports whether a request of others is taken in for the first time. It is remembered until a moment.
func (s *Store) TakeOnce(ctx context.Context, key string, now, until time.Time) (bool, error) {
	first := false
	err := s.change(ctx, "take in a request in", func(c *changing) error {
		if err := c.exec(`DELETE FROM taken WHERE until < $1`, now.UnixMicro()); err != nil {
			return err
		}
		n, err := c.count(`INSERT INTO taken (key, until) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, text(key), until.UnixMicro())
		first = n == 1
		return err
	})
	return first, err
}
