// Package synthetic writes estates of any size for measuring: services in three stacks, each with its build manifest,
// configuration, deployment and source files, and edges that are known because they were put there.
package synthetic

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Size of an estate.
type Size struct {
	Services int // of which one in twenty is a datastore
	Edges    int // between distinct pairs
	Files    int // in all, at least five for each service
}

// Edge is a dependency that was written into the estate, consumer first.
type Edge struct{ From, To string }

// Write makes an estate below dir and returns its edges, sorted. Equal sizes give equal estates.
func Write(dir string, size Size) ([]Edge, error) {
	w := &writer{dir: dir, size: size, random: rand.New(rand.NewPCG(7, 11))}
	w.wire()
	for i := range size.Services {
		if err := w.service(i); err != nil {
			return nil, err
		}
	}
	return w.edges, nil
}

type writer struct {
	dir    string
	size   Size
	random *rand.Rand
	edges  []Edge
	uses   map[string][]string
}

var first = []string{"amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "ivory", "jade"}
var second = []string{"orders", "pricing", "stock", "billing", "search", "offers", "routes", "ledger", "claims", "alerts"}

func (w *writer) name(i int) string {
	if w.isStore(i) {
		return fmt.Sprintf("%s-store-%04d", first[i%len(first)], i)
	}
	return fmt.Sprintf("%s-%s-%04d", first[i%len(first)], second[i/len(first)%len(second)], i)
}

func (w *writer) isStore(i int) bool { return i%20 == 19 }

// wire draws the edges. A datastore only answers.
func (w *writer) wire() {
	seen := map[Edge]bool{}
	w.uses = map[string][]string{}
	for len(w.edges) < w.size.Edges {
		from, to := w.random.IntN(w.size.Services), w.random.IntN(w.size.Services)
		e := Edge{w.name(from), w.name(to)}
		if from == to || w.isStore(from) || seen[e] {
			continue
		}
		seen[e] = true
		w.edges = append(w.edges, e)
		w.uses[e.From] = append(w.uses[e.From], e.To)
	}
	slices.SortFunc(w.edges, func(a, b Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
}

func (w *writer) service(i int) error {
	name := w.name(i)
	files := map[string]string{"README.md": "# " + name + "\n\nOne of many.\n"}
	stack := w.spring
	switch {
	case w.isStore(i):
		stack = w.store
	case i%3 == 1:
		stack = w.goStack
	case i%3 == 2:
		stack = w.node
	}
	extension := stack(name, files)
	per := w.size.Files / w.size.Services
	for n := 0; len(files) < per; n++ {
		path := fmt.Sprintf("src/main/part%02d%s", n, extension)
		files[path] = source(name, n, extension)
	}
	for path, text := range files {
		full := filepath.Join(w.dir, name, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) spring(name string, files map[string]string) string {
	var y strings.Builder
	fmt.Fprintf(&y, "spring:\n  application:\n    name: %s\nserver:\n  port: 8080\nclients:\n", name)
	for _, to := range w.uses[name] {
		fmt.Fprintf(&y, "  %s:\n    url: %s\n    timeout-millis: 2500\n    retries: 3\n", to, address(to))
	}
	y.WriteString("logging:\n  level:\n    root: INFO\n    org.springframework: WARN\n")
	files["src/main/resources/application.yml"] = y.String()
	files["pom.xml"] = fmt.Sprintf("<project>\n  <groupId>org.example</groupId>\n  <artifactId>%s</artifactId>\n  <version>1.0</version>\n  <dependencies>\n    <dependency><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-web</artifactId></dependency>\n  </dependencies>\n  <build><plugins><plugin><groupId>org.springframework.boot</groupId><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build>\n</project>\n", name)
	files["Dockerfile"] = "FROM eclipse-temurin:21-jre\nCOPY target/app.jar /app.jar\nEXPOSE 8080\nENTRYPOINT [\"java\",\"-jar\",\"/app.jar\"]\n"
	files["deploy/kube.yaml"] = manifest(name, "registry.example.org/"+name+":1", 8080, nil)
	return ".java"
}

func (w *writer) goStack(name string, files map[string]string) string {
	var env []string
	for n, to := range w.uses[name] {
		env = append(env, fmt.Sprintf("            - name: UPSTREAM_%d_ADDR\n              value: %q\n", n, strings.TrimPrefix(address(to), "http://")))
	}
	files["deploy/kube.yaml"] = manifest(name, "registry.example.org/"+name+":1", 8080, env)
	files["go.mod"] = "module example.org/" + name + "\n\ngo 1.26\n"
	files["Dockerfile"] = "FROM scratch\nCOPY app /app\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\n"
	return ".go"
}

func (w *writer) node(name string, files map[string]string) string {
	var env strings.Builder
	env.WriteString("PORT=8080\nLOG_LEVEL=info\n")
	for n, to := range w.uses[name] {
		fmt.Fprintf(&env, "SERVICE_%d_URL=%s\n", n, address(to))
	}
	files[".env"] = env.String()
	files["package.json"] = fmt.Sprintf("{\n  \"name\": %q,\n  \"version\": \"1.0.0\",\n  \"scripts\": {\"start\": \"node server.js\"},\n  \"dependencies\": {\"express\": \"^5.0.0\"}\n}\n", name)
	files["Dockerfile"] = "FROM node:22-alpine\nCOPY . .\nEXPOSE 8080\nCMD [\"node\",\"server.js\"]\n"
	files["deploy/kube.yaml"] = manifest(name, "registry.example.org/"+name+":1", 8080, nil)
	return ".js"
}

func (w *writer) store(name string, files map[string]string) string {
	files["deploy/kube.yaml"] = manifest(name, "postgres:16", 5432, nil)
	files["Dockerfile"] = "FROM postgres:16\n"
	return ".sql"
}

func address(to string) string {
	if strings.Contains(to, "-store-") {
		return "postgres://app@" + to + ":5432/app"
	}
	return "http://" + to + ":8080"
}

func manifest(name, image string, port int, env []string) string {
	text := fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: %[1]s\n  namespace: shop\nspec:\n  selector:\n    matchLabels: {app: %[1]s}\n  template:\n    metadata:\n      labels: {app: %[1]s}\n    spec:\n      containers:\n        - name: main\n          image: %[2]s\n          ports: [{containerPort: %[3]d}]\n", name, image, port)
	if len(env) > 0 {
		text += "          env:\n" + strings.Join(env, "")
	}
	return text + fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata:\n  name: %[1]s\n  namespace: shop\nspec:\n  selector: {app: %[1]s}\n  ports: [{port: %[2]d}]\n", name, port)
}

// source is about 2 KiB of plausible code without any address in it.
func source(name string, n int, extension string) string {
	comment := "//"
	if extension == ".sql" {
		comment = "--"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s part %d of %s\n", comment, n, name)
	for line := range 40 {
		switch extension {
		case ".java":
			fmt.Fprintf(&b, "    public int value%d(int x) { return x * %d + offset; }\n", line, line)
		case ".go":
			fmt.Fprintf(&b, "func value%d(x int) int { return x*%d + offset }\n", line, line)
		case ".js":
			fmt.Fprintf(&b, "exports.value%d = function (x) { return x * %d + offset; };\n", line, line)
		default:
			fmt.Fprintf(&b, "insert into t%d values (%d, 'x');\n", line, line)
		}
	}
	return b.String()
}
