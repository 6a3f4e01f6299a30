package app

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/chat"
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/rights"
)

// viaSlack is what the audit says of an answer given in Slack.
const viaSlack = "via Slack"

// slackLong is how long dealing with an answer may take; the form for a veto's reason can be opened for three seconds.
const slackLong = 30 * time.Second

// TakeSlack takes in what somebody did in Slack: a request as it came, with its body. It is verified here and dealt with in the background, since
// Slack waits three seconds. NotFound while approvals are off, Denied for what Slack did not send or sent before.
func (a *App) TakeSlack(ctx context.Context, header http.Header, body []byte) error {
	c := a.declared.Channels.Slack
	if a.store == nil || c == nil || !c.Approvals || c.SigningSecret == nil {
		return fault.Newf(fault.NotFound, "answers from Slack are off; set channels.slack.approvals in caravan.yaml")
	}
	secret, err := a.declared.Reveal(*c.SigningSecret)
	if err != nil {
		return err
	}
	now := a.now()
	signature, err := chat.Verify(secret, header, body, now)
	if err != nil {
		return err
	}
	answer, err := chat.Parse(body)
	if err != nil {
		return err
	}
	first, err := a.store.TakeOnce(ctx, "slack "+signature, now, now.Add(2*chat.Freshness))
	switch {
	case err != nil:
		return err
	case !first:
		return fault.Newf(fault.Denied, "a request of Slack that was sent before")
	case answer.Deed == chat.Nothing:
		return nil
	}
	a.wg.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, slackLong)
		defer cancel()
		if err := a.answerSlack(ctx, answer); err != nil && answer.At.Channel != "" {
			_ = a.slack.Whisper(ctx, answer.At.Channel, answer.User, "Not taken: "+openly(err)) // silence is never a yes: whoever hears nothing sees the buttons still
		}
	})
	return nil
}

// openly is an error as people outside are told it.
func openly(err error) string {
	if fault.KindOf(err) == fault.Internal {
		return "something went wrong inside; answer in the portal"
	}
	return err.Error()
}

// answerSlack does what somebody wants who is allowed to.
func (a *App) answerSlack(ctx context.Context, answer chat.Answer) error {
	if answer.Deed == chat.WantsTo {
		return a.slack.AskWhy(ctx, answer)
	}
	mail, err := a.slack.Person(ctx, answer.User, answer.Team)
	if err != nil {
		return err
	}
	by, whose, err := a.slackPerson(ctx, mail, answer.Asked.Team)
	if err != nil {
		return err
	}
	m, shown, err := a.asShown(ctx, answer.Asked)
	if err != nil {
		return err
	}
	if answer.Deed == chat.Vetoes {
		err = a.vetoVia(ctx, answer, shown, by)
	} else {
		_, err = a.Approve(ctx, answer.Asked.Expansion, ApproveRequest{Team: answer.Asked.Team, Steps: asks(shown), For: whose, Journey: m.Journey.Digest, Via: viaSlack}, by)
	}
	if err != nil {
		return err
	}
	return a.rewrite(ctx, answer.At, m)
}

// slackPerson is who answers for a team, known by a mail address that Slack has verified, and for whom of the team they stand in: nobody
// when they are of it. Where people sign in, what they may is what they may there; else caravan.yaml lists the people of teams.
func (a *App) slackPerson(ctx context.Context, mail string, team estate.TeamName) (by rights.Person, whose string, err error) {
	whose = a.declared.Consent.StandsIn(mail, team, a.now())
	if a.declared.SignIn != nil {
		by, err = a.PersonOfMail(ctx, mail)
		if by.IsOf(team) {
			whose = ""
		}
		return by, whose, err
	}
	by = rights.Person{Name: mail, Mail: mail, Role: rights.Member}
	switch {
	case a.declared.May(mail, team):
		by.Teams = []estate.TeamName{team}
		return by, "", nil
	case whose != "":
		return by, whose, nil
	}
	return by, "", fault.Newf(fault.Denied, "you may not answer for %s: ask for your mail address to be listed under its people in caravan.yaml", team)
}

