package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// parsed are documents by their files.
func parsed(t testing.TB, files map[string]string) []Document {
	t.Helper()
	var out []Document
	for _, file := range sorted(files) {
		d, err := Parse([]byte(files[file]), file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

var indonesia = Spot{Service: "orders", Environment: "indonesia", Kind: "kubernetes", Country: "ID"}

func TestTheMostSpecificLayerWinsAndTellsTheOthers(t *testing.T) {
	all := parsed(t, map[string]string{
		"config/base.yaml":                                  "values: {CURRENCY: SGD, POOL: 10, GONE: x, KIND: any}\n",
		"config/kind/kubernetes.yaml":                       "values: {KIND: cluster}\n",
		"config/kind/vm.yaml":                               "values: {KIND: machine}\n",
		"config/environment/indonesia.yaml":                 "values: {POOL: 20}\n",
		"config/country/ID.yaml":                            "values: {CURRENCY: IDR, POOL: 30}\n",
		"config/country/TH.yaml":                            "values: {CURRENCY: THB}\n",
		"services/orders/config/base.yaml":                  "values: {POOL: 40, GONE: }\n",
		"services/orders/config/environment/indonesia.yaml": "values: {POOL: 50}\n",
		"services/pricing/config/base.yaml":                 "values: {POOL: 60, OTHER: y}\n",
	})
	e, problems := Compute(all, indonesia)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := map[string]string{}
	for _, entry := range e.Entries {
		got[entry.Key] = entry.Value().Text + " " + entry.Place().String()
	}
	if diff := cmp.Diff(map[string]string{
		"CURRENCY": "IDR config/country/ID.yaml:1", "KIND": "cluster config/kind/kubernetes.yaml:1", "POOL": "50 services/orders/config/environment/indonesia.yaml:1",
	}, got); diff != "" {
		t.Error(diff)
	}
	if strings.Join(e.Unset, " ") != "GONE" {
		t.Errorf("taken away are %v", e.Unset)
	}
	pool, _ := e.Entry("POOL")
	var from []string
	for _, g := range pool.Given {
		from = append(from, g.Value.Text)
	}
	if strings.Join(from, " ") != "10 20 30 40 50" {
		t.Errorf("the layers of POOL are %v", from)
	}
}

func TestWhatIsWrongIsSaidWithItsLine(t *testing.T) {
	for _, c := range []struct{ name, file, text, says string }{
		{"a secret in the clear", "config/base.yaml", "values:\n  DB_PASSWORD: hunter2xyz\n", "config/base.yaml:2: DB_PASSWORD looks like a secret"},
		{"a password in an address", "config/base.yaml", "values:\n  URL: postgres://a:hunter2xyz@db/x\n", "config/base.yaml:2: URL looks like a secret"},
		{"a declared secret in the clear", "config/base.yaml", "keys:\n  X: {type: secret}\nvalues:\n  X: hunter2xyz\n", "config/base.yaml:4: X looks like a secret"},
		{"a kind that is none", "config/kind/bare.yaml", "values: {A: b}\n", `no environment is of kind "bare"`},
		{"a country that is none", "config/country/Indonesia.yaml", "values: {A: b}\n", `"Indonesia" is no country`},
		{"another file", "config/more.yaml", "values: {A: b}\n", "not a place for configuration"},
		{"an unknown type", "config/base.yaml", "keys:\n  A: {type: int}\n", "config/base.yaml:2"},
		{"bounds of a text", "config/base.yaml", "keys:\n  A: {least: 3}\n", "only integers and numbers have them"},
		{"a list", "config/base.yaml", "values:\n  A: [b]\n", "config/base.yaml:2: A is a list"},
		{"a secret in two places", "config/base.yaml", "values:\n  A: {env: B, kubernetes: c, key: d}\n", "a secret is kept in one place"},
		{"a secret without a key", "config/base.yaml", "values:\n  A: {kubernetes: c}\n", "say which key"},
		{"a file outside the workspace", "config/base.yaml", "values:\n  A: {sops: ../x.yaml, key: d}\n", "is not within the workspace"},
		{"a variable of the program itself", "config/base.yaml", "values:\n  A: {env: CARAVAN_CLIENT_SECRET}\n", "is given to no service"},
		{"forms for everybody", "config/base.yaml", "reads: [{as: env, path: /a}]\n", "config/base.yaml:1"},
		{"a form without a path", "services/a/config/base.yaml", "reads: [{as: properties}]\n", "say where the service finds it"},
		{"a key that cannot be one", "config/base.yaml", "values:\n  'a b': c\n", "cannot be a key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), c.file)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the secret is said again: %v", err)
			}
		})
	}
}

