package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/store"
)

// matter is a journey that teams are told of: the steps that are carried out for real, of those the ones that are still to come.
type matter struct {
	course
	carried func(estate.EnvironmentName) bool
	waits   func(journey.StepID) bool
}

// matterOf is the matter of a course as the workspace declares it, with every step to come.
func (a *App) matterOf(c course) matter {
	return matter{c, func(env estate.EnvironmentName) bool {
		return slices.ContainsFunc(c.Journey.Steps, func(s journey.Step) bool { _, ok := a.targetOf(s); return ok && s.Environment == env })
	}, func(journey.StepID) bool { return true }}
}

// matterIn is the matter of a run: what it carries out, as it was agreed to.
func (a *App) matterIn(ctx context.Context, id journey.RunID) (journey.Run, matter, error) {
	r, options, err := a.store.Run(ctx, id)
	if err != nil {
		return r, matter{}, err
	}
	var o runOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return r, matter{}, fault.Newf(fault.Invalid, "the options of run %s are damaged; cancel it and move again", id)
	}
	c, err := a.underway(ctx, r)
	return r, matter{c, func(env estate.EnvironmentName) bool { _, ok := o.Targets[env]; return ok }, func(id journey.StepID) bool {
		return slices.ContainsFunc(r.Steps, func(s journey.StepRun) bool {
			return s.Step == id && (s.State == journey.Waiting || s.State == journey.Failed)
		})
	}}, err
}

// underway is the course of a run; those of runs that are open are remembered.
func (a *App) underway(ctx context.Context, r journey.Run) (course, error) {
	a.mu.Lock()
	c, ok := a.underways[r.Journey]
	a.mu.Unlock()
	if ok {
		return c, nil
	}
	if err := a.store.Course(ctx, r.Journey, &c); err != nil {
		return c, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.underways) >= mostLaid {
		clear(a.underways)
	}
	a.underways[r.Journey] = c
	return c, nil
}

// journey is the part that is carried out for real.
func (m matter) journey() journey.Journey {
	j := m.Journey
	j.Steps = slices.DeleteFunc(slices.Clone(j.Steps), func(s journey.Step) bool { return !m.carried(s.Environment) })
	return j
}

// open are the steps that teams can still be asked about.
func (m matter) open() []consent.Step {
	return slices.DeleteFunc(consent.Steps(m.Proposal, m.journey()), func(s consent.Step) bool { return !m.waits(s.ID) })
}

// announcements are what each team is told of each wave that is not over, or of one; by wave, then team.
func (a *App) announcements(ctx context.Context, m matter, wave int) ([]consent.Announcement, error) {
	name := m.Journey.Expansion
	lights, err := a.store.Lights(ctx, name)
	if err != nil {
		return nil, err
	}
	vetoes, err := a.store.Vetoes(ctx, name)
	if err != nil {
		return nil, err
	}
	n := consent.Notice{Lights: lights, Vetoes: vetoes, Policy: a.declared.Consent, Now: a.now()}
	var waves []int
	for _, s := range m.open() {
		if wave == 0 || s.Wave == wave {
			waves = append(waves, s.Wave)
		}
	}
	slices.Sort(waves)
	var out []consent.Announcement
	for _, w := range slices.Compact(waves) {
		for _, told := range consent.Announce(m.Proposal, m.journey(), w, n) {
			told.Link = a.linkOf(name, told.Team)
			out = append(out, told)
		}
	}
	return out, nil
}

// tell asks teams about what is still open of a matter, and keeps what they are told of it, in one transaction.
func (a *App) tell(ctx context.Context, m matter, all []consent.Announcement) error {
	var questions []store.Question
	now := a.now()
	for _, ask := range consent.Asks(m.open(), nil, nil, a.declared.Consent, now) {
		if slices.ContainsFunc(all, func(told consent.Announcement) bool { return tells(told, ask) }) {
			questions = append(questions, store.Question{Step: ask.Step, Digest: ask.Digest, Team: ask.Team, At: now})
		}
	}
	messages, err := a.written(ctx, all)
	if err != nil {
		return err
	}
	_, err = a.store.Ask(ctx, m.Journey.Expansion, questions, messages)
	return err
}

