package workload

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// least is the smallest workload there is; more follows in the container.
const least = `apiVersion: score.dev/v1b1
metadata:
  name: orders
containers:
  orders:
    image: .
`

// schema is Score's own.
func schema(t testing.TB) *validator.Schema {
	t.Helper()
	data, err := os.ReadFile("testdata/score-v1b1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("score.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("score.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// value is a document as a validator takes it.
func value(t *testing.T, text string) any {
	t.Helper()
	docs, err := syntax.YAML([]byte(text))
	if err != nil || len(docs) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	return plain(docs[0])
}

// in puts lines into the container of the least workload.
func in(lines string) string { return least + indented(lines, "    ") }

// beside puts lines beside its containers.
func beside(lines string) string { return least + lines }

func indented(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by) + "\n"
}

// mended is how every complaint begins and ends: the line, and what to do.
var complaint = regexp.MustCompile(`(?m)^orders\.yaml:[1-9]\d*: .+(; .+|write .+|did you mean .+)$`)

func TestParseAndTheSchemaJudgeAlike(t *testing.T) {
	s := schema(t)
	for _, c := range []struct {
		name, text string
		valid      bool
	}{
		{"the least there is", least, true},
		{"no container", "apiVersion: score.dev/v1b1\nmetadata: {name: orders}\ncontainers: {}\n", false},
		{"containers left out", "apiVersion: score.dev/v1b1\nmetadata: {name: orders}\n", false},
		{"no name", "apiVersion: score.dev/v1b1\nmetadata: {}\ncontainers: {orders: {image: .}}\n", false},
		{"no version", "metadata: {name: orders}\ncontainers: {orders: {image: .}}\n", false},
		{"a version to come", strings.Replace(least, "v1b1", "v1", 1), false},
		{"a key nobody knows", beside("port: 80\n"), false},
		{"a name in capitals", strings.Replace(least, "name: orders", "name: Orders", 1), false},
		{"a name of one letter", strings.Replace(least, "name: orders", "name: o", 1), false},
		{"a name that begins with a dash", strings.Replace(least, "name: orders", "name: -orders", 1), false},
		{"a name that is too long", strings.Replace(least, "name: orders", "name: "+strings.Repeat("a", 64), 1), false},
		{"a name as long as may be", strings.Replace(least, "name: orders", "name: "+strings.Repeat("a", 63), 1), true},
		{"metadata people added", strings.Replace(least, "name: orders", "name: orders\n  owner: [a, b]", 1), true},
		{"an annotation with a prefix", strings.Replace(least, "name: orders", "name: orders\n  annotations: {example.org/team: a}", 1), true},
		{"an annotation with two slashes", strings.Replace(least, "name: orders", "name: orders\n  annotations: {example.org/a/b: a}", 1), false},
		{"an annotation that is a number", strings.Replace(least, "name: orders", "name: orders\n  annotations: {example.org/size: 4}", 1), false},
		{"an image left empty", strings.Replace(least, "image: .", `image: ""`, 1), false},
		{"no image", strings.Replace(least, "image: .", "args: []", 1), false},
		{"a container's name with a dot", strings.Replace(least, "  orders:\n", "  orders.api:\n", 1), false},
		{"a port", beside("service: {ports: {http: {port: 80}}}\n"), true},
		{"a port beyond the last", beside("service: {ports: {http: {port: 65536}}}\n"), false},
		{"port nought", beside("service: {ports: {http: {port: 0}}}\n"), false},
		{"a port in quotes", beside("service: {ports: {http: {port: \"80\"}}}\n"), false},
		{"a port without a number", beside("service: {ports: {http: {protocol: TCP}}}\n"), false},
		{"a protocol in small letters", beside("service: {ports: {http: {port: 80, protocol: tcp}}}\n"), false},
		{"another target port", beside("service: {ports: {http: {port: 80, targetPort: 8080, protocol: UDP}}}\n"), true},
		{"a service without ports", beside("service: {}\n"), true},
		{"a command", in("command: [run, --fast]\nargs: []"), true},
		{"a command that is a text", in("command: run --fast"), false},
		{"an argument that is a number", in("args: [--port, 80]"), false},
		{"variables", in("variables: {A: b, \"C D\": \"\"}"), true},
		{"a variable that is a number", in("variables: {PORT: 80}"), false},
		{"a variable that is nothing", in("variables: {PORT: }"), false},
		{"a variable with = in its name", in(`variables: {"A=B": c}`), false},
		{"a file with its content", in("files: {/etc/a: {content: x, mode: \"0644\"}}"), true},
		{"a file with nothing in it", in("files: {/etc/a: {mode: \"0644\"}}"), false},
		{"a file with two contents", in("files: {/etc/a: {content: x, source: y}}"), false},
		{"a mode that is no mode", in("files: {/etc/a: {content: x, mode: rw}}"), false},
		{"files as a list", in("files: [{target: /etc/a, content: x}]"), true},
		{"a target in a map", in("files: {/etc/a: {target: /etc/b, content: x}}"), false},
		{"a volume", in("volumes: {/data: {source: data, readOnly: true, path: sub}}"), true},
		{"a volume of nothing", in("volumes: {/data: {readOnly: true}}"), false},
		{"a volume that is half read only", in("volumes: {/data: {source: data, readOnly: half}}"), false},
		{"amounts", in("resources: {limits: {memory: 1.5Gi, cpu: \"2\"}, requests: {memory: 0.5G, cpu: 500m}}"), true},
		{"an amount in words", in("resources: {limits: {memory: much}}"), false},
		{"cpu that is a number", in("resources: {limits: {cpu: 2}}"), false},
		{"an amount of something else", in("resources: {limits: {disk: 10Gi}}"), false},
		{"a probe by HTTP", in("livenessProbe: {httpGet: {path: /, port: 80, scheme: HTTPS, host: a, httpHeaders: [{name: X-A, value: b}]}}"), true},
		{"a probe by command", in("readinessProbe: {exec: {command: [test, -e, /ready]}}"), true},
		{"a probe that asks nothing", in("readinessProbe: {}"), false},
		{"a probe without a port", in("readinessProbe: {httpGet: {path: /}}"), false},
		{"a probe by another scheme", in("readinessProbe: {httpGet: {path: /, port: 80, scheme: FTP}}"), false},
		{"a header without a value", in("readinessProbe: {httpGet: {path: /, port: 80, httpHeaders: [{name: X-A}]}}"), false},
		{"a header with a colon in its name", in("readinessProbe: {httpGet: {path: /, port: 80, httpHeaders: [{name: \"X:A\", value: b}]}}"), false},
		{"before another container", in("before: {sidecar: {ready: started}}\n") + "  sidecar: {image: .}\n", true},
		{"before, in a state nobody knows", in("before: {sidecar: {ready: soon}}\n") + "  sidecar: {image: .}\n", false},
		{"resources", beside("resources: {db: {type: postgres, class: large, id: orders.db, metadata: {annotations: {a-b: c}}, params: {x: [1, {y: true}]}}}\n"), true},
		{"a resource without a type", beside("resources: {db: {class: large}}\n"), false},
		{"an id in capitals", beside("resources: {db: {type: postgres, id: Main}}\n"), false},
		{"params that are a list", beside("resources: {db: {type: postgres, params: [a]}}\n"), false},
		{"a list where a map belongs", beside("resources: [db]\n"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := s.Validate(value(t, c.text)); (err == nil) != c.valid {
				t.Errorf("the schema says %v", err)
			}
			_, err := Parse([]byte(c.text), "orders.yaml")
			if (err == nil) != c.valid {
				t.Fatalf("Parse says %v", err)
			}
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("of kind %s", fault.KindOf(err))
			}
			for line := range strings.Lines(message(err)) {
				if !complaint.MatchString(strings.TrimSpace(line)) {
					t.Errorf("no line, or no mend: %s", line)
				}
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseSeesWhatNoSchemaTells(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a placeholder of no resource", in("variables: {DB: \"${resources.databse.host}\"}") + "resources: {database: {type: postgres}}\n", `:7: no resource is called "databse"; did you mean "database"?`},
		{"a placeholder where nothing is declared", in("variables: {DB: \"${resources.db.host}\"}"), `:7: no resource is called "db"; declare it under resources`},
		{"a property that type has not", in("variables: {DB: \"${resources.db.url}\"}") + "resources: {db: {type: postgres}}\n", `:7: db, a resource of type postgres, has no "url"; ask for host, port, database`},
		{"a placeholder that is not closed", in("variables: {DB: \"${resources.db.host\"}") + "resources: {db: {type: postgres}}\n", `:7: a placeholder is not closed; end it with }`},
		{"a placeholder of another form", in("variables: {DB: \"${DB_HOST}\"}"), `:7: `},
		{"metadata that is not known", in("variables: {NAME: \"${metadata.title}\"}"), `:7: ${metadata.title} is not known; write ${metadata.name}`},
		{"a placeholder in a file", in("files:\n  /etc/a:\n    content: \"${resources.db.host}\""), `no resource is called "db"`},
		{"a type nobody provides", beside("resources: {db: {type: postgress}}\n"), `:7: nobody provides a resource of type "postgress"; did you mean "postgres"?`},
		{"a type unlike all", beside("resources: {db: {type: teapot}}\n"), `; the types are postgres, mysql`},
		{"a port given twice", beside("service:\n  ports:\n    aa: {port: 80}\n    bb: {port: 80}\n"), `:10: port 80 is given as aa already; remove one`},
		{"replicas in words", withAnnotation("replicas: many"), `replicas is "many"; write a number such as "2"`},
		{"more at least than at most", withAnnotation("replicas: 6-2"), `wants at least 6 and at most 2; write the smaller number first`},
		{"a state nobody knows", withAnnotation("state: kept"), `write stateful, or leave it out`},
		{"a public name with a scheme", withAnnotation("public: https://a.example.org"), `write a host name such as shop.example.com`},
		{"a relative directory", withAnnotation("directory: srv/a"), `write an absolute path`},
		{"before a container there is none of", in("before: {sidecar: {ready: started}}"), `orders waits for sidecar, which is no container here; name one of orders`},
		{"two documents", least + "---\n" + least, `a second document; keep one`},
		{"nothing", "", `nothing in it; write a workload`},
		{"a name given twice", in("image: x"), `given in line`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), "orders.yaml")
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(message(err), c.want) || !strings.HasPrefix(message(err), "orders.yaml:") {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// withAnnotation is the least workload with one of Caravan's annotations.
func withAnnotation(line string) string {
	return strings.Replace(least, "name: orders", "name: orders\n  annotations:\n    caravan.example.org/"+line, 1)
}

func TestWhatIsNoPlaceholderIsText(t *testing.T) {
	w, err := Parse([]byte(in(`variables: {A: "$${HOME}", B: "$5", C: "${metadata.name}"}`)+"\n"), "orders.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := Parts(w.Variable("A") + w.Variable("B"))
	if err != nil || len(parts) != 1 || parts[0].Text != "${HOME}$5" {
		t.Errorf("%+v, %v", parts, err)
	}
}

// FuzzParse wants an answer, or an error with a line, for whatever is in a file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	f.Add([]byte(in("variables: {A: \"${resources.db.host}\"}") + "resources: {db: {type: postgres}}\n"))
	f.Add([]byte(in("files: [{target: /etc/a, binaryContent: \"%\"}]")))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := Parse(data, "orders.yaml")
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), "orders.yaml:") {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := Parse(Format(w, Notes{}), "again.yaml")
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		same(t, w, again)
	})
}
