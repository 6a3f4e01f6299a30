package gate

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"example.org/caravan/internal/signin"
)

const (
	sessionCookie = "caravan"
	attemptCookie = "caravan-attempt"
	attemptLength = 10 * time.Minute
)

// secure reports whether browsers reach the portal over https alone.
func (g *Gate) secure() bool { return strings.HasPrefix(g.o.Door.URL(), "https://") }

// named is a cookie's name: over https one that no other host can set (RFC 6265bis, __Host-); else one for each port, which cookies do not tell apart.
func (g *Gate) named(r *http.Request, name string) string {
	if g.secure() {
		return "__Host-" + name
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		return name + "-" + port
	}
	return name
}

func (g *Gate) set(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: g.named(r, name), Value: value, Path: "/", MaxAge: int(age / time.Second), HttpOnly: true, Secure: g.secure(), SameSite: http.SameSiteLaxMode})
}

func (g *Gate) forget(w http.ResponseWriter, r *http.Request, name string) {
	http.SetCookie(w, &http.Cookie{Name: g.named(r, name), Path: "/", MaxAge: -1, HttpOnly: true, Secure: g.secure(), SameSite: http.SameSiteLaxMode})
}

// Session is the secret of the session a request shows; "" for none.
func (g *Gate) Session(r *http.Request) string {
	c, err := r.Cookie(g.named(r, sessionCookie))
	if err != nil {
		return ""
	}
	return c.Value
}

// Admit lets a browser keep a session's secret, until it is closed or the session ends.
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request, secret string) {
	g.set(w, r, sessionCookie, secret, 0)
}

// Begun lets a browser keep the sign-in it began.
func (g *Gate) Begun(w http.ResponseWriter, r *http.Request, a signin.Attempt) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	g.set(w, r, attemptCookie, base64.RawURLEncoding.EncodeToString(data), attemptLength)
	return nil
}

// Attempt is the sign-in a browser began, which it keeps no longer; the zero one when it began none.
func (g *Gate) Attempt(w http.ResponseWriter, r *http.Request) signin.Attempt {
	var a signin.Attempt
	c, err := r.Cookie(g.named(r, attemptCookie))
	if err != nil {
		return a
	}
	g.forget(w, r, attemptCookie)
	data, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(data, &a) != nil {
		return signin.Attempt{}
	}
	return a
}