func TestValuesAreOfTheirTypes(t *testing.T) {
	for _, c := range []struct{ declared, value, says string }{
		{"{type: integer, least: 1, most: 200}", "20", ""},
		{"{type: integer, least: 1, most: 200}", "0", "less than 1"},
		{"{type: integer, least: 1, most: 200}", "201", "more than 200"},
		{"{type: integer}", "2.5", "write a whole number"},
		{"{type: boolean}", "TRUE", ""},
		{"{type: boolean}", "yes", "write true or false"},
		{"{type: duration}", "1m30s", ""},
		{"{type: duration}", "90", "such as 250ms"},
		{"{type: size}", "64Ki", ""},
		{"{type: size}", "10MB", ""},
		{"{type: size}", "big", "such as 512"},
		{"{type: url}", "https://a/b", ""},
		{"{type: url}", "a/b", "write an address"},
		{"{oneOf: [a, b]}", "c", "write one of a, b"},
		{"{type: integer}", "'${resources.pg.port}'", ""},
		{"{type: secret}", "{kubernetes: a, key: b}", ""},
		{"{type: integer}", "{kubernetes: a, key: b}", "given as a secret"},
		{"{type: integer, required: true}", "", "has to have a value"},
	} {
		_, problems := Compute(parsed(t, map[string]string{"services/orders/config/base.yaml": "keys:\n  K: " + c.declared + "\nvalues:\n  K: " + c.value + "\n"}), indonesia)
		got := ""
		for _, p := range problems {
			got += p.String()
		}
		if c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s given %s: %q", c.declared, c.value, got)
		}
	}
}

func TestEveryFormIsWrittenAsItIsRead(t *testing.T) {
	all := parsed(t, map[string]string{"services/orders/config/base.yaml": `
keys:
  server.port: {type: integer}
  flag: {type: boolean}
reads:
  - {as: env, path: /etc/o/env, keys: ["E_*"]}
  - {as: properties, path: /etc/o/a.properties, keys: ["p.*"]}
  - {as: yaml, path: /etc/o/a.yaml, keys: ["server.*", flag, url]}
  - {as: json, path: /etc/o/a.json, keys: ["j.*"]}
  - {as: variables}
values:
  E_A: 'say "hi" $HOME'
  E_S: {env: TOKEN}
  p.text: " kopi ☕ a=b\\"
  p.host: x-${resources.pg.host}
  server.port: 8080
  flag: True
  url: 'http://${resources.pg.host}/"q"'
  j.a.b: x
  j.a.c: $${not}
  PLAIN: value
  PG: {kubernetes: pg-main, key: password}
`})
	e, problems := Compute(all, indonesia)
	d, more := Deliver(e, "orders-secrets")
	if len(problems)+len(more) > 0 {
		t.Fatal(problems, more)
	}
	if diff := cmp.Diff(Delivered{
		Variables: map[string]string{"PLAIN": "value", "PG": "${secrets.pg-main.password}"},
		Files: map[string]string{
			"/etc/o/env":          "E_A=\"say \\\"hi\\\" \\$HOME\"\nE_S=\"${secrets.orders-secrets.E_S}\"\n",
			"/etc/o/a.properties": "p.host=x-${resources.pg.host}\np.text=\\ kopi \\u2615 a=b\\\\\n",
			"/etc/o/a.yaml":       "\"flag\": true\n\"server\":\n  \"port\": 8080\n\"url\": \"http://${resources.pg.host}/\\\"q\\\"\"\n",
			"/etc/o/a.json":       "{\n  \"j\": {\n    \"a\": {\n      \"b\": \"x\",\n      \"c\": \"$${not}\"\n    }\n  }\n}\n",
		},
	}, d); diff != "" {
		t.Error(diff)
	}
}

