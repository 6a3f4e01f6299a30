package web

import (
	"net/http"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/web/board"
	"example.org/caravan/internal/web/plan"
	"example.org/caravan/internal/web/shell"
)

func (p *portal) showJourney(w http.ResponseWriter, r *http.Request) error {
	if at, ok := p.switchPage(r, r.PathValue("name")); ok {
		http.Redirect(w, r, at, http.StatusSeeOther)
		return nil
	}
	return p.journey(w, r, http.StatusOK, estate.TeamName(r.URL.Query().Get("team")), board.Attempt{})
}

// journey answers the page of an expansion's journey as it stands now; a team's part of it unless the team is "".
func (p *portal) journey(w http.ResponseWriter, r *http.Request, status int, team estate.TeamName, tried board.Attempt) error {
	f, err := p.around(r, "expansions")
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	v, err := p.Backend.Journey(r.Context(), name)
	if fault.KindOf(err) == fault.Invalid {
		p.render(w, r, fault.Invalid.Status(), plan.Broken(f.Titled(name), name, err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	if team != "" && !v.Knows(team) {
		return fault.Newf(fault.NotFound, "team %q owns nothing of %s and is not asked about it: choose one on the page of the journey", team, name)
	}
	v.Team, v.Attempt, v.Now = team, tried, p.Now()
	p.render(w, r, status, board.Page(f.Titled("Journey to "+name), v))
	return nil
}

// answer takes a team's yes or no in and goes back to where it was given. What is not taken is told there, with the form as it was filled in.
func (p *portal) answer(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		return fault.Newf(fault.Invalid, "the form cannot be read: load the page again")
	}
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	name, page := r.PathValue("name"), estate.TeamName(r.PostFormValue("page"))
	a := Answer{Team: estate.TeamName(r.PostFormValue("team")), Journey: estate.Digest(r.PostFormValue("journey")), Reason: field("reason"), Veto: r.PostFormValue("answer") == "veto"}
	for _, id := range r.PostForm["step"] {
		a.Steps = append(a.Steps, journey.StepID(id))
	}
	err := a.complete()
	if err == nil {
		err = p.Backend.Answer(r.Context(), name, a)
	}
	_, switched := p.switchPage(r, name)
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict:
		if switched {
			return err
		}
		return p.journey(w, r, fault.KindOf(err).Status(), page, board.Attempt{Team: a.Team, Reason: a.Reason, Error: err.Error()})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, p.frame(r, "", shell.Moment{}).Journey(name, page)+"#asked", http.StatusSeeOther)
	return nil
}

// complete tells what an answer lacks, in the words of the form.
func (a Answer) complete() error {
	switch {
	case len(a.Steps) == 0:
		return fault.Newf(fault.Invalid, "choose the steps that you answer for")
	case a.Veto && a.Reason == "":
		return fault.Newf(fault.Invalid, "say what would have to change for %s to agree: a veto needs a reason", a.Team)
	}
	return nil
}

// turn begins what is planned, or turns what is under way.
func (p *portal) turn(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	name := r.PathValue("name")
	err := p.Backend.Turn(r.Context(), name, r.PostFormValue("do"))
	switch fault.KindOf(err) {
	case fault.Denied, fault.Conflict, fault.Invalid:
		return p.journey(w, r, fault.KindOf(err).Status(), "", board.Attempt{Error: err.Error()})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, p.frame(r, "", shell.Moment{}).Journey(name, ""), http.StatusSeeOther)
	return nil
}
