package build

import (
	"flag"
	"path"
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestGolden(t *testing.T) {
	readertest.Golden(t, Format(), "testdata/*.txtar", *update)
}

func TestWantsIsDecidedByPath(t *testing.T) {
	for p, want := range map[string]bool{
		"pom.xml": true, "orders/pom.xml": true, "orders/target/pom.xml": false, "a/src/test/resources/pom.xml": false, "web/node_modules/x/package.json": false,
		"app/build.gradle.kts": true, "buildSrc/build.gradle.kts": false, "gradle/libs.versions.toml": true, "requirements.txt": true, "requirements-dev.txt": false,
		"requirements_test.txt": false, "svc/requirements/base.txt": true, "svc/requirements/local.txt": false, "prod-requirements.txt": true, "notes.txt": false,
		"Shop.csproj": true, "Kopi.sln": true, "Directory.Packages.props": true, "other.props": false, "mix.exs": true, "lib/app.exs": false, "docs/package.json": false,
	} {
		if got := wants(p); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
}

// modules reads files and returns the key of each module by its folder.
func modules(pathsAndContents ...string) map[string]string {
	out := map[string]string{}
	for _, s := range readertest.Read(Format(), readertest.Files(pathsAndContents...)).Sightings {
		if s.Fact == estate.Module {
			out[s.Subject.Folder] = s.Key
		}
	}
	return out
}

func TestWhatMakesAModuleRunnable(t *testing.T) {
	for what, c := range map[string]struct{ file, text, want string }{
		"Spring Boot's Maven plugin":           {"pom.xml", `<project><artifactId>a</artifactId><build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build></project>`, runnable},
		"a plugin that is only set up":         {"pom.xml", `<project><artifactId>a</artifactId><build><pluginManagement><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></pluginManagement></build></project>`, unknown},
		"a plugin of a profile":                {"pom.xml", `<project><artifactId>a</artifactId><profiles><profile><build><plugins><plugin><artifactId>jib-maven-plugin</artifactId></plugin></plugins></build></profile></profiles></project>`, runnable},
		"a program run by hand":                {"pom.xml", `<project><artifactId>a</artifactId><build><plugins><plugin><artifactId>exec-maven-plugin</artifactId><configuration><mainClass>a.Main</mainClass></configuration></plugin></plugins></build></project>`, runnable},
		"the plugin of Gradle, not applied":    {"build.gradle", "plugins {\n  id 'org.springframework.boot' version '3' apply false\n}\n", unknown},
		"Gradle's older way to apply a plugin": {"build.gradle", "apply plugin: 'spring-boot'\n", runnable},
		"Gradle's application":                 {"build.gradle.kts", "plugins {\n  kotlin(\"jvm\")\n  application\n}\n", runnable},
		"Gradle's application in backticks":    {"build.gradle.kts", "plugins { `application` }\n", runnable},
		"a library in Gradle":                  {"build.gradle.kts", "plugins { `java-library` }\n", unknown},
		"a main class":                         {"build.gradle", "application {\n  mainClass = 'a.Main'\n}\n", runnable},
		"a comment about a plugin":             {"build.gradle", "// apply plugin: 'war'\n/* apply plugin: 'war' */\n", unknown},
		"a start script":                       {"package.json", `{"scripts":{"start":"node ."}}`, runnable},
		"only a test script":                   {"package.json", `{"scripts":{"test":"jest"},"main":"index.js"}`, unknown},
		"Azure functions":                      {"F.csproj", `<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><AzureFunctionsVersion>v4</AzureFunctionsVersion></PropertyGroup></Project>`, runnable},
		"an SDK named in an element":           {"F.csproj", `<Project><Sdk Name="Microsoft.NET.Sdk.Web" /></Project>`, runnable},
		"a desktop program is no service":      {"F.csproj", `<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>WinExe</OutputType></PropertyGroup></Project>`, unknown},
		"a pipenv list":                        {"Pipfile", "[packages]\nflask = \"*\"\n", unknown},
		"an umbrella":                          {"mix.exs", "def project do\n[\napps_path: \"apps\"\n]\n", aggregate},
		"a web server among the gems":          {"Gemfile", "gem 'puma'\n", runnable},
		"Leiningen's main":                     {"project.clj", "(defproject a \"1\" :main a.core :dependencies [])", runnable},
	} {
		t.Run(what, func(t *testing.T) {
			if got := modules("m/"+c.file, c.text)["m"]; got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

func TestAGradleProjectOthersBuildUponIsALibraryWhateverItsPlugins(t *testing.T) {
	got := modules("settings.gradle", "include 'common', 'orders'\n",
		"common/build.gradle", "plugins { id 'org.springframework.boot' version '3.3.0' }\n",
		"orders/build.gradle", "plugins { id 'org.springframework.boot' version '3.3.0' }\ndependencies { implementation project(':common') }\n")
	if got["common"] != library || got["orders"] != runnable {
		t.Errorf("%v", got)
	}
}

func TestAParentThatIsItsOwnAncestorEnds(t *testing.T) {
	got := modules("a/pom.xml", `<project><artifactId>a</artifactId><parent><artifactId>b</artifactId></parent></project>`,
		"b/pom.xml", `<project><artifactId>b</artifactId><parent><artifactId>a</artifactId></parent></project>`)
	if len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func TestPropertiesThatNameEachOtherEnd(t *testing.T) {
	r := readertest.Read(Format(), readertest.Files("pom.xml", `<project><artifactId>a</artifactId><properties><x>${y}${y}</x><y>${x}${x}</y></properties>
		<dependencies><dependency><groupId>g</groupId><artifactId>${x}</artifactId></dependency></dependencies></project>`))
	if len(r.Doubts) != 1 || r.Doubts[0].Topic != estate.Unresolved {
		t.Errorf("%v", r.Doubts)
	}
}

func TestWhatDoesNotParseIsADoubtAndTheRestIsRead(t *testing.T) {
	for _, c := range []struct{ file, text string }{
		{"pom.xml", "<project><artifactId>a</artifactId><dependencies><dependency><artifactId>jedis</artifactId></dependency></dependencies><broken"},
		{"package.json", `{"dependencies": {"redis": "1"}, "x": `},
		{"Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nredis = \"1\"\n= broken\n"},
		{"composer.json", `{"require": {"predis/predis": "1"`},
		{"build.gradle", "dependencies { implementation 'redis.clients:jedis:1' }\n" + strings.Repeat("a {", 100)},
	} {
		r := readertest.Read(Format(), readertest.Files(c.file, c.text))
		if len(r.Doubts) != 1 || r.Doubts[0].Topic != estate.Unparsable {
			t.Errorf("%s: doubts %v", c.file, r.Doubts)
		}
		found := false
		for _, s := range r.Sightings {
			found = found || s.Fact == estate.Uses
		}
		if !found {
			t.Errorf("%s: what stands before the mistake was not read", c.file)
		}
	}
}

func FuzzManifests(f *testing.F) {
	for name := range byName {
		f.Add(name, []byte("x"))
	}
	f.Add("pom.xml", []byte(`<project><parent><artifactId>a</artifactId></parent><artifactId>a</artifactId><properties><a>${a}</a></properties></project>`))
	f.Add("build.gradle", []byte("subprojects { dependencies { compile('a:b:c') { exclude group: 'x' } } }\nproject(':a') {\n\"\"\"x"))
	f.Add("settings.gradle", []byte("include ':a', 'b'\nproject(':a').projectDir = file('../x')"))
	f.Add("x.csproj", []byte(`<Project Sdk="a"><ItemGroup><ProjectReference Include="..\..\..\x" /></ItemGroup></Project>`))
	f.Add("requirements.txt", []byte("-r requirements.txt\n-e .\na[b,c]==1 # x"))
	f.Add("setup.py", []byte("install_requires=['a', (\"b\""))
	f.Add("deps.edn", []byte("{:deps {a/b {:mvn/version \"1\"}"))
	f.Add("mix.exs", []byte("[{:a, path: \"..\"}"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		file := discover.File{Path: path.Join("m", name), Data: data}
		if !path.IsAbs(file.Path) && wants(file.Path) {
			readertest.Read(Format(), readertest.Archive{{Name: file.Path, Data: data}})
		}
	})
}
