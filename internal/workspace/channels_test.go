package workspace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
)

// withMessages is a workspace on disk with some templates.
func withMessages(t *testing.T, text string, templates map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, messagesFolder), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(FileName, text)
	for name, text := range templates {
		write(filepath.Join(messagesFolder, name), text)
	}
	return dir
}

func TestAWorkspacesTemplatesAreUsed(t *testing.T) {
	w, err := Open(withMessages(t, least, map[string]string{"news.tmpl": "{{.Expansion}}: {{.What}}\n", "README.md": "{{"}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Templates().News(consent.News{Expansion: "indonesia", What: consent.Began}, consent.Plain)
	if err != nil || got != "indonesia: begun\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestATemplateThatCannotBeUsedIsNamedWithItsFileAndLine(t *testing.T) {
	_, err := Open(withMessages(t, least, map[string]string{"announcement.tmpl": "hello\n{{.Wawe}}\n", "nudge.tmpl": "{{end}}", "greeting.tmpl": ""}))
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"messages/announcement.tmpl:2: <.Wawe>: can't evaluate field Wawe", "messages/nudge.tmpl:1: unexpected {{end}}",
		`messages/greeting.tmpl:1: there is no message "greeting"; the templates are announcement, nudge, news, drift`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
}

func TestASecretIsReadWhereItIs(t *testing.T) {
	dir := withMessages(t, least, nil)
	w, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CARAVAN_TEST_SECRET", "from-env\n")
	for name, text := range map[string]string{"good": " from-file \n", "empty": "\n", "two": "a\nb\n", "long": strings.Repeat("x", mostSecret+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		secret    Secret
		want, err string
	}{
		{Secret{Env: "CARAVAN_TEST_SECRET"}, "from-env", ""},
		{Secret{File: "good"}, "from-file", ""},
		{Secret{Env: "CARAVAN_TEST_NOTHING"}, "", "CARAVAN_TEST_NOTHING is empty"},
		{Secret{File: "none"}, "", "no such file"},
		{Secret{File: "empty"}, "", "empty does not hold one line"},
		{Secret{File: "two"}, "", "two does not hold one line"},
		{Secret{File: "long"}, "", "long does not hold one line"},
	} {
		got, err := w.Reveal(tt.secret)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: %q, %v", tt.secret, got, err)
		}
	}
}

func TestOnlyPeopleOfATeamMayAnswerForIt(t *testing.T) {
	w, err := Parse([]byte(least+"teams:\n  - {name: orders, people: [Ani@example.org]}\n  - {name: payments, mail: payments@example.org}\n"), FileName)
	if err != nil {
		t.Fatal(err)
	}
	if !w.May("ani@EXAMPLE.org", "orders") {
		t.Error("ani is of orders")
	}
	if w.May("ani@example.org", "payments") || w.May("payments@example.org", "payments") || w.May("", "orders") || w.May("ani@example.org", "nobody") {
		t.Error("others may answer, too")
	}
}

func TestTimingIsOfTheChannelsZoneOrThePolicys(t *testing.T) {
	for text, zone := range map[string]string{
		"channels: {zone: Asia/Jakarta, quiet: {from: 20:00, until: 07:30}}\n":                  "Asia/Jakarta",
		"consent: {zone: Asia/Singapore}\nchannels: {quiet: {from: '20:00', until: '07:30'}}\n": "Asia/Singapore",
		"channels: {digest: 5m, quiet: {from: \"20:00\", until: 07:30}}\n":                      "UTC",
	} {
		w, err := Parse([]byte(least+text), FileName)
		if err != nil {
			t.Fatal(err)
		}
		got := w.Timing()
		want := message.Timing{Digest: 5 * time.Minute, From: 20 * 60, Until: 7*60 + 30}
		if got.Zone.String() != zone || got.From != want.From || got.Until != want.Until || got.Digest != want.Digest {
			t.Errorf("%s: %+v in %s", text, got, got.Zone)
		}
	}
}
