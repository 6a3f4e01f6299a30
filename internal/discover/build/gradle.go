package build

import (
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/discover"
)

// gradleScript is a Gradle script as written. What it says may hold for its own project or for others below.
type gradleScript struct {
	manifest *manifest
	settings bool
	own      gradlePart
	all      gradlePart             // allprojects
	below    gradlePart             // subprojects
	named    map[string]*gradlePart // project(":path")
	projects map[string]string      // settings: path → folder
	catalog  *catalog
}

// gradlePart is what one block of a script says about the projects it is for.
type gradlePart struct {
	wants   []gradleWant
	plugins []string
	group   string
	noJar   bool // the program's archive is switched off
}

// gradleWant is a dependency before catalogs and projects are looked up; exactly one of its fields but line is set.
type gradleWant struct {
	coordinate string
	project    string // ":common:core"
	accessor   string // "libs.spring.boot.amqp", "projects.commonCore"
	line       int
}

// gradleScopes are the configurations whose dependencies a program runs with.
var gradleScopes = map[string]bool{
	"implementation": true, "api": true, "compile": true, "runtime": true, "runtimeOnly": true, "compileOnly": true, "compileOnlyApi": true,
	"providedRuntime": true, "providedCompile": true, "include": true, "jvmMainImplementation": true, "commonMainImplementation": true, "modules": true,
}

// gradlePrograms are the plugins that make a program, or an image of one, of a project.
var gradlePrograms = map[string]bool{
	"org.springframework.boot": true, "spring-boot": true, "application": true, "war": true, "io.quarkus": true, "io.micronaut.application": true,
	"com.github.johnrengelman.shadow": true, "com.gradleup.shadow": true, "com.google.cloud.tools.jib": true, "io.ktor.plugin": true, "org.gretty": true,
	"play": true, "org.gradle.playframework": true, "com.bmuschko.docker-spring-boot-application": true, "com.bmuschko.docker-java-application": true, "ear": true,
}

var (
	gradleHead     = regexp.MustCompile(`^["']?(\w+)["']?`)
	gradleMap      = regexp.MustCompile(`group\s*[:=]\s*["']([^"']+)["']\s*,\s*name\s*[:=]\s*["']([^"']+)["']`)
	gradleOwn      = regexp.MustCompile(`\bproject\s*\(\s*(?:path\s*[:=]\s*)?["']([^"']+)["']`)
	gradleAccess   = regexp.MustCompile(`\b([a-zA-Z]\w*(?:\.\w+)+)`)
	gradleLiteral  = regexp.MustCompile(`["']([\w.${}-]+:[\w.${}-]+)(?::[^"'\s]*)?["']`)
	gradlePlugin   = regexp.MustCompile(`^(?:id|apply plugin|apply)\s*[:(]?\s*(?:plugin\s*[:=]\s*)?["']([\w.-]+)["']`)
	gradleAlias    = regexp.MustCompile(`^alias\s*\(?\s*([\w.]+)`)
	gradleGroup    = regexp.MustCompile(`^group\s*=?\s*["']([\w.-]+)["']`)
	gradleMain     = regexp.MustCompile(`^(?:mainClass|mainClassName)\b`)
	gradleDisabled = regexp.MustCompile(`^(?:enabled\s*=\s*false|enabled\.set\(\s*false|enabled\s+false)`)
	gradleProject  = regexp.MustCompile(`^project\s*\(\s*["'](:[^"']+)["']`)
)

func readGradle(f discover.File, m *manifest) error {
	s := &gradleScript{manifest: m, named: map[string]*gradlePart{}}
	m.gradle = s
	return gradleStatements(f.Data, func(st statement) { s.take(st) })
}

// take sorts one statement into the part it is for.
func (s *gradleScript) take(st statement) {
	part := &s.own
	outermost := ""
	for _, b := range st.blocks {
		switch name := gradleHead.FindString(b); name {
		case "buildscript", "pluginManagement", "dependencyManagement", "constraints", "publishing", "testing":
			return
		case "allprojects":
			part = &s.all
		case "subprojects":
			part = &s.below
		case "configure":
			if strings.Contains(b, "subprojects") || strings.Contains(b, "allprojects") {
				part = &s.below
			}
		case "project":
			if g := gradleProject.FindStringSubmatch(b); g != nil {
				part = s.partOf(g[1])
			}
		case "":
		default:
			outermost = b
		}
	}
	part.take(st, strings.HasPrefix(outermost, "dependencies") || inBlock(st, "dependencies"))
}

