package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
)

var sg = Spot{Service: "orders", Environment: "production-sg", Kind: "vm", Country: "SG"}

// expected is what layers have for orders in Singapore, with the secrets that are known.
func expected(t *testing.T, known map[string]string, files ...string) []Expected {
	t.Helper()
	var all []Document
	for i := 0; i < len(files); i += 2 {
		d, err := Parse([]byte(files[i+1]), files[i])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	e, problems := Compute(all, sg)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	out, problems := Expect(e, func(x Entry) (string, bool, error) {
		if r := x.Value().Secret; r != nil {
			text, ok := known[r.Env]
			return text, ok, nil
		}
		return x.Value().Text, true, nil
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return out
}

func told(machine string, values ...string) Told {
	t := Told{Instance: machine, Values: map[Slot]string{}}
	for _, v := range values {
		key, value, _ := strings.Cut(v, "=")
		key, file, _ := strings.Cut(key, "@")
		t.Values[Slot{Key: key, File: file}] = value
	}
	return t
}

// rows are a report's keys, one line each.
func rows(r Report) string {
	var b strings.Builder
	for _, k := range r.Keys {
		b.WriteString(string(k.Verdict) + " " + k.Key)
		if k.File != "" {
			b.WriteString("@" + k.File)
		}
		b.WriteString(": " + k.Now.What() + " / " + k.Then.What())
		if len(k.Instances) > 0 {
			b.WriteString(" on " + strings.Join(k.Instances, " "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestEveryKeyIsEqualIntendedOrUnexplained(t *testing.T) {
	want := expected(t, nil, "services/orders/config/base.yaml", `
keys: {TIMEOUT: {type: duration}, POOL: {type: integer}}
values:
  TIMEOUT: 60s
  POOL: 40
  MODE: fast
  NEW: 1
  DB_PASSWORD: {kubernetes: orders-secrets, key: db}
`)
	now := []Told{told("a", "TIMEOUT=1m", "POOL=30", "MODE=fast", "DB_PASSWORD=hunter2", "OLD=x"), told("b", "TIMEOUT=1m", "POOL=30", "MODE=slow", "DB_PASSWORD=hunter2", "OLD=x")}
	got := Compared(sg, want, now, nil, nil)
	if diff := cmp.Diff(`equal DB_PASSWORD: a secret / secret orders-secrets, key db
equal MODE: fast / fast on a
unexplained MODE: slow / fast on b
unexplained NEW: nothing / 1
unexplained OLD: x / nothing
unexplained POOL: 30 / 40
equal TIMEOUT: 1m / 60s
`, rows(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Percent() != 42 || got.Unexplained != 4 {
		t.Errorf("%d %%, %d unexplained", got.Percent(), got.Unexplained)
	}
	signed := Signature{Service: "orders", Environment: "production-sg", Slot: Slot{Key: "POOL"}, Digest: got.Keys[5].Digest, By: "ann", Why: "more is needed", At: time.Unix(1, 0)}
	again := Compared(sg, want, now, nil, []Signature{signed})
	if again.Keys[5].Verdict != Intended || again.Keys[5].Signed.By != "ann" {
		t.Errorf("a signed difference is %+v", again.Keys[5])
	}
	now[0].Values[Slot{Key: "POOL"}], now[1].Values[Slot{Key: "POOL"}] = "20", "20"
	if other := Compared(sg, want, now, nil, []Signature{signed}); other.Keys[5].Verdict != Unexplained {
		t.Error("a signature counts for a difference that nobody has seen")
	}
}

func TestSecretsAreComparedAndNeverShown(t *testing.T) {
	want := expected(t, map[string]string{"KEY": "right-canary"}, "services/orders/config/base.yaml", "values:\n  API_KEY: {env: KEY}\n  OTHER_KEY: {env: UNKNOWN}\n")
	for _, told := range [][]Told{
		{told("a", "API_KEY=right-canary", "OTHER_KEY=x-canary")}, {told("a", "API_KEY=wrong-canary", "OTHER_KEY=x-canary", "DB_PASSWORD=third-canary")}, {told("a")},
	} {
		got := Compared(sg, want, told, nil, nil)
		if text := rows(got); strings.Contains(text, "canary") {
			t.Errorf("a secret is said:\n%s", text)
		}
		for _, k := range got.Keys {
			v := k.Adopted("orders-secrets")
			if k.Now != nil && (v.Secret == nil || v.Text != "") {
				t.Errorf("%s is adopted as %+v", k.Key, v)
			}
		}
	}
	right := Compared(sg, want, []Told{told("a", "API_KEY=right-canary", "OTHER_KEY=x-canary")}, nil, nil)
	wrong := Compared(sg, want, []Told{told("a", "API_KEY=wrong-canary", "OTHER_KEY=x-canary")}, nil, nil)
	if right.Unexplained != 0 || wrong.Unexplained != 1 || wrong.Keys[0].Key != "API_KEY" {
		t.Errorf("right: %s wrong: %s", rows(right), rows(wrong))
	}
}

func TestAFileThatNobodyFindsYetIsComparedWithWhatIsKnownOfToday(t *testing.T) {
	want := expected(t, nil, "services/orders/config/base.yaml", "values:\n  server.port: 8210\n  cache.size: 5\nreads:\n  - {as: properties, path: /etc/orders.properties}\n")
	today := []Old{{Key: "server.port", Value: "8210", Place: estate.Place{File: "application.yml", Line: 3}}, {Key: "cache.size", Value: "7", Place: estate.Place{File: "orders.yml", Line: 2}}}
	if diff := cmp.Diff("unexplained cache.size@/etc/orders.properties: 7 / 5\nequal server.port@/etc/orders.properties: 8210 / 8210\n", rows(Compared(sg, want, []Told{told("a")}, today, nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	there := told("a", "server.port@/etc/orders.properties=8211")
	if diff := cmp.Diff("unexplained cache.size@/etc/orders.properties: nothing / 5\nunexplained server.port@/etc/orders.properties: 8211 / 8210\n", rows(Compared(sg, want, []Told{there}, today, nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatChangedSinceTheSwitchIsSaidWithoutSecrets(t *testing.T) {
	before, now := told("a", "MODE=fast", "DB_PASSWORD=one-canary", "OLD=1"), told("a", "MODE=fast", "DB_PASSWORD=two-canary", "NEW=2")
	var lines []string
	for _, p := range Changed(sg, nil, before, now) {
		lines = append(lines, p.Since())
	}
	got := strings.Join(lines, "\n")
	if diff := cmp.Diff("DB_PASSWORD is another value, and was a secret\nNEW is new: 2\nOLD is gone; it was 1", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if Changed(sg, nil, Told{}, now) != nil {
		t.Error("something changed although nothing is known of before")
	}
}

func TestWhatConfigurationKeepsAsASecretIsNeverShownWhateverItIsCalled(t *testing.T) {
	line, partner := Slot{Key: "PARTNER_LINE"}, Slot{Key: "PARTNER"}
	before, now := told("a", "PARTNER_LINE=canary-one", "PARTNER=canary-one"), told("a", "PARTNER_LINE=canary-two", "PARTNER=canary-two")
	now.Hidden = map[Slot]bool{line: true} // it stands beside other secrets on the machine, and configuration has it no more
	want := []Expected{{Slot: partner, Type: Text, Text: "canary-two", Secret: &Reference{Env: "PARTNER"}, Known: true}}
	for _, p := range append(Changed(sg, want, before, now), Compared(sg, want, []Told{now}, nil, nil).Keys...) {
		if said := fmt.Sprintf("%s %s %+v %+v", p.Text(), p.Since(), p.Now, p.Then); strings.Contains(said, "canary") {
			t.Error(said)
		}
	}
	if p := Compared(sg, nil, []Told{now}, nil, nil).Keys[1].Adopted("own"); p.Secret == nil {
		t.Errorf("it would be written in the clear: %+v", p)
	}
}

func TestADifferenceIsSaidInOneLine(t *testing.T) {
	want := []Expected{{Slot: Slot{Key: "A"}, Type: Text, Text: "one\ncaravan: all is well"}}
	for _, k := range Compared(sg, want, []Told{told("a", "A=\x1b[31mred")}, nil, nil).Keys {
		if got := k.Text(); got != `A would be "one\ncaravan: all is well", and is "\x1b[31mred"` {
			t.Error(got)
		}
	}
}

func TestWhatIsDeliveredIsReadBackAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		as := rapid.SampledFrom([]As{AsEnvFile, AsProperties, AsYAML, AsJSON}).Draw(t, "as")
		form := Form{As: as, Path: "/etc/x"}
		text := rapid.StringOf(rapid.RuneFrom([]rune(" aZ9=:#!\"'\\$%{}äß漢,;-\t"))).Draw(t, "value")
		e := Effective{Spot: sg, Entries: []Entry{{Key: "KEY", Declared: Key{Type: Text}, Form: form, Given: []Given{{Value: Value{Text: strings.ReplaceAll(text, "${", "$${")}}}}}}
		delivered, problems := Deliver(e, "own")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		got, err := Read(as, strings.ReplaceAll(delivered.Files["/etc/x"], "$${", "${"))
		if err != nil || got["KEY"] != text {
			t.Fatalf("%q is %q, read as %q: %v", text, delivered.Files["/etc/x"], got["KEY"], err)
		}
	})
}

func TestASecretStandsInAFileAsTheProcessReadsItBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		as := rapid.SampledFrom([]As{AsEnvFile, AsProperties, AsYAML, AsJSON}).Draw(t, "as")
		secret := rapid.StringOf(rapid.RuneFrom([]rune(" aZ9=:#!\"'\\$%{}äß漢,;-"))).Filter(func(s string) bool { return !strings.HasSuffix(s, " ") }).Draw(t, "secret")
		e := Effective{Spot: sg, Entries: []Entry{{Key: "KEY", Declared: Key{Type: Secret}, Form: Form{As: as, Path: "/etc/x"}, Given: []Given{{Value: Value{Secret: &Reference{Env: "X"}}}}}}}
		delivered, problems := Deliver(e, "own")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		text := strings.Replace(delivered.Files["/etc/x"], "${secrets.own.KEY}", InForm(as, secret), 1)
		if got, err := Read(as, text); err != nil || got["KEY"] != secret {
			t.Fatalf("%q is %q, read as %q: %v", secret, text, got["KEY"], err)
		}
	})
}

func FuzzReadNeverPanics(f *testing.F) {
	f.Add("yaml", "a:\n  b: 1\n")
	f.Add("properties", "a.b=1\\\n 2\n")
	f.Add("env", "A=\"x\\\ny\"\n")
	f.Add("json", `{"a":{"b":[1,2]}}`)
	f.Fuzz(func(t *testing.T, as, text string) {
		if got, err := Read(As(as), text); err == nil && got == nil {
			t.Error("neither keys nor an error")
		}
	})
}
