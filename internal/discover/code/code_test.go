package code

import (
	"bytes"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestGolden(t *testing.T) {
	readertest.Golden(t, Format(), "testdata/*.txtar", *update)
}

// mentions reads one file and returns what it mentions, as "key value".
func mentions(path, text string) []string {
	var out []string
	for _, s := range readertest.Read(Format(), readertest.Files(path, text)).Sightings {
		switch s.Fact {
		case estate.Mentions:
			out = append(out, s.Key+" "+s.Value)
		default:
			out = append(out, string(s.Fact)+" "+s.Value)
		}
	}
	return out
}

func TestOneLineInItsLanguage(t *testing.T) {
	for _, c := range []struct {
		what, path, text string
		want             []string
	}{
		{"a URL in a comment is none", "a.go", "// http://shop:8100", nil},
		{"a URL after a comment over lines", "a.java", "/* http://no\n */ String u = \"http://shop:8100\";", []string{"url http://shop:8100"}},
		{"a comment between code", "a.js", "x(/* 'http://no' */ 'http://shop');", []string{"url http://shop"}},
		{"two slashes inside a text", "a.js", "x('a // b', 'http://shop')", []string{"url http://shop"}},
		{"an escaped quote", "a.js", `x("\"// ", "http://shop")`, []string{"url http://shop"}},
		{"a hash inside a text", "a.py", "x = 'a # b http://shop'", []string{"url http://shop"}},
		{"a docstring in one line", "a.py", "\"\"\"http://no\"\"\"\nu = 'http://shop'", []string{"url http://shop"}},
		{"a long text is data", "a.py", "u = \"\"\"\nhttp://shop\n\"\"\"", []string{"url http://shop"}},
		{"an apostrophe in a template", "a.vue", "<p>don't</p> <a href=\"http://shop\">x</a>", []string{"url http://shop"}},
		{"an F# comment", "a.fs", "(* \"http://no\" *) let u = \"http://shop\"", []string{"url http://shop"}},
		{"a password never shows", "a.js", "x('amqp://kopi:hunter2@rabbit:5672/v')", []string{"url amqp://rabbit:5672"}},
		{"an IPv6 address is left to configuration", "a.js", "x('http://[::1]:80/')", nil},
		{"a local host without a port says nothing", "a.js", "x('http://localhost/x')", nil},
		{"a standard's name is no address", "a.js", "x('http://www.w3.org/2000/svg', 'https://fonts.googleapis.com/css')", nil},
		{"a public service is one", "a.js", "x('https://api.github.com/repos')", []string{"url https://api.github.com"}},
		{"a scheme that reaches nobody", "a.js", "x('file:///etc/x', 'classpath://y/z', 'data://q/r')", nil},
		{"an image with its version is no address", "a.js", "server = 'postgres:14'", nil},
		{"a time is no address", "a.js", "connect('at:10:30')", nil},
		{"several hosts in one URL", "a.py", "u = 'mongodb://a:27017,b:27017/x'", []string{"url mongodb://a:27017,b:27017"}},
		{"a list of URLs in one text", "a.py", "u = 'http://a:80,http://b:80'", []string{"url http://a:80", "url http://b:80"}},
		{"a JDBC address", "A.java", `u = "jdbc:sqlserver://sql:1433;databaseName=x";`, []string{"url sqlserver://sql:1433"}},
		{"what nobody knows is not guessed", "a.js", "x(`http://${host()}/y`); y('http://' + host)", nil},
		{"a constant that stands further down", "A.java", "@FeignClient(name = Names.STOCK) interface S {}\nclass Names { static final String STOCK = \"stock\"; }", []string{"client lb://stock"}},
		{"a constant in a comment is none", "A.java", "// String STOCK = \"old\";\nString STOCK = \"stock\";\nString u = \"http://\" + STOCK;", []string{"url http://stock"}},
		{"a name given twice stands for nothing", "a.js", "let h = 'shop';\nh = 'stock';\nx(`http://${h}/`)", nil},
		{"a Spring key in a text stays", "A.java", `u = "http://${shop.host}:80/";`, []string{"url http://${shop.host}:80"}},
		{"a variable in a template", "a.ts", "x(`http://${process.env.SHOP_HOST}:80/`)", []string{"fallback SHOP_HOST=", "url http://${SHOP_HOST}:80"}},
		{"a variable joined to a scheme", "a.js", "x('http://' + process.env.SHOP_HOST + '/x')", []string{"fallback SHOP_HOST=", "url http://${SHOP_HOST}"}},
		{"an empty default", "a.py", "x = os.getenv('SHOP_URL', '')", []string{"fallback SHOP_URL="}},
		{"a default over an annotation in Kotlin", "A.kt", `@Value("\${shop.url:http://shop}") val u: String`, []string{"fallback shop.url=http://shop"}},
		{"MicroProfile's way", "A.java", `@ConfigProperty(name = "shop.url", defaultValue = "http://shop") String u;`, []string{"fallback shop.url=http://shop"}},
		{"an Optional's way", "A.java", `String u = Optional.ofNullable(System.getenv("SHOP")).orElse("http://shop");`, []string{"fallback SHOP=http://shop"}},
		{"the machine's own properties", "A.java", `x = System.getProperty("java.io.tmpdir"); y = System.getProperty("shop.url", "http://shop");`, []string{"fallback shop.url=http://shop"}},
		{"Deno", "a.ts", `const u = Deno.env.get("SHOP_URL") ?? "http://shop";`, []string{"fallback SHOP_URL=http://shop"}},
		{"Elixir with a default as an argument", "a.ex", `System.get_env("SHOP_URL", "http://shop")`, []string{"fallback SHOP_URL=http://shop"}},
		{"a WebClient calls, it does not route", "A.java", `web.get().uri("http://shop/x")`, []string{"url http://shop"}},
		{"a gRPC stub by name", "A.java", `@GrpcClient("ledger") Stub s;`, []string{"client lb://ledger"}},
		{"a declarative client for a path", "A.java", `@Client("/orders") interface X {}`, nil},
		{"a port as a constant", "a.js", "const port = 4000\napp.listen(port)", []string{"listens 4000", "annotation runs"}},
		{"a port in an address", "a.go", "addr := \":4000\"\nhttp.ListenAndServe(addr, nil)", []string{"listens 4000"}},
		{"the environment of a build is nobody", "a.js", "if (process.env.NODE_ENV === 'production') {}", nil},
		{"a main module in Python that is a tool", "tool.py", "if __name__ == '__main__':\n  pass", nil},
		{"a main module in Python that is the entry", "main.py", "if __name__ == '__main__':\n  pass", []string{"annotation runs"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if diff := cmp.Diff(c.want, mentions("m/"+c.path, c.text)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWantsIsDecidedByPath(t *testing.T) {
	for p, want := range map[string]bool{
		"a/src/main/java/Orders.java": true, "a/src/test/java/Orders.java": false, "a/OrdersTest.java": false, "a/contest.go": true, "a/x_test.go": false, "a/x.spec.ts": false,
		"a/test_x.py": false, "a/conftest.py": false, "Kopi.UnitTests/X.cs": false, "web/dist/app.js": false, "web/build/app.js": false, "tools/build/main.go": true,
		"web/app.min.js": false, "web/static/js/jquery.js": false, "a/static/lib/x.js": false, "lib/x.js": true, "lib/orders.rb": true, "a/README.md": false, "a/pom.xml": false,
		"web/__tests__/a.js": false, "vendor/x/x.go": false, "cmd/api/main.go": true, "src/main/resources/static/jquery.html": false, "chef/roles/web.rb": false, "a/x.d.ts": false, "setup.py": false, "a/orders_pb2.py": false, "a/api.pb.go": false, "a/migrations/1.py": false, "wait.sh": true, "A.erl": true,
	} {
		if got := Program(p); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
}

func TestPackedAndEndlessFilesAreLeftOut(t *testing.T) {
	for what, text := range map[string]string{
		"one long line":           "var u = 'http://shop';" + strings.Repeat("x", maxLine),
		"a file that is too big":  "var u = 'http://shop';\n" + strings.Repeat("x\n", maxFile/2),
		"a file a program wrote":  "// Code generated by kopi. DO NOT EDIT.\nvar u = 'http://shop';",
		"nothing":                 "",
		"a comment without end":   "/* 'http://shop'\n",
		"a call without end":      "@FeignClient(" + strings.Repeat("(\n", 100),
		"a text without its end":  "x = `",
		"bytes that are not text": "\xff\xfe\x00://\x80",
	} {
		if got := mentions("A.java", text); got != nil {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestAFileWithoutMarksCostsNoMemory(t *testing.T) {
	data := bytes.Repeat([]byte("int total = a + b; // sum\nreturn total;\n"), 50)
	file := discover.File{Path: "A.java", Data: data}
	r := discover.NewReport("code")
	if n := testing.AllocsPerRun(20, func() { read(file, r) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func FuzzRead(f *testing.F) {
	for _, ext := range []string{".java", ".js", ".py", ".go", ".sh", ".rb", ".fs", ".ex"} {
		f.Add(ext, []byte("/* x */ u = f\"http://{host}:80/${X:-y}\" + os.getenv('A', \"b\") // @FeignClient(name = \"a\",\n url=B + \"c\")"))
	}
	f.Add(".go", []byte("package main\n`\n//"))
	f.Add(".js", []byte("const { A = 'x' } = process.env; app.listen(A)\n<!--\n-->"))
	f.Fuzz(func(t *testing.T, ext string, data []byte) {
		if languages[ext] == nil {
			return
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, s := range readertest.Read(Format(), readertest.Files("cmd/x/a"+ext, string(data))).Sightings {
			if s.Place.File != "cmd/x/a"+ext || s.Place.Line < 1 || s.Place.Line > lines {
				t.Errorf("a sighting without its place: %+v", s)
			}
		}
		first := fmt.Sprint(mentions("cmd/x/a"+ext, string(data)))
		if again := fmt.Sprint(mentions("cmd/x/a"+ext, string(data))); again != first {
			t.Errorf("%s, then %s", first, again)
		}
	})
}
