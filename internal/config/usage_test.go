package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
)

// inMain is a place of code in a language.
func inMain(ending string, line int) estate.Place {
	return estate.Place{File: "services/orders/main" + ending, Line: line}
}

// readingsOf are what mentions of one file of code say, by line.
func readingsOf(t *testing.T, ending string, values ...string) []Reading {
	t.Helper()
	var mentions []estate.Mention
	for i, v := range values {
		what, value, ok := strings.Cut(v, " ")
		if !ok {
			what, value = estate.CodeReads, v
		}
		mentions = append(mentions, estate.Mention{What: what, Value: value, Place: inMain(ending, i+1)})
	}
	reads, code := ReadingsOf(mentions)
	if code != (len(values) > 0) {
		t.Fatal("whether code was read is not told")
	}
	return reads
}

// givenIn is what a service is given: a key and its file each.
func givenIn(t *testing.T, keys ...string) Effective {
	t.Helper()
	var docs []Document
	for _, k := range keys {
		key, file, _ := strings.Cut(k, " ")
		docs = append(docs, Document{File: file, Layer: Seen, Values: map[string]Value{key: {Text: "x", Line: 1}}})
	}
	e, problems := Compute(docs, Spot{Service: "orders", Environment: "production", Kind: "vm"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return e
}

// verdicts are what becomes of keys, as "KEY verdict why default".
func verdicts(uses []KeyUse) []string {
	var out []string
	for _, u := range uses {
		line := u.Key + ": " + string(u.Verdict)
		for _, more := range []string{u.Why, u.Default} {
			if more != "" {
				line += ", " + more
			}
		}
		out = append(out, line)
	}
	return out
}

func TestAKeyIsReadInAnySpellingThatItsLibraryTakes(t *testing.T) {
	for _, c := range []struct {
		what   string
		ending string
		given  string
		read   string
		want   KeyVerdict
	}{
		{"the same", ".js", "SHOP_URL .env", "SHOP_URL", IsRead},
		{"a variable for a key of Spring", ".java", "CLIENTS_PRICING_URL x.env", "clients.pricing.url", IsRead},
		{"another spelling of a file", ".java", "clients.pricing.readTimeout application.yml", "clients.pricing.read-timeout", IsRead},
		{"a variable for a key of .NET", ".cs", "ConnectionStrings__Pricing x.env", "ConnectionStrings.Pricing", IsRead},
		{"viper", ".go", "CARD_RETRIES x.env", "card.retries", IsRead},
		{"a file's key is no variable in Node", ".js", "PORT .env", "port", NeverRead},
		{"nor a variable a file's key", ".py", "redis.url delivery.ini", "REDIS_URL", NeverRead},
		{"nor for a placeholder of Spring", ".java", "kopi.currency application.yml", "KOPI_CURRENCY", NeverRead},
		{"the small letters of proxies", ".py", "no_such_proxy x.env", "NO_SUCH_PROXY", IsRead},
		{"all that begin so", ".js", "FEATURE_CART .env", "FEATURE_*", IsRead},
		{"not what begins otherwise", ".js", "FEATURES .env", "FEATURE_*", NeverRead},
		{"all below", ".java", "clients.pricing.url application.yml", "clients.pricing.*", IsRead},
		{"all below, as a variable", ".java", "CLIENTS_PRICING_URL x.env", "clients.pricing.*", IsRead},
		{"what is beside is not below", ".java", "clients.pricing-v2.url application.yml", "clients.pricing.*", NeverRead},
		{"nothing of a name tells nothing", ".js", "SHOP_URL .env", "*", NeverRead},
		{"an object whole", ".js", "database.host default.json", "database", IsRead},
		{"an item of a list", ".js", "languages[0] default.json", "languages", IsRead},
		{"a variable has nothing below it", ".js", "SHOP_URL_OLD .env", "SHOP_URL", NeverRead},
		{"a file that is loaded", ".go", "card.url services/orders/config/pay.toml", "loads config/pay.toml", Loaded},
		{"by its absolute path", ".go", "card.url services/orders/config/pay.toml", "loads /etc/pay/pay.toml", Loaded},
		{"a file in another folder", ".go", "card.url services/orders/other/pay.toml", "loads config/pay.toml", NeverRead},
	} {
		t.Run(c.what, func(t *testing.T) {
			uses := Usage(givenIn(t, c.given), readingsOf(t, c.ending, c.read), Reader{Code: true, Libraries: []string{"npm:express"}})
			key, _, _ := strings.Cut(c.given, " ")
			for _, u := range uses {
				if u.Key == key && u.Verdict != c.want {
					t.Errorf("%s", verdicts(uses))
				}
			}
		})
	}
}

func TestWhatIsReadAndUnsetIsToldFromWhatHasADefault(t *testing.T) {
	uses := Usage(givenIn(t, "SET .env", "database.host default.json"),
		append(readingsOf(t, ".js", "SET", "NEEDED", "WITH=5", "EMPTY=", "BOTH", "BOTH=x", "database", "GIVEN", "PATH", "OPEN_*", "*"),
			Reading{Key: "WITH", Place: estate.Place{File: "other.js", Line: 1}}),
		Reader{Code: true, Given: []string{"GIVEN"}})
	if diff := cmp.Diff([]string{"BOTH: defaulted, x", "EMPTY: defaulted", "NEEDED: unset", "SET: read", "WITH: unset", "database.host: read"}, verdicts(uses)); diff != "" {
		t.Error(diff) // WITH is read by a second file, which has no default for it
	}
	if len(uses[4].Reads) != 2 || uses[4].Given != nil || uses[3].Given.Place.File != ".env" {
		t.Errorf("%+v", uses)
	}
}

func TestWhatRuntimesReadThemselvesIsNeverCalledUnread(t *testing.T) {
	node := Reader{Code: true, Libraries: []string{"npm:express"}}
	for _, c := range []struct {
		by   Reader
		key  string
		want string
	}{
		{node, "NODE_ENV x.env", "read, Node"},
		{node, "JAVA_OPTS x.env", "read, the JVM"}, // whoever writes it runs one
		{node, "spring.x package.json", "never read"},
		{node, "PORT x.env", "never read"},
		{node, "OTEL_SERVICE_NAME x.env", "read, OpenTelemetry"},
		{node, "https_proxy x.env", "read, HTTP clients"},
		{Reader{Code: true, Libraries: []string{"npm:next"}}, "PORT x.env", "read, Next"},
		{Reader{Code: true, Libraries: []string{"npm:next-auth"}}, "PORT x.env", "never read"},
		{Reader{Code: true, Libraries: []string{"gem:puma", "gem:rails"}}, "WEB_CONCURRENCY x.env", "read, Puma"},
		{Reader{Code: true, Libraries: []string{"gem:rails"}}, "production.host shop/config/database.yml", "read, Rails"},
		{Reader{Code: true, Libraries: []string{"maven:org.springframework.boot:spring-boot-starter-web"}}, "SERVER_PORT x.env", "read, Spring"},
		{Reader{Code: true, Libraries: []string{"maven:org.springframework.boot:spring-boot-starter-web"}}, "serverless.port application.yml", "never read"},
		{Reader{Code: true, Libraries: []string{"nuget:Dapper"}}, "Logging.LogLevel.Default appsettings.json", "read, .NET"},
		{Reader{Code: true, Libraries: []string{"pypi:celery"}}, "PYTHONUNBUFFERED x.env", "read, Python"},
		{Reader{Code: true}, "GOMAXPROCS x.env", "read, Go"}, // nothing is known of it, so it may be anything
		{Reader{}, "SHOP_URL x.env", "unknown, no code of it was read"},
		{Reader{}, "SPRING_PROFILES_ACTIVE x.env", "read, Spring"},
	} {
		got := verdicts(Usage(givenIn(t, c.key), nil, c.by))
		key, _, _ := strings.Cut(c.key, " ")
		if want := key + ": " + c.want; len(got) != 1 || got[0] != want {
			t.Errorf("%v: %v, want %s", c.by.Libraries, got, want)
		}
	}
}

func TestPlaceholdersOfFilesAreReadToo(t *testing.T) {
	for value, want := range map[string]string{
		"${KOPI_CURRENCY:SGD}":               "KOPI_CURRENCY=SGD",
		"${ORDERS_DB_PASSWORD:}":             "ORDERS_DB_PASSWORD=",
		"jdbc:${DB_URL}/${DB_NAME:-orders}":  "DB_URL DB_NAME=orders",
		"${env:HOST}":                        "HOST",
		"<%= ENV.fetch(\"POOL\") { 5 } %>":   "POOL=5",
		"<%= ENV[\"SHOP_PASSWORD\"] %>":      "SHOP_PASSWORD",
		"<%= ENV['MODE'] || 'web' %>":        "MODE=web",
		"%env(resolve:DATABASE_URL)%":        "DATABASE_URL",
		"${secret:menu-keys/token}":          "",
		"ENV[\"NOT_OF_A_TEMPLATE\"] $plain ": "",
	} {
		var got []string
		for _, r := range PlaceholdersIn(value, estate.Place{}) {
			s := r.Key
			if r.Default != nil {
				s += "=" + *r.Default
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", value, got)
		}
	}
}

func TestEveryKeyThatIsGivenHasOneVerdictInAnyOrderOfReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z][A-Za-z_.\[\]-]{0,6}`)
		var docs []Document
		for _, key := range rapid.SliceOfDistinct(name, rapid.ID).Draw(t, "given") {
			docs = append(docs, Document{File: "a.env", Layer: Seen, Values: map[string]Value{key: {Text: "x", Line: 1}}})
		}
		e, _ := Compute(docs, indonesia)
		var reads []Reading
		for i, key := range rapid.SliceOf(name).Draw(t, "read") {
			reads = append(reads, Reading{Key: key, Open: rapid.Bool().Draw(t, "open"), Place: estate.Place{File: "a.java", Line: i}})
		}
		by := Reader{Code: rapid.Bool().Draw(t, "code")}
		uses := Usage(e, reads, by)
		given := 0
		for _, u := range uses {
			if u.Given != nil {
				given++
			}
			if (u.Given == nil) != (u.Verdict == NotSet || u.Verdict == Defaulted) || u.Verdict == NeverRead && !by.Code {
				t.Fatalf("%+v", u)
			}
		}
		if given != len(e.Entries) {
			t.Fatalf("%d of %d keys: %v", given, len(e.Entries), verdicts(uses))
		}
		shuffled := rapid.Permutation(reads).Draw(t, "order")
		if a, b := fmt.Sprint(verdicts(uses)), fmt.Sprint(verdicts(Usage(e, shuffled, by))); a != b {
			t.Fatalf("%s, and in another order %s", a, b)
		}
	})
}

func FuzzPlaceholdersIn(f *testing.F) {
	for _, s := range []string{"${A:b}", "<%= ENV.fetch('A') { 5 } %>", "%env(int:A)%", "${${A}:${B:c}}", "#{x}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, r := range PlaceholdersIn(value, estate.Place{File: "a", Line: 1}) {
			if r.Key == "" || r.Open || !strings.Contains(value, r.Key) {
				t.Errorf("%q: %+v", value, r)
			}
		}
	})
}
