package app

import (
	"context"
	"slices"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// allow says what is against beginning some steps of a run: green lights that are missing, vetoes, freezes. What goes to no target of its
// own is only written down, nothing of it runs, and nobody has to agree to it.
func (a *App) allow(ctx context.Context, r journey.Run, steps []journey.Step, lights []consent.GreenLight, vetoes []consent.Veto) error {
	_, options, err := a.store.Run(ctx, r.ID)
	if err != nil {
		return err
	}
	o, err := readOptions(r.ID, options)
	if err != nil {
		return err
	}
	live := false
	for _, s := range steps {
		to := o.Targets[s.Environment].String()
		if to != s.Target {
			return fault.Newf(fault.Denied, "%s was planned for another target than run %s has (%q, not %q); end it with caravan cancel %s, then move again", s.ID, r.ID, s.Target, to, r.Expansion)
		}
		live = live || to != ""
	}
	if !live {
		return nil
	}
	return a.agreed(ctx, r, steps, o, lights, vetoes)
}

func (a *App) agreed(ctx context.Context, r journey.Run, steps []journey.Step, o runOptions, lights []consent.GreenLight, vetoes []consent.Veto) error {
	var c course
	if err := a.store.Course(ctx, r.Journey, &c); err != nil {
		return err
	}
	asked := slices.DeleteFunc(consent.Steps(c.Proposal, journey.Journey{Steps: steps}), func(s consent.Step) bool {
		_, targeted := o.Targets[s.Environment]
		return !targeted
	})
	return consent.Check(asked, lights, vetoes, a.declared.Consent, a.now())
}

// StepConsent is how a step stands with those who must agree to it.
type StepConsent struct {
	journey.Step
	Asked   bool            `json:"asked"` // somebody has to agree: it is carried out for real
	Since   time.Time       `json:"since,omitzero"`
	Verdict consent.Verdict `json:"verdict,omitzero"`
}

// Consents is who has agreed to what of an expansion, as it is planned now.
type Consents struct {
	Expansion string         `json:"expansion"`
	Journey   estate.Digest  `json:"journey"`
	Steps     []StepConsent  `json:"steps"`
	Vetoes    []consent.Veto `json:"vetoes,omitempty"` // that stand
}

// Consents says who has agreed to what of an expansion, and who is asked.
func (a *App) Consents(ctx context.Context, name string) (Consents, error) {
	if service, env, ok := switchOf(name); ok {
		return a.switchConsents(ctx, service, env)
	}
	if store, env, ok := relocationOf(name); ok {
		return a.relocationConsents(ctx, store, env)
	}
	plan, err := a.Plan(ctx, name, PlanRequest{Dry: true})
	if err != nil {
		return Consents{}, err
	}
	c, err := a.courseOf(ctx, plan)
	if err != nil {
		return Consents{}, err
	}
	return a.consents(ctx, c)
}

func (a *App) consents(ctx context.Context, c course) (Consents, error) {
	name := c.Journey.Expansion
	out := Consents{Expansion: name, Journey: c.Journey.Digest}
	lights, err := a.store.Lights(ctx, name)
	if err != nil {
		return out, err
	}
	vetoes, err := a.store.Vetoes(ctx, name)
	if err != nil {
		return out, err
	}
	for _, s := range consent.Steps(c.Proposal, c.Journey) {
		sc := StepConsent{Step: s.Step}
		if _, sc.Asked = a.targetOf(s.Step); sc.Asked {
			sc.Verdict = consent.Missing(s, lights, vetoes, a.declared.Consent, a.now())
		}
		out.Steps = append(out.Steps, sc)
	}
	out.Vetoes = slices.DeleteFunc(vetoes, func(v consent.Veto) bool { return !v.Withdrawn.IsZero() })
	return out, nil
}

// ApproveRequest says what a team agrees to.
type ApproveRequest struct {
	Team    estate.TeamName  `json:"team" minLength:"1" doc:"Team that agrees."`
	Steps   []journey.StepID `json:"steps,omitempty" doc:"Steps it agrees to; all that ask for it when left out, or those of the wave."`
	Wave    int              `json:"wave,omitempty" minimum:"0" doc:"Wave whose steps it agrees to."`
	For     string           `json:"for,omitempty" doc:"Person you stand in for, as a delegate of the policy."`
	Journey estate.Digest    `json:"journey,omitempty" doc:"Journey as it was shown to you; a conflict when it is another by now."`
	Via     string           `json:"-"` // from where, for the audit
}

// covers reports whether a request is about a step.
func (r ApproveRequest) covers(s StepConsent) bool {
	wants := func(n consent.Need) bool { return n.Team == r.Team }
	return s.Asked && slices.ContainsFunc(s.Verdict.Needs, wants) && (r.Wave == 0 || s.Wave == r.Wave) && (len(r.Steps) == 0 || slices.Contains(r.Steps, s.ID))
}

// Approve gives a team's green light to steps exactly as they are planned now, and says to which. NotFound when nothing asks for the
// team; Conflict when the plan is no longer what was shown; Denied when the person does not speak for the team.
func (a *App) Approve(ctx context.Context, name string, req ApproveRequest, by rights.Person) ([]consent.GreenLight, error) {
	if err := a.mayAgree(by, req); err != nil {
		return nil, err
	}
	all, err := a.Consents(ctx, name)
	if err != nil {
		return nil, err
	}
	if req.Journey != "" && req.Journey != all.Journey {
		return nil, fault.Newf(fault.Conflict, "the plan of %s has changed since it was shown; look at it again, then agree", name)
	}
	var lights []consent.GreenLight
	for _, s := range all.Steps {
		if req.covers(s) {
			lights = append(lights, consent.GreenLight{Team: req.Team, By: by.Who(), For: req.For, Step: s.ID, Digest: s.Digest, At: a.now()})
		}
	}
	if len(lights) == 0 {
		return nil, nothingAsks(all, req)
	}
	return a.store.Agree(ctx, name, lights, req.Via)
}

// mayAgree refuses those who neither speak for the team nor stand in for one of its people by the policy.
func (a *App) mayAgree(by rights.Person, req ApproveRequest) error {
	if req.For != "" && a.declared.Consent.StandsIn(by.Who(), req.Team, a.now()) == req.For {
		by.Teams = append(slices.Clone(by.Teams), req.Team)
	}
	return rights.May(by, rights.Agree, req.Team)
}

// nothingAsks says why there is nothing a team could agree to.
func nothingAsks(all Consents, req ApproveRequest) error {
	if !slices.ContainsFunc(all.Steps, func(s StepConsent) bool { return s.Asked }) {
		return fault.Newf(fault.NotFound, "nobody has to agree to %s: none of its environments has a target in caravan.yaml, so it is only written down", all.Expansion)
	}
	if service, _, ok := switchOf(all.Expansion); ok {
		return fault.Newf(fault.NotFound, "%s does not ask for %s, only for the team of %s: %s", all.Expansion, req.Team, service, all.Steps[0].Team)
	}
	if store, _, ok := relocationOf(all.Expansion); ok {
		if all.Steps[0].Team == "" {
			return fault.Newf(fault.NotFound, "nobody owns %s, so no team can agree to its move; write team under it in standby.datastores", store)
		}
		return fault.Newf(fault.NotFound, "%s does not ask for %s, only for the team of %s: %s", all.Expansion, req.Team, store, all.Steps[0].Team)
	}
	return fault.Newf(fault.NotFound, "no such step of %s asks for %s; %s says which ask for whom", all.Expansion, req.Team, statusCommand(all.Expansion))
}

// RevokeRequest says what a team no longer agrees to.
type RevokeRequest struct {
	Team estate.TeamName `json:"team" minLength:"1" doc:"Team that takes its green light back."`
	Step journey.StepID  `json:"step,omitempty" doc:"Step; all that have not begun when left out."`
}

// Revoke takes green lights back that a person gave for a team, until the steps begin; how many is returned.
func (a *App) Revoke(ctx context.Context, name string, req RevokeRequest, by rights.Person) (int, error) {
	if err := a.inWorkspace(); err != nil {
		return 0, err
	}
	lights, err := a.store.Lights(ctx, name)
	if err != nil {
		return 0, err
	}
	if slices.ContainsFunc(lights, func(l consent.GreenLight) bool {
		return l.Team == req.Team && l.By == by.Who() && l.For != "" && l.Revoked.IsZero()
	}) {
		by.Teams = append(slices.Clone(by.Teams), req.Team) // what somebody gave as a stand-in is theirs to take back
	}
	if err := rights.May(by, rights.Agree, req.Team); err != nil {
		return 0, err
	}
	return a.store.Revoke(ctx, name, req.Team, by.Who(), req.Step, a.now())
}

// VetoRequest says what a team is against, or no longer.
type VetoRequest struct {
	Team     estate.TeamName `json:"team" minLength:"1" doc:"Team that vetoes."`
	Step     journey.StepID  `json:"step,omitempty" doc:"Step; every step of the journey when left out."`
	Reason   string          `json:"reason,omitempty" doc:"What would have to change for the team to agree."`
	Withdraw bool            `json:"withdraw,omitempty" doc:"Take the veto back."`
	Via      string          `json:"-"` // from where, for the audit
}

// Veto keeps a team's no to a step or to all of them, or takes it back.
func (a *App) Veto(ctx context.Context, name string, req VetoRequest, by rights.Person) error {
	if err := rights.May(by, rights.Agree, req.Team); err != nil {
		return err
	}
	all, err := a.Consents(ctx, name)
	if err != nil {
		return err
	}
	if req.Step != "" && !slices.ContainsFunc(all.Steps, func(s StepConsent) bool { return s.ID == req.Step }) {
		return fault.Newf(fault.NotFound, "%s has no step %s; %s lists them", name, req.Step, statusCommand(name))
	}
	v := consent.Veto{Team: req.Team, By: by.Who(), Step: req.Step, Reason: req.Reason, At: a.now()}
	if req.Withdraw {
		return a.store.Withdraw(ctx, name, v)
	}
	return a.store.Veto(ctx, name, v, req.Via)
}

// ask keeps when teams were first asked about steps as they are, and puts it beside them.
func (a *App) ask(ctx context.Context, c *Consents) error {
	var questions []store.Question
	for _, s := range c.Steps {
		for _, team := range s.Verdict.Teams() {
			questions = append(questions, store.Question{Step: s.ID, Digest: s.Digest, Team: team, At: a.now()})
		}
	}
	asked, err := a.store.Ask(ctx, c.Expansion, questions, nil)
	for i := range c.Steps {
		for _, q := range asked {
			if s := &c.Steps[i]; q.Step == s.ID && (s.Since.IsZero() || q.At.Before(s.Since)) {
				s.Since = q.At
			}
		}
	}
	return err
}
