package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/web/account"
	"example.org/caravan/internal/web/shell"
)

// showSignIn answers the page where people come in.
func (p *portal) showSignIn(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	return p.entrance(w, r, http.StatusOK, account.SignIn{Back: signin.SafePath(q.Get("back")), Left: q.Get("left") != ""})
}

func (p *portal) entrance(w http.ResponseWriter, r *http.Request, status int, v account.SignIn) error {
	v.Provider, v.Known = p.Gate.Door().Issuer(), rights.Of(r.Context()).Who()
	w.Header().Set("Cache-Control", "no-store")
	p.render(w, r, status, account.SignInPage(p.frame(r, "", shell.Moment{}).Titled("Sign in"), v))
	return nil
}

// refused answers the page where people come in with what is in the way.
func (p *portal) refused(w http.ResponseWriter, r *http.Request, err error) error {
	status := fault.KindOf(err).Status()
	if w.Header().Get("Retry-After") != "" {
		status = http.StatusTooManyRequests
	}
	return p.entrance(w, r, status, account.SignIn{Back: "/", Error: err.Error()})
}

// beginSignIn sends a browser to the provider. It begins at the portal's own address, so that what it keeps is there when the provider sends it back.
func (p *portal) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	back := signin.SafePath(r.URL.Query().Get("back"))
	if err := p.Gate.Try(w, r); err != nil {
		return p.refused(w, r, err)
	}
	own, err := url.Parse(p.Gate.Door().URL())
	if err != nil {
		return err
	}
	if own.Host != "" && own.Host != r.Host {
		http.Redirect(w, r, own.String()+"/signin/start?back="+url.QueryEscape(back), http.StatusSeeOther)
		return nil
	}
	a, there, err := p.Gate.Door().Begin(r.Context(), back)
	if err != nil {
		return p.refused(w, r, err)
	}
	if err := p.Gate.Begun(w, r, a); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, there, http.StatusSeeOther)
	return nil
}

// finishSignIn takes the provider's answer in.
func (p *portal) finishSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := p.Gate.Try(w, r); err != nil {
		return p.refused(w, r, err)
	}
	a := p.Gate.Attempt(w, r)
	secret, _, err := p.Gate.Door().Finish(r.Context(), a, r.URL.Query(), p.Gate.Session(r))
	if err != nil {
		return p.refused(w, r, err)
	}
	p.Gate.Admit(w, r, secret)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.Base+signin.SafePath(a.Back), http.StatusSeeOther)
	return nil
}

// redeemLink opens a session for the one-time link of whoever runs the program. A browser that only looks ahead does not use it up.
func (p *portal) redeemLink(w http.ResponseWriter, r *http.Request) error {
	if strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || r.Method == http.MethodHead {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err := p.Gate.Try(w, r); err != nil {
		return p.refused(w, r, err)
	}
	secret, err := p.Gate.Door().Redeem(r.URL.Query().Get("once"))
	if err != nil {
		return p.refused(w, r, err)
	}
	p.Gate.Admit(w, r, secret)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.Base+"/", http.StatusSeeOther)
	return nil
}

// signOut ends the session.
func (p *portal) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := p.Gate.Leave(r.Context(), w, r); err != nil {
		return err
	}
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, p.Base+"/signin?left=1", http.StatusSeeOther)
	return nil
}

func (p *portal) showTokens(w http.ResponseWriter, r *http.Request) error {
	return p.tokens(w, r, http.StatusOK, account.Tokens{})
}

// tokens answers the page of a person's tokens; v is what it shows beside them.
func (p *portal) tokens(w http.ResponseWriter, r *http.Request, status int, v account.Tokens) error {
	by := rights.Of(r.Context())
	list, err := p.Gate.Door().Tokens(r.Context(), by, false)
	if err != nil {
		return err
	}
	for _, t := range list {
		v.List = append(v.List, shownToken(t, p.Now()))
	}
	v.Offer = account.Offer(by)
	w.Header().Set("Cache-Control", "no-store")
	p.render(w, r, status, account.TokensPage(p.frame(r, "", shell.Moment{}).Titled("Tokens"), v))
	return nil
}

func shownToken(t store.Token, now time.Time) account.Token {
	out := account.Token{Name: t.Name, Scopes: []string{string(rights.Read)}, Created: shell.MomentOf(t.Created, now), Used: shell.MomentOf(t.Used, now), Expires: t.Expires.UTC().Format("2 January 2006"), State: "good"}
	for _, s := range t.Scopes {
		if s.Right != rights.Read {
			out.Scopes = append(out.Scopes, s.String())
		}
	}
	switch {
	case !t.Revoked.IsZero():
		out.State = "revoked"
	case !now.Before(t.Expires):
		out.State = "expired"
	}
	return out
}

// makeToken makes a token and shows its secret this once.
func (p *portal) makeToken(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		return fault.Newf(fault.Invalid, "the form cannot be read: load the page again")
	}
	req := signin.TokenRequest{Name: strings.TrimSpace(r.PostFormValue("name"))}
	made, err := p.wanted(r, &req)
	switch fault.KindOf(err) {
	case fault.Usage, fault.Invalid, fault.Conflict, fault.Denied:
		return p.tokens(w, r, fault.KindOf(err).Status(), account.Tokens{Name: req.Name, Error: err.Error()})
	}
	if err != nil {
		return err
	}
	return p.tokens(w, r, http.StatusOK, account.Tokens{Secret: made.Secret, Made: made.Name})
}

// wanted makes the token that a form asks for.
func (p *portal) wanted(r *http.Request, req *signin.TokenRequest) (signin.Made, error) {
	var err error
	if req.Expires, err = time.ParseDuration(r.PostFormValue("expires")); err != nil {
		return signin.Made{}, fault.Newf(fault.Usage, "say how long the token is good for")
	}
	for _, text := range r.PostForm["scope"] {
		scope, err := rights.ParseScope(text)
		if err != nil {
			return signin.Made{}, err
		}
		req.Scopes = append(req.Scopes, scope)
	}
	return p.Gate.Door().MakeToken(r.Context(), rights.Of(r.Context()), *req)
}

func (p *portal) revokeToken(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := p.Gate.Door().RevokeToken(r.Context(), rights.Of(r.Context()), "", r.PostFormValue("name")); err != nil {
		return err
	}
	http.Redirect(w, r, p.Base+"/tokens", http.StatusSeeOther)
	return nil
}
