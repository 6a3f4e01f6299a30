package build

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/discover"
)

var (
	gradleShort = regexp.MustCompile(`^\s*(\w+)\s*\(?\s*(?:platform\()?["']([\w.${}-]+):([\w.${}-]+)(?::[^"']*)?["']`)
	gradleMap   = regexp.MustCompile(`^\s*(\w+)\s*\(?\s*group\s*[:=]\s*["']([^"']+)["']\s*,\s*name\s*[:=]\s*["']([^"']+)["']`)
	gradleOwn   = regexp.MustCompile(`^\s*(\w+)\s*\(?\s*project\(\s*(?:path\s*[:=]\s*)?["']:?([^"']+)["']`)
	gradleCat   = regexp.MustCompile(`^\s*(\w+)\s*\(?\s*libs\.([\w.]+)`)
)

// gradleScopes are the configurations whose dependencies a program runs with.
var gradleScopes = map[string]bool{
	"implementation": true, "api": true, "compile": true, "runtime": true, "runtimeOnly": true, "compileOnly": true, "providedRuntime": true, "providedCompile": true, "include": true,
}

var gradleRuns = [][]byte{
	[]byte("org.springframework.boot"), []byte("'spring-boot'"), []byte("id 'application'"), []byte(`id("application")`), []byte("apply plugin: 'application'"), []byte("mainClass"),
	[]byte("io.quarkus"), []byte("io.micronaut.application"), []byte("'war'"), []byte("id(\"war\")"), []byte("shadowJar"), []byte("\n    application\n"), []byte("com.google.cloud.tools.jib"),
}

// readGradle reads the literal dependencies of a Gradle script, Groovy or Kotlin. What stands in subprojects or
// allprojects goes to all below, as do the dependencies of a script that only holds others.
func readGradle(f discover.File) (manifest, error) {
	m := manifest{key: "unknown", name: "gradle:" + path.Base(f.Dir())}
	if f.Dir() == "." {
		m.name = ""
	}
	for _, mark := range gradleRuns {
		if bytes.Contains(f.Data, mark) {
			m.key = "runnable"
		}
	}
	if bytes.Contains(f.Data, []byte("subprojects {")) || bytes.Contains(f.Data, []byte("allprojects {")) {
		m.key = "aggregate"
	}
	blocks := []string{}
	for n, line := range strings.Split(string(f.Data), "\n") {
		if len(line) > 1000 {
			continue
		}
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "//") {
			continue
		}
		inBuildscript := len(blocks) > 0 && (blocks[0] == "buildscript" || blocks[0] == "dependencyManagement" || blocks[0] == "plugins")
		if c, ok := gradleCoordinate(line); ok && !inBuildscript {
			m.uses = append(m.uses, use{coordinate: c, line: n + 1})
		}
		blocks = track(blocks, trimmed)
	}
	return m, nil
}

func gradleCoordinate(line string) (string, bool) {
	if g := gradleShort.FindStringSubmatch(line); g != nil && gradleScopes[g[1]] {
		return "maven:" + g[2] + ":" + g[3], true
	}
	if g := gradleMap.FindStringSubmatch(line); g != nil && gradleScopes[g[1]] {
		return "maven:" + g[2] + ":" + g[3], true
	}
	if g := gradleOwn.FindStringSubmatch(line); g != nil && gradleScopes[g[1]] {
		return "gradle:" + g[2][strings.LastIndexByte(g[2], ':')+1:], true
	}
	if g := gradleCat.FindStringSubmatch(line); g != nil && gradleScopes[g[1]] {
		return "maven:catalog:" + strings.ReplaceAll(g[2], ".", "-"), true
	}
	return "", false
}

// track follows the blocks a line opens and closes.
func track(blocks []string, line string) []string {
	for i, c := range line {
		switch c {
		case '{':
			name, _, _ := strings.Cut(strings.TrimSpace(line[:i]), " ")
			name, _, _ = strings.Cut(name, "(")
			blocks = append(blocks, name)
		case '}':
			if len(blocks) > 0 {
				blocks = blocks[:len(blocks)-1]
			}
		}
	}
	return blocks
}
