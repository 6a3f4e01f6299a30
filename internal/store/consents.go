package store

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/message"
)

// Agree keeps green lights of an expansion, each with its line in the audit, which says why or from where. One that stands already is
// left as it is. The lights that are new are returned.
func (s *Store) Agree(ctx context.Context, expansion string, lights []consent.GreenLight, why string) ([]consent.GreenLight, error) {
	var out []consent.GreenLight
	err := s.change(ctx, "keep a green light in", func(c *changing) error {
		for _, l := range lights {
			n, err := c.count(`
				INSERT INTO green_lights (expansion, step, digest, team, person, stands_in, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (expansion, step, digest, team, person, stands_in) WHERE revoked IS NULL DO NOTHING`,
				text(expansion), text(string(l.Step)), string(l.Digest), text(string(l.Team)), text(l.By), text(l.For), l.At.UnixMicro())
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			out = append(out, l)
			if err := c.note(Entry{At: l.At, By: l.By, What: "green light of " + string(l.Team), Expansion: expansion, Subject: string(l.Step), Why: why, Digest: l.Digest}); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Revoke takes the standing green lights of a person for a team back, for one step or for all of the expansion's that have not
// begun. Conflict when the one step began; NotFound when there is nothing to take back.
func (s *Store) Revoke(ctx context.Context, expansion string, team estate.TeamName, by string, step journey.StepID, at time.Time) (int, error) {
	revoked := 0
	err := s.change(ctx, "take a green light back in", func(c *changing) error {
		lights, err := c.lights(expansion)
		if err != nil {
			return err
		}
		began, err := c.began(expansion)
		if err != nil {
			return err
		}
		for _, l := range lights {
			if l.Team != team || l.By != by || step != "" && l.Step != step || !l.Revoked.IsZero() {
				continue
			}
			if _, err := l.Revoke(at, began[l.Step]); err != nil {
				if step != "" {
					return err
				}
				continue
			}
			revoked++
			if err := c.revoke(expansion, l, at); err != nil {
				return err
			}
		}
		if revoked == 0 {
			return fault.Newf(fault.NotFound, "no green light of %s by %s stands that could be taken back; run caravan status %s to see who agreed", team, by, expansion)
		}
		return nil
	})
	return revoked, err
}

func (c *changing) revoke(expansion string, l consent.GreenLight, at time.Time) error {
	err := c.exec(`UPDATE green_lights SET revoked = $1 WHERE expansion = $2 AND step = $3 AND digest = $4 AND team = $5 AND person = $6 AND stands_in = $7 AND revoked IS NULL`,
		at.UnixMicro(), text(expansion), text(string(l.Step)), string(l.Digest), text(string(l.Team)), text(l.By), text(l.For))
	if err != nil {
		return err
	}
	return c.note(Entry{At: at, By: l.By, What: "green light of " + string(l.Team) + " taken back", Expansion: expansion, Subject: string(l.Step), Digest: l.Digest})
}

// began is when steps of the expansion's open run began.
func (c *changing) began(expansion string) (map[journey.StepID]time.Time, error) {
	out := map[journey.StepID]time.Time{}
	err := c.each(`SELECT s.step, s.began FROM run_steps s JOIN runs r ON r.id = s.run WHERE r.expansion = $1 AND r.state IN ('running', 'paused', 'stopped') AND s.state IN ('doing', 'done')`,
		[]any{text(expansion)}, func(row *sql.Rows) error {
			var step journey.StepID
			var at sql.NullInt64
			err := row.Scan(&step, &at)
			out[step] = moment(at)
			return err
		})
	return out, err
}

// Lights are the green lights of an expansion, those taken back too, in the order they were given.
func (s *Store) Lights(ctx context.Context, expansion string) ([]consent.GreenLight, error) {
	out, err := lights(ctx, s.db, expansion)
	return out, s.explain("read the green lights of", err)
}

func (c *changing) lights(expansion string) ([]consent.GreenLight, error) {
	return lights(c.ctx, c.tx, expansion)
}

func lights(ctx context.Context, in querier, expansion string) ([]consent.GreenLight, error) {
	var out []consent.GreenLight
	err := eachOf(ctx, in, `SELECT step, digest, team, person, stands_in, at, revoked FROM green_lights WHERE expansion = $1 ORDER BY id`, []any{text(expansion)}, func(row *sql.Rows) error {
		var l consent.GreenLight
		var at, revoked sql.NullInt64
		err := row.Scan(&l.Step, &l.Digest, &l.Team, &l.By, &l.For, &at, &revoked)
		l.At, l.Revoked = moment(at), moment(revoked)
		out = append(out, l)
		return err
	})
	return out, err
}

// Veto keeps a team's no; where it was said is for the audit. Conflict when the team's veto of the step stands already.
func (s *Store) Veto(ctx context.Context, expansion string, v consent.Veto, where string) error {
	if err := v.Check(); err != nil {
		return err
	}
	return s.change(ctx, "keep a veto in", func(c *changing) error {
		n, err := c.count(`INSERT INTO vetoes (expansion, step, team, person, reason, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (expansion, step, team) WHERE withdrawn IS NULL DO NOTHING`,
			text(expansion), text(string(v.Step)), text(string(v.Team)), text(v.By), text(v.Reason), v.At.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.Conflict, "%s has vetoed it already; withdraw that veto first to give another reason", v.Team)
		}
		why := v.Reason
		if where != "" {
			why += " (" + where + ")"
		}
		return c.note(Entry{At: v.At, By: v.By, What: "veto of " + string(v.Team), Expansion: expansion, Subject: string(v.Step), Why: why})
	})
}

// Withdraw takes a team's veto back. NotFound when none stands.
func (s *Store) Withdraw(ctx context.Context, expansion string, v consent.Veto) error {
	return s.change(ctx, "withdraw a veto in", func(c *changing) error {
		n, err := c.count(`UPDATE vetoes SET withdrawn = $1 WHERE expansion = $2 AND step = $3 AND team = $4 AND withdrawn IS NULL`,
			v.At.UnixMicro(), text(expansion), text(string(v.Step)), text(string(v.Team)))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.NotFound, "no veto of %s stands against %s; run caravan status %s to see those that do, and name the step (--step)", v.Team, cmp.Or(string(v.Step), "the whole journey"), expansion)
		}
		return c.note(Entry{At: v.At, By: v.By, What: "veto of " + string(v.Team) + " withdrawn", Expansion: expansion, Subject: string(v.Step), Why: v.Reason})
	})
}

// Vetoes are the vetoes of an expansion, those withdrawn too, in the order they were made.
func (s *Store) Vetoes(ctx context.Context, expansion string) ([]consent.Veto, error) {
	out, err := vetoes(ctx, s.db, expansion)
	return out, s.explain("read the vetoes of", err)
}

func vetoes(ctx context.Context, in querier, expansion string) ([]consent.Veto, error) {
	var out []consent.Veto
	err := eachOf(ctx, in, `SELECT step, team, person, reason, at, withdrawn FROM vetoes WHERE expansion = $1 ORDER BY id`, []any{text(expansion)}, func(row *sql.Rows) error {
		var v consent.Veto
		var at, withdrawn sql.NullInt64
		err := row.Scan(&v.Step, &v.Team, &v.By, &v.Reason, &at, &withdrawn)
		v.At, v.Withdrawn = moment(at), moment(withdrawn)
		out = append(out, v)
		return err
	})
	return out, err
}

// Question is that a team was asked about a step as it is.
type Question struct {
	Step   journey.StepID
	Digest estate.Digest
	Team   estate.TeamName
	At     time.Time
}

// Ask keeps when teams were first asked, and gives when each was, in the order of the questions. What they are told of it is kept with it.
func (s *Store) Ask(ctx context.Context, expansion string, questions []Question, told []message.Message) ([]Question, error) {
	out := make([]Question, len(questions))
	err := s.change(ctx, "keep a question in", func(c *changing) error {
		for i, q := range questions {
			var at int64
			err := c.tx.QueryRowContext(ctx, `
				INSERT INTO asked (expansion, step, digest, team, at) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (expansion, step, digest, team) DO UPDATE SET at = asked.at RETURNING at`,
				text(expansion), text(string(q.Step)), string(q.Digest), text(string(q.Team)), q.At.UnixMicro()).Scan(&at)
			if err != nil {
				return err
			}
			q.At = time.UnixMicro(at).UTC()
			out[i] = q
		}
		_, err := c.tell(told)
		return err
	})
	return out, err
}

// Due says who is to be told of silence, with what stands now, and in which words.
type Due func(lights []consent.GreenLight, vetoes []consent.Veto, asked map[consent.Ask]consent.Asked) ([]consent.Nudge, []message.Message, error)

// Remind keeps who is told that teams are silent, and that they were, in one transaction: several programs that find the same due at
// once tell it once.
func (s *Store) Remind(ctx context.Context, expansion string, at time.Time, due Due) error {
	return s.change(ctx, "keep a reminder in", func(c *changing) error {
		lights, err := c.lights(expansion)
		if err != nil {
			return err
		}
		against, err := vetoes(ctx, c.tx, expansion)
		if err != nil {
			return err
		}
		asked, err := c.asked(expansion)
		if err != nil {
			return err
		}
		nudges, told, err := due(lights, against, asked)
		if err != nil || len(nudges) == 0 {
			return err
		}
		if _, err := c.tell(told); err != nil {
			return err
		}
		for ask, when := range consent.Recorded(asked, nudges, at) {
			if when == asked[ask] {
				continue
			}
			if err := c.exec(`UPDATE asked SET reminded = $1, escalated = $2 WHERE expansion = $3 AND step = $4 AND digest = $5 AND team = $6`,
				micro(when.Reminded), micro(when.Escalated), text(expansion), text(string(ask.Step)), string(ask.Digest), text(string(ask.Team))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Asked are the expansions about which somebody was asked, by name.
func (s *Store) Asked(ctx context.Context) ([]string, error) {
	var out []string
	err := s.each(ctx, `SELECT DISTINCT expansion FROM asked ORDER BY expansion`, nil, func(row *sql.Rows) error {
		out = append(out, "")
		return row.Scan(&out[len(out)-1])
	})
	return out, s.explain("list what was asked in", err)
}

// asked is what teams were asked, and when they were told of their silence.
func (c *changing) asked(expansion string) (map[consent.Ask]consent.Asked, error) {
	out := map[consent.Ask]consent.Asked{}
	err := c.each(`SELECT step, digest, team, at, reminded, escalated FROM asked WHERE expansion = $1`, []any{text(expansion)}, func(row *sql.Rows) error {
		var ask consent.Ask
		var at, reminded, escalated sql.NullInt64
		err := row.Scan(&ask.Step, &ask.Digest, &ask.Team, &at, &reminded, &escalated)
		out[ask] = consent.Asked{At: moment(at), Reminded: moment(reminded), Escalated: moment(escalated)}
		return err
	})
	return out, err
}
