package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// read is all a service is configured with: the files that its stack looks for in its folder, those that its command line and its
// environment name, what the configuration server has for it, and its environment, which wins.
func read(ctx context.Context, service string, environ, args []string, dir string) (settings, error) {
	env := settings{}
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok {
			env.set(name, value)
		}
	}
	out := settings{}
	for _, path := range files(dir, service, env, args) {
		found, err := parse(path, env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out.merge(found)
	}
	out.merge(env)
	if at := out.configServer(); at != "" && service != "config" {
		remote, err := ask(ctx, at+"/"+service+"/production")
		if err != nil {
			return nil, err
		}
		out.merge(remote)
		out.merge(env) // the repository says spring.cloud.config.override-none
		if !has(dir, "amqp") {
			out.drop("springrabbitmq") // for those who have the library
		}
	}
	return out.expanded(), nil
}

// has reports whether what a Spring service is built from names a library.
func has(dir, library string) bool {
	for _, name := range []string{"pom.xml", "build.gradle"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil && bytes.Contains(data, []byte(library)) {
			return true
		}
	}
	return false
}

// files are those a service reads, in order: each may change what those before it say.
func files(dir, service string, env settings, args []string) []string {
	names := []string{
		"src/main/resources/bootstrap.yml", "src/main/resources/application.yml", "src/main/resources/application.properties", "src/main/resources/" + service + ".properties",
		"appsettings.json", "appsettings." + env.get("ASPNETCORE_ENVIRONMENT") + ".json", "config/default.json", "config/" + env.get("NODE_ENV") + ".json", "config/default.toml",
		"config/settings.yml", service + ".yaml", service + ".ini", service + ".conf", "sync.conf", ".env", service + "/celeryconfig.py",
	}
	if env.get("DATABASE_URL") == "" { // it takes the place of the file, as Rails has it
		names = append(names, "config/database.yml", "../../shared/config/database.yml")
	}
	for _, a := range slices.Concat(args, []string{env.get("DELIVERY_CONFIG")}) {
		names = append(names, a[strings.LastIndexByte(a, '=')+1:])
	}
	var out []string
	for _, name := range names {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() < 1<<20 && slices.Contains(kinds, kindOf(path)) {
			out = append(out, path)
		}
	}
	return out
}

var kinds = []string{".yml", ".yaml", ".json", ".toml", ".properties", ".ini", ".conf", ".env", ".py"}

func kindOf(path string) string { return filepath.Ext(path) }

// parse reads one file.
func parse(path string, env settings) (settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var tree any
	switch kindOf(path) {
	case ".yml", ".yaml":
		err = yaml.Unmarshal(data, &tree)
	case ".json":
		err = json.Unmarshal(withoutComments(data), &tree)
	case ".toml":
		err = toml.Unmarshal(data, &tree)
	default:
		return lines(data), nil
	}
	out := settings{}
	if filepath.Base(path) == "database.yml" { // one block for each of Rails' environments
		sections, _ := tree.(map[string]any)
		tree = map[string]any{"database": sections[env.get("RAILS_ENV")]}
	}
	out.flatten("", tree)
	return out, err
}

// withoutComments leaves out lines that are a comment, which .NET allows in JSON.
func withoutComments(data []byte) []byte {
	var out []byte
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("//")) {
			out = append(out, line...)
		}
	}
	return out
}

// lines reads what has a name and a value on each line, below headings: properties, INI, env files, and Python that only assigns.
func lines(data []byte) settings {
	out, section := settings{}, ""
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.ContainsRune("#;!", rune(line[0])) {
			continue
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = strings.Trim(line, "[]") + "."
			continue
		}
		if i := strings.IndexAny(line, "=:"); i > 0 {
			out.set(section+strings.TrimSpace(line[:i]), strings.Trim(strings.TrimSpace(line[i+1:]), `"'`))
		}
	}
	return out
}

// answer is what a configuration server says, the first source having the last word.
type answer struct {
	Name            string   `json:"name"`
	Profiles        []string `json:"profiles"`
	PropertySources []source `json:"propertySources"`
}

type source struct {
	Name   string            `json:"name"`
	Source map[string]string `json:"source"`
}

// ask asks the configuration server, again and again while it is not there yet: without it nothing starts.
func ask(ctx context.Context, url string) (settings, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		out, err := askOnce(ctx, url)
		if err == nil {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-again.C:
		}
	}
}

func askOnce(ctx context.Context, url string) (settings, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var a answer
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&a); err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %w", url, res.Status, err)
	}
	out := settings{}
	for _, s := range slices.Backward(a.PropertySources) {
		for name, value := range s.Source {
			out.set(name, value)
		}
	}
	return out, nil
}

// settings is the configuration server: it serves the files of its repository.
func (s *server) settings(w http.ResponseWriter, r *http.Request) {
	application := r.PathValue("application")
	a := answer{Name: application, Profiles: []string{r.PathValue("profile")}}
	for _, name := range []string{application, "application"} {
		found, err := parse(filepath.Join(s.dir, "repository", filepath.Base(name)+".yml"), nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		src := source{Name: name, Source: map[string]string{}}
		for _, one := range found {
			src.Source[one.name] = one.value
		}
		a.PropertySources = append(a.PropertySources, src)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a)
}
