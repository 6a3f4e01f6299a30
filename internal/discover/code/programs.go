package code

import (
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/estate"
)

var (
	listenPort = regexp.MustCompile(`(?:\.listen\(\s*|ListenAndServe(?:TLS)?\(\s*["'][\w.]*:|\.run\([^)]*\bport\s*=\s*|net\.Listen\([^,]+,\s*["'][\w.]*:|\.Run\(\s*["'][\w.]*:|\.Start\(\s*["'][\w.]*:|` +
		`UseUrls\(\s*["']https?://[^:"']+:|ListenAnyIP\(|run_app\([^)]*\bport\s*=\s*|\.bind\(\s*["'(]+[\d.]+:|Javalin\.create\(.*\.start\()(\d{2,5})`)
	listenName = regexp.MustCompile(`(?:\.listen\(\s*(?:\{\s*port\s*:\s*)?|ListenAndServe(?:TLS)?\(\s*|net\.Listen\([^,]+,\s*|\.Run\(\s*|\.Start\(\s*|\.run\([^)]*\bport\s*=\s*)(?:Number\(|parseInt\(|int\()?([A-Za-z_][\w.]*)\s*[,)}]`)
	portEnd    = regexp.MustCompile(`^(?:\$\{\w+:)?(?:[\w.]*:)?(\d{2,5})\}?$`)
	starts     = regexp.MustCompile(`SpringApplication\.run\(|Micronaut\.run\(|Quarkus\.run\(|Javalin\.create\(|WebApplication\.Create(?:Slim)?Builder\(|Host\.Create(?:Default|Application)Builder\(|WebHost\.CreateDefaultBuilder\(|` +
		`\bFlask\(__name__|\bFastAPI\(|uvicorn\.run\(|run_app\(|grpc\.server\(|NestFactory\.create|\bapp\.listen\(|\bserver\.listen\(|createServer\([^;]*\)\.listen\(|fastify\.listen\(`)
)

// programs notes what makes the folder a program of its own, and the port it listens on.
func (s *source) programs(text string) {
	if starts.MatchString(text) {
		s.runs()
	}
	for _, g := range listenPort.FindAllStringSubmatch(text, 2) {
		s.listens(g[1])
	}
	for _, g := range listenName.FindAllStringSubmatch(text, 2) {
		if value, ok := s.constant(g[1]); ok {
			if port := portEnd.FindStringSubmatch(value); port != nil {
				s.listens(port[1])
			}
		}
	}
}

func (s *source) listens(port string) {
	s.report.See(estate.Sighting{Fact: estate.Listens, Subject: estate.At(s.dir), Key: "container", Value: port, Place: s.place()})
}

// runs says that the module this file is in can be started.
func (s *source) runs() { s.see(estate.CodeAnnotation, estate.CodeRuns) }

// pythonEntries are the names people give the file that starts a program.
var pythonEntries = map[string]bool{"main.py": true, "app.py": true, "server.py": true, "run.py": true, "worker.py": true, "wsgi.py": true, "asgi.py": true, "__main__.py": true}

// entry says what the file's place tells about a program whose entry it is. Each folder below cmd is a module of its own,
// which runs only if something deploys it; the module above can be started.
func (s *source) entry() {
	if s.ext == ".py" {
		if pythonEntries[s.file.Base()] {
			s.runs()
		}
		return
	}
	above, name, ok := cutLast(s.dir, "cmd/")
	if !ok {
		s.runs()
		return
	}
	first, _, _ := strings.Cut(name, "/")
	module := path.Join(above, "cmd", first)
	s.report.See(estate.Sighting{Fact: estate.Module, Subject: estate.At(module), Key: "unknown", Value: first, Place: s.place()})
	s.report.See(estate.Sighting{Fact: estate.Mentions, Subject: estate.At(above), Key: estate.CodeAnnotation, Value: estate.CodeRuns, Place: s.place()})
}

// cutLast cuts a folder before and after the last "/cmd/" in it.
func cutLast(dir, word string) (before, after string, ok bool) {
	i := strings.LastIndex("/"+dir, "/"+word)
	if i < 0 {
		return "", "", false
	}
	return path.Clean("./" + dir[:i]), dir[i+len(word):], true
}