func TestAKeyThatIsALevelToo(t *testing.T) {
	e, _ := Compute(parsed(t, map[string]string{"services/orders/config/base.yaml": "reads: [{as: yaml, path: /a.yaml}]\nvalues: {a: x, a.b: y}\n"}), indonesia)
	if _, problems := Deliver(e, "s"); len(problems) != 1 || !strings.Contains(problems[0].Text, "rename one") {
		t.Error(problems)
	}
}

func TestWhatMeansTheSameIsNoDifference(t *testing.T) {
	of := func(values string) Effective {
		e, _ := Compute(parsed(t, map[string]string{
			"config/base.yaml":                 "keys: {T: {type: duration}, N: {type: number}, B: {type: boolean}, S: {type: size}}\n",
			"services/orders/config/base.yaml": "values: {" + values + "}\n",
		}), indonesia)
		return e
	}
	if d := Compare(of("T: 60s, N: 1.50, B: true, S: 1Ki, X: a"), of("T: 1m, N: 1.5, B: True, S: 1024, X: a")); len(d) > 0 {
		t.Error(d)
	}
	d := Compare(of("T: 60s, X: a, OLD: b, P: {env: A}"), of("T: 61s, X: A, NEW: c, P: {env: B}"))
	var keys []string
	for _, x := range d {
		keys = append(keys, x.Key)
	}
	if strings.Join(keys, " ") != "NEW OLD P T X" {
		t.Errorf("%v", keys)
	}
}

func TestFilesAndDocumentsAreOneToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service := estate.ServiceName(rapid.SampledFrom([]string{"", "orders", "a.b"}).Draw(t, "service"))
		layer := rapid.SampledFrom(layers).Draw(t, "layer")
		name := rapid.SampledFrom([]string{"vm", "ID", "id-data.1"}).Draw(t, "name")
		if layer == Base {
			name = ""
		}
		d, ok := At(File(service, layer, name))
		if !ok || d.Service != service || d.Layer != layer || d.Name != name {
			t.Errorf("%v %q of %q: %+v", layer, name, service, d)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("values: {A: b}\n")
	f.Add("keys: {A: {type: integer, least: 1}}\nvalues:\n  A: 3\n  B: {sops: a, key: b}\nreads: [{as: yaml, path: /x}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse([]byte(text), "services/orders/config/base.yaml")
		if err != nil {
			return
		}
		e, _ := Compute([]Document{d}, indonesia)
		Deliver(e, "own")
	})
}

