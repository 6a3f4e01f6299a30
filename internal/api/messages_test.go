package api

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/chat/chattest"
)

// slackSite is a site whose workspace takes answers from Slack, or not.
func slackSite(t *testing.T, channels string) http.Handler {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "caravan.yaml"), []byte("organisation: kopi\nsources: [{name: kopi, dir: .}]\n"+channels), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), app.Options{Workspace: dir, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	h, err := Site(Options{App: a, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSlacksRequestsAreTakenInOnlySignedAndSwitchedOn(t *testing.T) {
	t.Setenv("CARAVAN_TEST_SIGNING", "signing-canary")
	on := "channels: {slack: {token: {env: A}, approvals: true, signingSecret: {env: CARAVAN_TEST_SIGNING}}}\n"
	body := "payload=%7B%22type%22%3A%22block_actions%22%7D" // somebody pressed nothing of ours
	for _, tt := range []struct {
		name, channels, body string
		header               http.Header
		want                 int
	}{
		{"signed", on, body, chattest.Sign("signing-canary", body, clock()), 200},
		{"not signed", on, body, http.Header{}, 403},
		{"signed by another", on, body, chattest.Sign("other", body, clock()), 403},
		{"signed, and unreadable", on, "payload=x", chattest.Sign("signing-canary", "payload=x", clock()), 422},
		{"too long", on, strings.Repeat("x", maxBody+1), chattest.Sign("signing-canary", "", clock()), 422},
		{"switched off", "", body, chattest.Sign("signing-canary", body, clock()), 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost"+SlackPath, strings.NewReader(tt.body))
			r.Header = tt.header
			w := httptest.NewRecorder()
			slackSite(t, tt.channels).ServeHTTP(w, r)
			if w.Code != tt.want || strings.Contains(w.Body.String(), "canary") || tt.want == 200 && w.Body.Len() > 0 {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
		})
	}
}