// tells reports whether an announcement asks what somebody is asked.
func tells(told consent.Announcement, ask consent.Ask) bool {
	return told.Team == ask.Team && slices.ContainsFunc(told.Todo, func(t consent.Todo) bool { return t.Step == ask.Step })
}

// written are announcements as messages over the channels of their teams.
func (a *App) written(ctx context.Context, all []consent.Announcement) ([]message.Message, error) {
	if !a.speaks() {
		return nil, nil
	}
	reach := a.reach(ctx)
	var out []message.Message
	for _, told := range all {
		some, err := message.OfAnnouncement(told, a.declared.Templates()).Over(reach(string(told.Team)), a.now(), a.declared.Timing())
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// announceRun tells teams of a run what each of its waves means for them. What they were told already, they are not told again.
func (a *App) announceRun(ctx context.Context, r journey.Run) error {
	_, m, err := a.matterIn(ctx, r.ID)
	if err != nil {
		return err
	}
	all, err := a.announcements(ctx, m, 0)
	if err != nil {
		return err
	}
	if err := a.tell(ctx, m, all); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.announced[r.ID] = true
	return nil
}

// AnnounceRequest says what to tell.
type AnnounceRequest struct {
	Wave int  `json:"wave,omitempty" minimum:"0" doc:"Wave; all that are not over when left out."`
	Dry  bool `json:"dry,omitempty" doc:"Show it, and tell nobody."`
}

// Announced is what teams are told of a journey, and what became of it.
type Announced struct {
	Expansion  string           `json:"expansion"`
	Told       []Told           `json:"told"`
	Deliveries []store.Delivery `json:"deliveries,omitempty"` // of all messages of the expansion, the last first
}

// Told is what one team is told of one wave.
type Told struct {
	consent.Announcement
	Text string            `json:"text"`
	Over []message.Address `json:"over,omitempty"` // where; none when the team cannot be reached
}

// Announce tells teams what the waves of an expansion, as it is planned now, mean for them, and sends it now, with what waits or failed of the
// expansion. Denied while edges are undecided; NotFound when nothing of it is carried out for real.
func (a *App) Announce(ctx context.Context, name string, req AnnounceRequest) (Announced, error) {
	m, err := a.current(ctx, name)
	if err != nil {
		return Announced{}, err
	}
	all, err := a.announcements(ctx, m, req.Wave)
	if err != nil {
		return Announced{}, err
	}
	out := Announced{Expansion: name, Told: []Told{}}
	reach := a.reach(ctx)
	for _, told := range all {
		text, err := a.declared.Templates().Announcement(told, consent.Plain)
		if err != nil {
			return out, err
		}
		out.Told = append(out.Told, Told{told, text, reach(string(told.Team))})
	}
	if req.Dry {
		return out, nil
	}
	if !a.speaks() {
		return out, fault.Newf(fault.Invalid, "there is nothing to tell it over: declare channels in caravan.yaml, or look at it with --dry-run")
	}
	if err := a.tell(ctx, m, all); err != nil {
		return out, err
	}
	if err := a.sendNow(ctx, name); err != nil {
		return out, err
	}
	out.Deliveries, err = a.store.Messages(ctx, name, mostDeliveries)
	return out, err
}

// mostDeliveries is how many messages are listed.
const mostDeliveries = 500

// current is what teams are to be told of an expansion: the run that is open, or else what is planned now.
func (a *App) current(ctx context.Context, name string) (matter, error) {
	plan, err := a.readyPlan(ctx, name, true)
	if err != nil {
		return matter{}, err
	}
	c, err := a.courseOf(ctx, plan)
	if err != nil {
		return matter{}, err
	}
	open, err := a.openRun(ctx, name)
	if err != nil {
		return matter{}, err
	}
	m := a.matterOf(c)
	if open.State.Open() && open.Way == journey.Forth && open.Journey == c.Journey.Digest {
		if _, m, err = a.matterIn(ctx, open.ID); err != nil {
			return m, err
		}
	}
	if len(m.journey().Steps) == 0 {
		return m, fault.Newf(fault.NotFound, "nobody has to be told of %s: none of its environments has a target in caravan.yaml, so it is only written down", name)
	}
	return m, nil
}

// sendNow sends what waits or failed of an expansion.
func (a *App) sendNow(ctx context.Context, name string) error {
	now := a.now()
	if _, err := a.store.Hasten(ctx, name, now); err != nil {
		return err
	}
	return a.newOutbox().Flush(ctx, now)
}

// Messages are what was told of an expansion, or of all for "", and what became of it, the last first.
func (a *App) Messages(ctx context.Context, name string, limit int) ([]store.Delivery, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	told, err := a.store.Messages(ctx, name, limit)
	if err == nil && len(told) == 0 {
		err = a.known(name)
	}
	return told, err
}

// collect keeps what there is to tell at a moment: what happened, what waves mean, who is silent. What fails for one expansion keeps no other
// waiting.
func (a *App) collect(ctx context.Context, now time.Time) error {
	failed := []error{a.collectNews(ctx, now)}
	if !a.speaks() {
		return failed[0]
	}
	runs, err := a.store.OpenRuns(ctx)
	if err != nil {
		return err
	}
	moving := map[string]bool{}
	for _, r := range runs {
		moving[r.Expansion] = true
		if r.Way == journey.Forth {
			failed = append(failed, a.collectRun(ctx, r, now))
		}
	}
	asked, err := a.store.Asked(ctx)
	failed = append(failed, err)
	for _, name := range asked {
		if !moving[name] {
			failed = append(failed, a.remindAhead(ctx, name, now))
		}
	}
	return errors.Join(failed...)
}

// collectRun announces a run that is open, should the program that began it not have come to it, and reminds of it.
func (a *App) collectRun(ctx context.Context, r journey.Run, now time.Time) error {
	a.mu.Lock()
	announced := a.announced[r.ID]
	a.mu.Unlock()
	if !announced {
		if err := a.announceRun(ctx, r); err != nil {
			return err
		}
	}
	_, m, err := a.matterIn(ctx, r.ID)
	if err != nil {
		return err
	}
	return a.remind(ctx, m, now)
}

// remindAhead reminds teams of what was announced to them before it is moved. What has been moved, ended or taken back waits for nobody.
func (a *App) remindAhead(ctx context.Context, name string, now time.Time) error {
	last, err := a.lastRun(ctx, name)
	if err != nil || last != nil {
		return err
	}
	m, err := a.current(ctx, name)
	switch kind := fault.KindOf(err); {
	case err == nil:
		return a.remind(ctx, m, now)
	case kind == fault.NotFound, kind == fault.Denied, kind == fault.Invalid:
		return nil // it is not planned any more, or not ready to be moved; its page says so
	}
	return err
}

// remind keeps who is told that teams have not answered.
func (a *App) remind(ctx context.Context, m matter, now time.Time) error {
	name, steps, reach := m.Journey.Expansion, m.open(), a.reach(ctx)
	return a.store.Remind(ctx, name, now, func(lights []consent.GreenLight, vetoes []consent.Veto, asked map[consent.Ask]consent.Asked) ([]consent.Nudge, []message.Message, error) {
		nudges := consent.Due(steps, lights, vetoes, a.declared.Consent, asked, now)
		var told []message.Message
		for _, n := range nudges {
			n.Expansion, n.Link = name, a.linkOf(name, asTeam(n.To))
			some, err := message.OfNudge(n, asked, a.declared.Consent, a.declared.Templates()).Over(reach(n.To), now, a.declared.Timing())
			if err != nil {
				return nil, nil, err
			}
			told = append(told, some...)
		}
		return nudges, told, nil
	})
}

// asTeam is a recipient that is a team; "" for a mail address.
func asTeam(to string) estate.TeamName {
	if strings.Contains(to, "@") {
		return ""
	}
	return estate.TeamName(to)
}
