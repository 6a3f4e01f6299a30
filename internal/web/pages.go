package web

import (
	"net/http"
	"net/url"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web/changes"
	"example.org/caravan/internal/web/doubts"
	"example.org/caravan/internal/web/estatemap"
	"example.org/caravan/internal/web/scan"
	"example.org/caravan/internal/web/service"
	"example.org/caravan/internal/web/shell"
)

// looked is the snapshot a request is about, with the frame of its page.
func (p *portal) looked(r *http.Request, active string) (Snapshot, shell.Frame, error) {
	asked := r.URL.Query().Get("snapshot")
	s, err := p.Backend.Snapshot(r.Context(), asked)
	if err != nil {
		return Snapshot{}, shell.Frame{}, err
	}
	f := p.frame(r, active, shell.MomentOf(s.TakenAt, p.Now()))
	f.Snapshot, f.Doubts = asked, len(s.Graph.Doubts)
	return s, f, nil
}

func (p *portal) showMap(w http.ResponseWriter, r *http.Request) error {
	s, f, err := p.looked(r, "map")
	if fault.KindOf(err) == fault.NotFound && r.URL.Query().Get("snapshot") == "" {
		p.render(w, r, http.StatusOK, estatemap.Empty(p.frame(r, "map", shell.Moment{}).Titled("No map yet")))
		return nil
	}
	if err != nil {
		return err
	}
	f.Full, f.Scripts = true, mapScripts()
	at := "snapshot=" + url.QueryEscape(string(s.Graph.Digest))
	earlier := ""
	if f.Snapshot != "" {
		earlier = "&earlier=1"
	}
	view := estatemap.Of(s.Graph, p.Base+"/map.json?"+at, p.Base+"/detail.json?"+at+earlier+"&service=", p.Base+"/export?"+at+"&format=")
	p.render(w, r, http.StatusOK, estatemap.Page(f.Titled("Map"), view))
	return nil
}

// mapData answers the one request the map is drawn from.
func (p *portal) mapData(w http.ResponseWriter, r *http.Request) error {
	s, _, err := p.looked(r, "map")
	if err != nil {
		return err
	}
	keepIfNamed(w, r, s)
	return sendJSON(w, r, mapDataOf(s.Graph))
}

