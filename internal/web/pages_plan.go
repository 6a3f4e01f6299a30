package web

import (
	"net/http"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web/expansions"
	"example.org/caravan/internal/web/files"
	"example.org/caravan/internal/web/plan"
	"example.org/caravan/internal/web/shell"
)

// around is the frame of a page about the newest snapshot that does not need the graph itself.
func (p *portal) around(r *http.Request, active string) (shell.Frame, error) {
	kept, err := p.Backend.Snapshots(r.Context())
	if err != nil || len(kept) == 0 {
		return p.frame(r, active, shell.Moment{}), err
	}
	f := p.frame(r, active, shell.MomentOf(kept[0].TakenAt, p.Now()))
	f.Doubts = kept[0].Doubts
	return f, nil
}

func (p *portal) showExpansions(w http.ResponseWriter, r *http.Request) error {
	f, err := p.around(r, "expansions")
	if err != nil {
		return err
	}
	all, err := p.Backend.Expansions(r.Context())
	if err != nil {
		return err
	}
	lines := make([]expansions.Line, len(all))
	for i, e := range all {
		lines[i] = expansions.Line(e)
	}
	p.render(w, r, http.StatusOK, expansions.Page(f.Titled("Expansions"), lines))
	return nil
}

func (p *portal) showPlan(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	return p.planned(w, r, http.StatusOK, plan.View{Team: estate.TeamName(q.Get("team")), Edge: q.Get("edge")})
}

// planned answers the page of an expansion as it is planned now; v says how it is looked at.
func (p *portal) planned(w http.ResponseWriter, r *http.Request, status int, v plan.View) error {
	f, err := p.around(r, "expansions")
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	made, err := p.Backend.Plan(r.Context(), name)
	if fault.KindOf(err) == fault.Invalid {
		p.render(w, r, fault.Invalid.Status(), plan.Broken(f.Titled(name), name, err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	v.Proposal, v.Journey, v.Files = made.Proposal, made.Journey, len(made.Files)
	v.Written = made.Written
	v.MapRead, v.Planned = shell.MomentOf(made.MapRead, p.Now()), shell.MomentOf(made.PlannedAt, p.Now())
	p.render(w, r, status, plan.Page(f.Titled(name), v))
	return nil
}

// mostForm is how large the form of a decision may be, in bytes.
const mostForm = 64 << 10

// decide writes one decision and goes back to its edge. What is not taken is told at the edge's form, filled in as it
// was; to htmx with a status it puts in place.
func (p *portal) decide(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	name, asked := r.PathValue("name"), decisionOf(r)
	from, to := estate.ServiceName(r.PostFormValue("from")), asked.To
	all := r.PostFormValue("all") != ""
	if !all {
		asked.From = from
	}
	anchor, inPlace := plan.Anchor(from, to), r.Header.Get("HX-Request") != ""
	err := complete(asked)
	if err == nil {
		asked.Answers, err = answersOf(r)
	}
	if err == nil {
		err = p.Backend.Decide(r.Context(), name, []expansion.Decision{asked})
	}
	switch {
	case fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Denied:
		return err
	case err != nil:
		status := fault.KindOf(err).Status()
		if inPlace {
			status = http.StatusOK
		}
		return p.planned(w, r, status, plan.View{Attempt: plan.Attempt{Anchor: anchor, Decision: asked, All: all, Answers: r.PostFormValue("answers"), Error: err.Error()}})
	case asked.Decide == expansion.Clone:
		anchor = plan.MemberAnchor(to) // it is a cut no longer
	}
	if inPlace {
		w.Header().Set("HX-Reswap", "outerHTML show:#"+anchor+":top")
		return p.planned(w, r, http.StatusOK, plan.View{Decided: anchor, By: asked.By})
	}
	http.Redirect(w, r, p.frame(r, "", shell.Moment{}).Expansion(name)+"#"+anchor, http.StatusSeeOther)
	return nil
}

// decisionOf reads the form; fields that do not belong to the fate are left out.
func decisionOf(r *http.Request) expansion.Decision {
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	d := expansion.Decision{To: estate.ServiceName(r.PostFormValue("to")), Decide: expansion.Fate(field("decide")), By: rights.Of(r.Context()).By(), Why: field("why")}
	if by := field("by"); by != "" && rights.Of(r.Context()).EveryTeam {
		d.By = by
	}
	switch d.Decide {
	case expansion.CallBack:
		d.Through, d.Country = field("through"), strings.ToUpper(field("kept"))
	case expansion.Replace:
		d.With, d.Country = field("with"), strings.ToUpper(field("country"))
	}
	return d
}

// answersOf are the canned answers of the form, one on each line.
func answersOf(r *http.Request) ([]expansion.Answer, error) {
	if expansion.Fate(r.PostFormValue("decide")) != expansion.StubOut {
		return nil, nil
	}
	var out []expansion.Answer
	for line := range strings.Lines(r.PostFormValue("answers")) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		a, err := expansion.ParseAnswer(strings.TrimSpace(line))
		if err != nil {
			return out, err
		}
		out = append(out, a)
	}
	return out, nil
}

// complete tells what a decision lacks, in the words of the form.
func complete(d expansion.Decision) error {
	switch {
	case d.To == "":
		return fault.Newf(fault.Invalid, "the form names no edge: load the page again")
	case d.Decide == "":
		return fault.Newf(fault.Invalid, "choose what becomes of the edge")
	case d.Decide == expansion.Replace && d.With == "":
		return fault.Newf(fault.Invalid, "say with what %s is replaced: a host, or host:port", d.To)
	case d.Why == "":
		return fault.Newf(fault.Invalid, "say why: the reason is kept with the decision")
	}
	return nil
}

func (p *portal) showFiles(w http.ResponseWriter, r *http.Request) error {
	f, err := p.around(r, "expansions")
	if err != nil {
		return err
	}
	name, q := r.PathValue("name"), r.URL.Query()
	made, err := p.Backend.Plan(r.Context(), name)
	if fault.KindOf(err) == fault.Invalid {
		p.render(w, r, fault.Invalid.Status(), plan.Broken(f.Titled(name), name, err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	view, ok := files.Of(name, made.Files, made.Before, q.Get("path"), q.Get("view") == "diff")
	if !ok {
		return fault.Newf(fault.NotFound, "%s renders no file %q: choose one in the tree of its files", name, q.Get("path"))
	}
	view.Undecided = len(made.Proposal.Undecided())
	f.Scripts = []string{"js/tree.js"}
	p.render(w, r, http.StatusOK, files.Page(f.Titled("Files of "+name), view))
	return nil
}
