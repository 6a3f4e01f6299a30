package webhook

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
)

const canary = "hook-secret-canary"

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func letter() message.Letter {
	m := message.Message{Key: "sha256:1", Kind: message.Announcement, Expansion: "indonesia", Wave: 2, Team: "orders", Title: "Wave 2", Text: "Wave 2", Value: json.RawMessage(`{"wave":2}`)}
	return message.Letter{ID: "0123456789abcdef0123456789abcdef", Messages: []message.Message{m}, Address: message.Address{Channel: message.Webhook}}
}

func hook(url string) *Hook {
	return New(Options{URL: url, Secret: func() (string, error) { return canary, nil }, Now: func() time.Time { return noon }})
}

func TestALetterIsSignedAndTheSameEachTime(t *testing.T) {
	var bodies []string
	var ids []string
	refuse := 2
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		bodies, ids = append(bodies, string(text)), append(ids, r.Header.Get(HeaderID))
		if r.Header.Get(HeaderSignature) != Sign(canary, r.Header.Get(HeaderTimestamp), text) || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("headers: %v", r.Header)
		}
		if len(bodies) <= refuse {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer srv.Close()
	h := hook(srv.URL + "/services/" + "T0/" + "B0")
	for i := range 3 {
		receipt, err := h.Send(t.Context(), letter())
		if i < refuse && fault.KindOf(err) != fault.Unavailable || i == refuse && (err != nil || receipt != "200 OK") {
			t.Errorf("time %d: %q, %v", i+1, receipt, err)
		}
	}
	var got struct {
		ID       string
		Messages []struct {
			Kind, Expansion, Team, Title, Text string
			Value                              struct{ Wave int }
		}
	}
	if err := json.Unmarshal([]byte(bodies[0]), &got); err != nil || got.ID != letter().ID || len(got.Messages) != 1 || got.Messages[0].Value.Wave != 2 || got.Messages[0].Kind != "announcement" {
		t.Errorf("%s: %+v, %v", bodies[0], got, err)
	}
	if bodies[0] != bodies[2] || ids[0] != ids[2] || ids[0] != letter().ID {
		t.Error("a second copy could not be recognised")
	}
}

// TestTheSignatureIsTheOneTheGuideComputes holds the scheme to a value made with openssl:
// printf '1772452800.{"id":"1"}' | openssl dgst -sha256 -hmac hook-secret-canary
func TestTheSignatureIsTheOneTheGuideComputes(t *testing.T) {
	const want = "v1=e2da6d84cb71319f3f8be16e69cb3179a6224934922649fc1a9760bc0c9bdcf0"
	if got := Sign(canary, "1772452800", []byte(`{"id":"1"}`)); got != want {
		t.Errorf("%s", got)
	}
}

func TestAnswersSayWhetherTryingAgainMakesSense(t *testing.T) {
	for _, tt := range []struct {
		status int
		after  string
		again  bool
		wait   time.Duration
	}{
		{204, "", false, 0}, {301, "", false, 0}, {400, "", false, 0}, {401, "", false, 0}, {404, "", false, 0}, {410, "", false, 0},
		{408, "", true, 0}, {429, "120", true, 2 * time.Minute}, {503, "Mon, 02 Mar 2026 12:10:00 GMT", true, 10 * time.Minute}, {500, "soon", true, 0}, {429, "99999999999", true, 0}, {429, "86400", true, time.Hour}, {503, "-5", true, 0},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			if tt.after != "" {
				w.Header().Set("Retry-After", tt.after)
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, r.Header.Get(HeaderSignature)+canary)
		}))
		_, err := hook(srv.URL).Send(t.Context(), letter())
		srv.Close()
		if (err == nil) != (tt.status < 300) || (fault.KindOf(err) == fault.Unavailable) != tt.again {
			t.Errorf("%d: %v", tt.status, err)
		}
		var later *message.Later
		if errors.As(err, &later) != tt.again || tt.again && tt.after != "99999999999" && later.After != tt.wait {
			t.Errorf("%d %s: %+v", tt.status, tt.after, later)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("the secret is in %v", err)
		}
	}
}

func TestNeitherTheAddressNorTheSecretIsInAnError(t *testing.T) {
	_, err := hook("http://127.0.0.1:1/services/path-canary").Send(t.Context(), letter())
	if fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}