func TestSettingAValueLeavesTheRestAlone(t *testing.T) {
	const file = "services/orders/config/base.yaml"
	text := "# what orders is given\nkeys:\n  POOL: {type: integer}\n\nvalues:\n  # before A\n  A: one # why\n  LONG: |\n    first\n    second\n\n  # before Z\n  Z: last\nreads:\n  - {as: variables}\n"
	for _, c := range []struct {
		name, key string
		value     Value
		old, new  string
	}{
		{"over one", "A", Value{Text: "two"}, "A: one # why", "A: two # why"},
		{"over one of several lines", "LONG", Value{Text: "short"}, "LONG: |\n    first\n    second\n", "LONG: short\n"},
		{"a new one", "POOL", Value{Text: "20"}, "Z: last\n", "Z: last\n  POOL: 20\n"},
		{"one that needs quotes", "A", Value{Text: "x: #y"}, "A: one # why", `A: "x: #y" # why`},
		{"nothing any more", "A", Value{Unset: true}, "A: one # why", "A: # why"},
		{"a secret", "Z", Value{Secret: &Reference{Kubernetes: "pg", Key: "password"}}, "Z: last", `Z: {kubernetes: "pg", key: "password"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Set([]byte(text), file, c.key, c.value)
			if want := strings.Replace(text, c.old, c.new, 1); err != nil || string(got) != want {
				t.Errorf("%v\n%s", err, cmp.Diff(want, string(got)))
			}
		})
	}
	got, err := Set(nil, file, "A", Value{Text: "b"})
	if err != nil || string(got) != "values:\n  A: b\n" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := Set([]byte("values: {A: b}\n"), file, "B", Value{Text: "c"}); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
	if _, err := Set(nil, file, "DB_PASSWORD", Value{Text: "hunter2xyz"}); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestWhateverIsSetIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const file = "config/base.yaml"
		var text []byte
		for range rapid.IntRange(1, 6).Draw(t, "values") {
			key := rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_./:-]{0,8}`).Draw(t, "key")
			value := rapid.OneOf(rapid.StringMatching(`[ -~☕é\n]{0,12}`), rapid.SampledFrom([]string{"", "null", "~", "true", "1e3", "- x", "{a", "%", "a: b", " x "})).Draw(t, "value")
			next, err := Set(text, file, key, Value{Text: value})
			if err != nil {
				if fault.KindOf(err) == fault.Invalid {
					continue // it looks like a secret
				}
				t.Fatalf("%q %q: %v\n%s", key, value, err, text)
			}
			d, err := Parse(next, file)
			if err != nil || d.Values[key].Text != value {
				t.Fatalf("%q is %q: %v\n%s", key, value, err, next)
			}
			text = next
		}
	})
}

func TestWhatAServiceIsGivenTodayIsTakenOver(t *testing.T) {
	at := func(line int) estate.Place { return estate.Place{File: "old.yml", Line: line} }
	p := Propose("orders", "orders-secrets", []Old{
		{"orders.cancel-after", "15m", false, "", at(2)}, {"LOG_LEVEL", "info", true, "", at(3)}, {"log.level", "debug", false, "", at(4)},
		{"API_TOKEN", "•••", true, "", at(5)}, {"URL", "amqp://kopi:•••@rabbit", true, "", at(6)}, {"NODE", "#{node['ip']}", true, "", at(7)},
		{"pool", "${POOL:10}", false, "", at(8)}, {"KNOWN", "x", true, "", at(9)}, {"note", "a #b", false, "", at(10)},
	}, func(key string) bool { return key == "KNOWN" }, func(key string) bool { return key == "note" })
	const want = `# Taken over from what orders is given today, each key with the line it is from.
# QUESTION: NODE is computed when it is deployed; write its value (old.yml:7)
# QUESTION: URL holds a secret among other text; keep all of it in a secret, or take the secret out of it (old.yml:6)
values:
  API_TOKEN: {kubernetes: "orders-secrets", key: "API_TOKEN"} # old.yml:5
  LOG_LEVEL: info # old.yml:3
  note: "a #b" # old.yml:10; nobody reads it
  orders.cancel-after: 15m # old.yml:2
  pool: $${POOL:10} # old.yml:8
# Variables come as variables; what has dots in its name in a file, which the service has to be told of.
reads:
  - {as: properties, path: /etc/orders/application.properties, keys: ["*.*"]}
  - {as: variables}
`
	if diff := cmp.Diff(want, p.Text); diff != "" {
		t.Error(diff)
	}
	if p.Keys != 5 || len(p.Secrets) != 1 || len(p.Questions) != 2 || len(p.Unread) != 1 {
		t.Errorf("%+v", p)
	}
	d, err := Parse([]byte(p.Text), "services/orders/config/base.yaml")
	if err != nil || d.Values["pool"].Text != "$${POOL:10}" || d.Values["note"].Text != "a #b" {
		t.Errorf("%v %+v", err, d)
	}
}