// keepIfNamed lets the browser keep an answer whose address has the whole digest: it never changes.
func keepIfNamed(w http.ResponseWriter, r *http.Request, s Snapshot) {
	if w.Header().Get("Cache-Control") != "" {
		return // somebody is signed in: nothing stays in the browser
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("snapshot") == string(s.Graph.Digest) && s.Graph.Digest != "" {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
}

// detail answers what the panel of one service shows.
func (p *portal) detail(w http.ResponseWriter, r *http.Request) error {
	s, f, err := p.looked(r, "map")
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("service")
	found, err := find(s.Graph, name)
	if err != nil {
		return err
	}
	d := detailOf(s.Graph, found)
	if r.URL.Query().Get("earlier") == "" {
		f.Snapshot = "" // the map names what it shows even when that is the newest; links from it need not
	}
	d.Page = f.Service(found.Name)
	keepIfNamed(w, r, s)
	return sendJSON(w, r, d)
}

func find(g depmap.Graph, name string) (depmap.Service, error) {
	s, ok := g.Find(name)
	if !ok {
		return s, fault.Newf(fault.NotFound, "no service is called %q, nor has it as another name: search for it on the map", name)
	}
	return s, nil
}

func (p *portal) showService(w http.ResponseWriter, r *http.Request) error {
	s, f, err := p.looked(r, "map")
	if err != nil {
		return err
	}
	found, err := find(s.Graph, r.PathValue("name"))
	if err != nil {
		return err
	}
	p.render(w, r, http.StatusOK, service.Page(f.Titled(string(found.Name)), service.Of(s.Graph, found)))
	return nil
}

func (p *portal) showDoubts(w http.ResponseWriter, r *http.Request) error {
	s, f, err := p.looked(r, "doubts")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	view := doubts.Of(s.Graph.Doubts, q.Get("q"), estate.DoubtTopic(q.Get("topic")))
	p.render(w, r, http.StatusOK, doubts.Page(f.Titled("Doubts"), view))
	return nil
}

func (p *portal) showScan(w http.ResponseWriter, r *http.Request) error {
	status, err := p.status(r)
	if err != nil {
		return err
	}
	kept, err := p.Backend.Snapshots(r.Context())
	if err != nil {
		return err
	}
	f := p.frame(r, "scan", shell.Moment{})
	view := scan.View{Status: status}
	for i, s := range kept {
		line := scan.Snapshot{
			Digest: s.Digest, Taken: shell.MomentOf(s.TakenAt, p.Now()), Newest: i == 0,
			Services: s.Services, Edges: s.Edges, Doubts: s.Doubts, Files: s.Files,
		}
		if i+1 < len(kept) {
			line.Since = scan.Between(kept[i+1].Digest, s.Digest)
		}
		if i == 0 {
			f.Doubts, f.Read = s.Doubts, line.Taken
		}
		view.History = append(view.History, line)
	}
	p.render(w, r, http.StatusOK, scan.Page(f.Titled("Scan"), view))
	return nil
}

func (p *portal) status(r *http.Request) (scan.Status, error) {
	progress, err := p.Backend.Scan(r.Context())
	if err != nil {
		return scan.Status{}, err
	}
	s := scan.Status{
		State: scan.Done, Phase: progress.Phase, Files: progress.Files, Read: progress.Read, Digest: progress.Digest,
		Started: shell.MomentOf(progress.Started, p.Now()), Took: scan.Took(progress.Ended.Sub(progress.Started)),
	}
	switch {
	case progress.Running:
		s.State = scan.Running
	case progress.Failed != nil:
		s.State, s.Failure = scan.Failed, progress.Failed.Error()
	case progress.Started.IsZero():
		s.State = scan.Never
	}
	return s, nil
}

// showProgress answers the part of the scan page that renews itself. When a scan has ended the whole page is loaded
// again, as the history has grown.
func (p *portal) showProgress(w http.ResponseWriter, r *http.Request) error {
	status, err := p.status(r)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	if status.State == scan.Done {
		w.Header().Set("HX-Refresh", "true")
	}
	p.render(w, r, http.StatusOK, scan.Progress(p.frame(r, "scan", shell.Moment{}), status))
	return nil
}

func (p *portal) startScan(w http.ResponseWriter, r *http.Request) error {
	err := p.Backend.StartScan(r.Context())
	if err != nil && fault.KindOf(err) != fault.Conflict {
		return err
	}
	if r.Header.Get("HX-Request") == "" {
		http.Redirect(w, r, p.Base+"/scan", http.StatusSeeOther)
		return nil
	}
	return p.showProgress(w, r)
}

func (p *portal) showChanges(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if q.Get("old") == "" || q.Get("new") == "" {
		return fault.Newf(fault.Usage, "two snapshots are needed to compare: choose them on the scan page")
	}
	older, err := p.Backend.Snapshot(r.Context(), q.Get("old"))
	if err != nil {
		return err
	}
	newer, err := p.Backend.Snapshot(r.Context(), q.Get("new"))
	if err != nil {
		return err
	}
	view := changes.View{
		Difference: depmap.Diff(older.Graph, newer.Graph),
		OldRead:    shell.MomentOf(older.TakenAt, p.Now()), NewRead: shell.MomentOf(newer.TakenAt, p.Now()),
	}
	f := p.frame(r, "scan", view.NewRead)
	f.Doubts = len(newer.Graph.Doubts)
	p.render(w, r, http.StatusOK, changes.Page(f.Titled("What changed"), view))
	return nil
}