func (s *gradleScript) partOf(project string) *gradlePart {
	if s.named[project] == nil {
		s.named[project] = &gradlePart{}
	}
	return s.named[project]
}

func inBlock(st statement, name string) bool {
	for _, b := range st.blocks {
		if strings.HasPrefix(b, name) {
			return true
		}
	}
	return false
}

func (p *gradlePart) take(st statement, dependencies bool) {
	switch {
	case dependencies:
		p.takeDependency(st)
	case gradleDisabled.MatchString(st.text):
		p.noJar = p.noJar || strings.Contains(strings.Join(st.blocks, " "), "bootJar")
	case strings.HasPrefix(st.text, "bootJar.enabled") && strings.HasSuffix(st.text, "false"):
		p.noJar = true
	case gradleMain.MatchString(st.text):
		p.plugins = append(p.plugins, "application")
	case gradleGroup.MatchString(st.text):
		p.group = gradleGroup.FindStringSubmatch(st.text)[1]
	case strings.Contains(st.text, "apply false") || strings.Contains(st.text, "apply(false)"):
	case gradlePlugin.MatchString(st.text):
		p.plugins = append(p.plugins, gradlePlugin.FindStringSubmatch(st.text)[1])
	case inBlock(st, "plugins") && gradleAlias.MatchString(st.text):
		p.plugins = append(p.plugins, gradleAlias.FindStringSubmatch(st.text)[1])
	case inBlock(st, "plugins"):
		p.plugins = append(p.plugins, strings.Trim(st.text, "`"))
	}
}

// takeDependency reads a statement of a dependencies block. Platforms only say versions.
func (p *gradlePart) takeDependency(st statement) {
	head := gradleHead.FindStringSubmatch(st.text)
	if head == nil || !gradleScopes[head[1]] || strings.Contains(st.text, "latform(") {
		return
	}
	rest := st.text[len(head[0]):]
	want := func(w gradleWant) {
		w.line = st.line
		p.wants = append(p.wants, w)
	}
	switch own, byMap := gradleOwn.FindAllStringSubmatch(rest, -1), gradleMap.FindAllStringSubmatch(rest, -1); {
	case own != nil:
		for _, g := range own {
			want(gradleWant{project: g[1]})
		}
	case byMap != nil:
		for _, g := range byMap {
			want(gradleWant{coordinate: g[1] + ":" + g[2]})
		}
	case !strings.ContainsAny(rest, `"'`):
		for _, g := range gradleAccess.FindAllStringSubmatch(rest, -1) {
			want(gradleWant{accessor: g[1]})
		}
	default:
		for _, g := range gradleLiteral.FindAllStringSubmatch(rest, -1) {
			want(gradleWant{coordinate: g[1]})
		}
	}
}

var (
	gradleInclude = regexp.MustCompile(`^include\b`)
	gradleQuoted  = regexp.MustCompile(`["']([^"']+)["']`)
	gradleFolder  = regexp.MustCompile(`^project\s*\(\s*["'](:[^"']+)["']\s*\)\s*\.\s*projectDir\s*=\s*.*["']([^"']+)["']`)
	gradleRoot    = regexp.MustCompile(`^rootProject\.name\s*=\s*["']([^"']+)["']`)
)

// readGradleSettings reads which projects a build has. The file makes its folder an aggregate when it includes any.
func readGradleSettings(f discover.File, m *manifest) error {
	s := &gradleScript{manifest: m, settings: true, projects: map[string]string{}}
	m.gradle, m.key = s, ""
	err := gradleStatements(f.Data, func(st statement) {
		switch {
		case gradleInclude.MatchString(st.text):
			for _, g := range gradleQuoted.FindAllStringSubmatch(st.text, -1) {
				name := ":" + strings.TrimPrefix(g[1], ":")
				s.projects[name] = path.Join(f.Dir(), strings.ReplaceAll(name, ":", "/"))
			}
		case gradleRoot.MatchString(st.text):
			m.title = gradleRoot.FindStringSubmatch(st.text)[1]
		default:
			if g := gradleFolder.FindStringSubmatch(st.text); g != nil {
				s.projects[g[1]] = path.Join(f.Dir(), g[2])
			}
		}
	})
	if len(s.projects) > 0 {
		m.key = aggregate
	}
	return err
}