// asShown is what a team is asked about a wave now, if that is exactly what the message showed. Conflict when it is not.
func (a *App) asShown(ctx context.Context, asked chat.Asked) (matter, consent.Announcement, error) {
	plan, err := a.Plan(ctx, asked.Expansion, PlanRequest{Dry: true})
	if err != nil {
		return matter{}, consent.Announcement{}, err
	}
	c, err := a.courseOf(ctx, plan)
	if err != nil {
		return matter{}, consent.Announcement{}, err
	}
	m := a.matterOf(c)
	all, err := a.announcements(ctx, m, asked.Wave)
	if err != nil {
		return m, consent.Announcement{}, err
	}
	i := slices.IndexFunc(all, func(told consent.Announcement) bool { return told.Team == asked.Team && told.Digest == asked.Digest })
	if i < 0 {
		return m, consent.Announcement{}, fault.Newf(fault.Conflict, "the plan of %s has changed since this was shown; answer what is announced anew, or look at the portal", asked.Expansion)
	}
	return m, all[i], nil
}

// asks are the steps that still want a team's green light.
func asks(shown consent.Announcement) []journey.StepID {
	out := make([]journey.StepID, len(shown.Todo))
	for i, todo := range shown.Todo {
		out[i] = todo.Step
	}
	return out
}

// vetoVia vetoes all steps of a wave that wait for a team.
func (a *App) vetoVia(ctx context.Context, answer chat.Answer, shown consent.Announcement, by rights.Person) error {
	if len(shown.Todo) == 0 {
		return fault.Newf(fault.Conflict, "%s is asked nothing about wave %d any more: its green lights are given; take them back in the portal, or veto there", shown.Team, shown.Wave)
	}
	for _, step := range asks(shown) {
		err := a.Veto(ctx, answer.Asked.Expansion, VetoRequest{Team: answer.Asked.Team, Step: step, Reason: answer.Reason, Via: viaSlack}, by)
		if err != nil && fault.KindOf(err) != fault.Conflict { // it is vetoed by them already
			return err
		}
	}
	return nil
}

// rewrite says at a message in Slack how its questions stand now.
func (a *App) rewrite(ctx context.Context, at chat.Receipt, m matter) error {
	l, err := a.store.Posted(ctx, message.Slack, at.String())
	if err != nil {
		return err
	}
	standing, err := a.consents(ctx, m.course)
	if err != nil {
		return err
	}
	notes := map[string]chat.Note{}
	for _, told := range l.Messages {
		if told.Ask == nil || told.Expansion != m.Journey.Expansion {
			continue
		}
		if note := noteOf(told, standing); note.Text != "" {
			notes[string(told.Key)] = note
		}
	}
	return a.slack.Update(ctx, at, l, notes)
}

// noteOf says who has answered what a message asks; nothing while nobody has.
func noteOf(told message.Message, all Consents) chat.Note {
	var by, against []string
	open := false
	for _, s := range all.Steps {
		if !slices.Contains(told.Ask.Steps, s.ID) {
			continue
		}
		for _, n := range s.Verdict.Needs {
			if n.Team == told.Team {
				by = append(by, n.By...)
				open = open || !n.Met()
			}
		}
		for _, r := range s.Verdict.Reasons {
			if r.Kind == consent.Vetoed && r.Team == told.Team && !slices.Contains(against, r.Text) {
				against = append(against, r.Text)
			}
		}
	}
	slices.Sort(by)
	by = slices.Compact(by)
	switch {
	case len(against) > 0:
		return chat.Note{Text: "✗ " + strings.Join(against, "; ")}
	case len(by) == 0:
		return chat.Note{}
	case open:
		return chat.Note{Text: fmt.Sprintf("✓ %s agreed; more green lights of %s are wanted", strings.Join(by, ", "), told.Team), Open: true}
	}
	return chat.Note{Text: "✓ " + cmp.Or(strings.Join(by, ", "), string(told.Team)) + " agreed"}
}
