package api

import (
	"errors"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"

	"example.org/caravan/internal/fault"
)

// guard keeps web pages of other sites from driving the server: a name that a foreign resolver points at this machine
// is not answered, and what changes anything must come from a page of this server or from a program. It also bounds
// what a request may send.
func guard(next http.Handler, at own, log *slog.Logger) http.Handler {
	// MaxBytesHandler and not a reader put into r: net/http must still see its own body to know that a connection with
	// an unread rest cannot be used again.
	next = http.MaxBytesHandler(abortable(next, log), maxBody)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at.secure(w.Header())
		if p := at.refused(r); p != nil {
			writeProblem(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// own is the address people open the portal at; "" when that is not said.
type own string

// host is the name in the address; "" for none.
func (at own) host() string {
	u, err := url.Parse(string(at))
	if err != nil {
		return ""
	}
	return u.Host
}

// secure sets the headers of every answer, which pages of their own add to.
func (at own) secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.HasPrefix(string(at), "https://") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// refused tells why a request is not answered; nil when it is.
func (at own) refused(r *http.Request) *Problem {
	switch {
	case onLoopback(r) && !loopbackName(r.Host) && (r.Host == "" || r.Host != at.host()):
		return problemOf(fault.Newf(fault.Denied, "this server answers to localhost and 127.0.0.1 alone"))
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return nil
	case !at.sameOrigin(r):
		return problemOf(fault.Newf(fault.Denied, "a page of another site may not change anything here"))
	case strings.HasPrefix(r.URL.Path, Prefix) && r.ContentLength != 0 && !isJSON(r):
		p := problemOf(fault.Newf(fault.Invalid, "the body must be JSON: send it with Content-Type: application/json"))
		p.Status, p.Title = http.StatusUnsupportedMediaType, http.StatusText(http.StatusUnsupportedMediaType)
		return p
	}
	return nil
}

// abortable ends an answer that cannot be finished: the connection is closed, so that no half answer looks whole.
func abortable(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); (!ok || !errors.Is(err, http.ErrAbortHandler)) && r.Context().Err() == nil {
				log.Error("answer broken off", "method", r.Method, "path", r.URL.Path, "error", v)
			}
			panic(http.ErrAbortHandler) //nolint:forbidigo // the one way net/http has to close a connection
		}()
		next.ServeHTTP(w, r)
	})
}

// onLoopback reports whether the request came in on an address only this machine reaches.
func onLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true // in process
	}
	host, _, err := net.SplitHostPort(local.String())
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func loopbackName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// sameOrigin accepts programs, which send no Origin, and pages of this very server.
func (at own) sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Host == r.Host || origin == string(at))
}

// isJSON asks for the one content type no form of a foreign page can send.
func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
