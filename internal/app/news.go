package app

import (
	"context"
	"strings"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/store"
)

const (
	linesAtOnce = 500            // of the audit, for which news are written
	stale       = 24 * time.Hour // older than that is nobody's news
)

// collectNews reads on in the audit, where each line was written in the transaction of what it says, and keeps what teams are told of it.
func (a *App) collectNews(ctx context.Context, now time.Time) error {
	for {
		lines, after, err := a.store.Unheard(ctx, linesAtOnce)
		if err != nil || len(lines) == 0 {
			return err
		}
		var told []message.Message
		for _, e := range lines {
			if !a.speaks() || now.Sub(e.At) > stale {
				continue
			}
			some, err := a.newsOf(ctx, e, now)
			if err != nil {
				return err
			}
			told = append(told, some...)
		}
		if err := a.store.Heard(ctx, after, lines[len(lines)-1].ID, told); err != nil {
			return err
		}
		if len(lines) < linesAtOnce {
			return nil
		}
	}
}

// happening is what a line of the audit means to teams.
type happening struct {
	consent.News
	occasion string // tells apart what can happen more than once
}

// newsOf is what teams are told of a line of the audit: waves that begin, stop, are finished; a move that is ended; the way back.
func (a *App) newsOf(ctx context.Context, e store.Entry, now time.Time) ([]message.Message, error) {
	way, what, ok := wayOf(e)
	if !ok {
		return nil, nil
	}
	id, err := a.runAt(ctx, e, way)
	if err != nil || id == "" {
		return nil, err
	}
	r, m, err := a.matterIn(ctx, id)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil // its course is gone, and with it what could be said
	}
	if err != nil {
		return nil, err
	}
	h, ok := happened(r, e, what)
	if !ok {
		return nil, nil
	}
	reach := a.reach(ctx)
	var out []message.Message
	for _, news := range consent.Tell(m.Proposal, m.journey(), h.News, consent.Notice{Policy: a.declared.Consent, Now: now}) {
		news.Link = a.linkOf(r.Expansion, news.Team)
		some, err := message.OfNews(news, h.occasion, a.declared.Templates()).Over(reach(string(news.Team)), e.At, a.declared.Timing())
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// wayOf reads what a line of the audit says of a run: "move: step began", "undo finished".
func wayOf(e store.Entry) (way journey.Way, what string, ok bool) {
	for _, way := range []journey.Way{journey.Forth, journey.Back} {
		if what, ok := strings.CutPrefix(e.What, string(way)); ok && e.Expansion != "" {
			return way, strings.TrimLeft(what, ": "), true
		}
	}
	return "", "", false
}

// runAt is the run that a line of the audit is about: the last of its way that had begun by then.
func (a *App) runAt(ctx context.Context, e store.Entry, way journey.Way) (journey.RunID, error) {
	runs, err := a.store.Runs(ctx, e.Expansion, 0)
	for _, r := range runs {
		if r.Way == way && !r.Started.After(e.At) {
			return r.ID, err
		}
	}
	return "", err
}

// happened is what a line means for the teams of a wave, or of all; false for what they need not know.
func happened(r journey.Run, e store.Entry, what string) (happening, bool) {
	run := string(r.ID)
	back := r.Way == journey.Back
	switch {
	case r.Mends() && (what == "step began" || what == "step done"): // nothing new comes with it
	case what == "started" && back:
		return happening{consent.News{Back: true, What: consent.Began, Why: r.Why}, run}, true
	case what == "finished" && back:
		return happening{consent.News{Back: true, What: consent.Ended}, run}, true
	case what == "cancelled":
		return happening{consent.News{Back: back, What: consent.Abandoned, Why: e.Why}, run}, true
	case what == "stopped" && (r.State != journey.Stopped || r.Kind != fault.Denied.String()): // who is missing is told as a question and reminded
		h := happening{consent.News{Back: back, What: consent.Halted, Why: e.Why}, e.Hash}
		if !back {
			h.Wave = front(r)
		}
		return h, back || h.Wave > 0
	case what == "step began" && !back:
		return happening{consent.News{Wave: waveOf(r, e.Subject), What: consent.Began}, run}, waveOf(r, e.Subject) > 0
	case what == "step done" && !back:
		wave := waveOf(r, e.Subject)
		return happening{consent.News{Wave: wave, What: consent.Ended}, run}, wave > 0 && over(r, wave)
	}
	return happening{}, false
}

func waveOf(r journey.Run, step string) int {
	for _, s := range r.Steps {
		if string(s.Step) == step {
			return s.Wave
		}
	}
	return 0
}

// over reports whether all steps of a wave are done.
func over(r journey.Run, wave int) bool {
	for _, s := range r.Steps {
		if s.Wave == wave && s.State != journey.Done {
			return false
		}
	}
	return true
}

// front is the first wave that is not done; 0 when all are.
func front(r journey.Run) int {
	first := 0
	for _, s := range r.Steps {
		if s.State != journey.Done && (first == 0 || s.Wave < first) {
			first = s.Wave
		}
	}
	return first
}
