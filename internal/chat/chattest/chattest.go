// Package chattest gives tests a Slack of their own on loopback: the methods of its Web API that are used here, answered as its documentation says,
// with what was called kept; and requests as Slack signs them.
package chattest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Workspace is the id of the workspace that users are of.
const Workspace = "T1"

// Call is a call of a method.
type Call struct {
	Method string
	Form   url.Values
}

// Blocks are a call's blocks, as JSON.
func (c Call) Blocks() string { return c.Form.Get("blocks") }

// Refusal is how a call is answered instead.
type Refusal struct {
	Status int           // HTTP; 200 for 0
	Error  string        // of the answer
	After  time.Duration // asked to wait
}

// Server is a Slack.
type Server struct {
	URL   string // of its API
	Token string // that calls must carry

	mu       sync.Mutex
	calls    []Call
	refusals []Refusal
	users    map[string]string // by id, as JSON
	changed  chan struct{}
}

// Serve runs a Slack until the test ends.
func Serve(t testing.TB, token string) *Server {
	t.Helper()
	s := &Server{Token: token, users: map[string]string{}, changed: make(chan struct{}, 1000)}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.URL = srv.URL + "/api/"
	return s
}

// User adds a user, as users.info gives it; more is JSON that is added, such as `,"is_bot":true`.
func (s *Server) User(id, mail, more string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[id] = fmt.Sprintf(`{"id":%q,"team_id":%q,"is_email_confirmed":true,"profile":{"email":%q}%s}`, id, Workspace, mail, more)
}

// Refuse answers the next calls so.
func (s *Server) Refuse(all ...Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = append(s.refusals, all...)
}

// Calls are the calls of a method so far.
func (s *Server) Calls(method string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(c Call) bool { return c.Method != method })
}

// Wait gives the calls of a method once there are so many, or fails the test.
func (s *Server) Wait(t testing.TB, method string, many int) []Call {
	t.Helper()
	enough := time.After(2 * time.Minute)
	for {
		if calls := s.Calls(method); len(calls) >= many {
			return calls
		}
		select {
		case <-s.changed:
		case <-enough:
			t.Fatalf("%d calls of %s, not %d", len(s.Calls(method)), method, many)
		}
	}
}

// ServeHTTP answers a call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	form := formOf(r)
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{method, form})
	defer func() { s.changed <- struct{}{} }()
	w.Header().Set("Content-Type", "application/json")
	if len(s.refusals) > 0 {
		refusal := s.refusals[0]
		s.refusals = s.refusals[1:]
		if refusal != (Refusal{}) {
			refusal.answer(w)
			return
		}
	}
	if strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") != s.Token && form.Get("token") != s.Token {
		_, _ = fmt.Fprint(w, `{"ok":false,"error":"invalid_auth"}`)
		return
	}
	_, _ = fmt.Fprint(w, s.answer(method, form))
}

func formOf(r *http.Request) url.Values {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var body map[string]json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body)
		out := url.Values{}
		for key, value := range body {
			text := string(value)
			_ = json.Unmarshal(value, &text)
			out.Set(key, text)
		}
		return out
	}
	_ = r.ParseMultipartForm(1 << 20)
	_ = r.ParseForm()
	return r.Form
}

func (r Refusal) answer(w http.ResponseWriter) {
	if r.After > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.After/time.Second)))
	}
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	_, _ = fmt.Fprintf(w, `{"ok":false,"error":%q}`, r.Error)
}

func (s *Server) answer(method string, form url.Values) string {
	switch method {
	case "chat.postMessage":
		return fmt.Sprintf(`{"ok":true,"channel":"C%s","ts":"17.%06d"}`, strings.TrimPrefix(form.Get("channel"), "#"), len(s.calls))
	case "chat.update":
		return fmt.Sprintf(`{"ok":true,"channel":%q,"ts":%q,"text":""}`, form.Get("channel"), form.Get("ts"))
	case "chat.postEphemeral":
		return `{"ok":true,"message_ts":"1.2"}`
	case "views.open":
		return `{"ok":true,"view":{"id":"V1"}}`
	case "users.info":
		if user, ok := s.users[form.Get("user")]; ok {
			return `{"ok":true,"user":` + user + `}`
		}
		return `{"ok":false,"error":"user_not_found"}`
	}
	return `{"ok":false,"error":"unknown_method"}`
}

// Press is the body of a request for a press of a button at a message, as Slack sends it.
func Press(user, trigger, channel, ts, action, value string) string {
	text, _ := json.Marshal(map[string]any{
		"type": "block_actions", "trigger_id": trigger, "user": map[string]string{"id": user}, "team": map[string]string{"id": Workspace},
		"channel": map[string]string{"id": channel}, "message": map[string]string{"ts": ts}, "actions": []map[string]string{{"action_id": action, "value": value}},
	})
	return url.Values{"payload": {string(text)}}.Encode()
}

// Submit is the body of a request for a form that was filled in, with the view that opened it.
func Submit(user, callback, private, reason string) string {
	text, _ := json.Marshal(map[string]any{
		"type": "view_submission", "user": map[string]string{"id": user}, "team": map[string]string{"id": Workspace},
		"view": map[string]any{"callback_id": callback, "private_metadata": private, "state": map[string]any{"values": map[string]any{"reason": map[string]any{"text": map[string]string{"value": reason}}}}},
	})
	return url.Values{"payload": {string(text)}}.Encode()
}

// Sign gives the headers that Slack sends with a body at a moment.
func Sign(secret, body string, at time.Time) http.Header {
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + ts + ":" + body))
	h := http.Header{}
	h.Set("X-Slack-Request-Timestamp", ts)
	h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	return h
}
