// Package dockerfile reads Dockerfiles into sightings: that their folder is something that runs, on which ports, with
// which variables, what it is built upon, what its command line says and how its process is kept. It reads one file at a time and looks at
// no build context.
package dockerfile

import (
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/containerfile"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// Format is the reader of Dockerfiles.
func Format() discover.Format {
	return discover.Format{Name: "dockerfile", Wants: wants, Claims: claims, ReadFile: readFile}
}

func wants(p string) bool {
	base := strings.ToLower(path.Base(p))
	return base == "dockerfile" || base == "containerfile" || strings.HasPrefix(base, "dockerfile.") ||
		strings.HasPrefix(base, "containerfile.") || strings.HasPrefix(base, "dockerfile-") ||
		strings.HasSuffix(base, ".dockerfile") || strings.HasSuffix(base, ".containerfile")
}

// claims leaves alone what is called like a Dockerfile and builds nothing, such as Dockerfile.md.
func claims(f discover.File) discover.Claim {
	for _, in := range containerfile.Parse(f.Data) {
		if in.Name == "FROM" {
			return discover.Owns
		}
	}
	return discover.No
}

func readFile(f discover.File, r *discover.Report) {
	instructions := containerfile.Parse(f.Data)
	d := &reading{file: f, report: r, subject: estate.At(f.Dir())}
	if !isPackaging(f.Dir()) {
		d.see(estate.Module, "runnable", "", 0)
	}
	for _, in := range d.lastStage(instructions) {
		d.instruction(in)
	}
	d.commands()
	d.process()
}

// isPackaging tells folders that only hold the packaging of the module above them.
func isPackaging(dir string) bool {
	switch path.Base(dir) {
	case "docker", ".docker", ".devcontainer", "build", "deploy", "deployment", "ci", ".ci", "packaging", "scripts":
		return true
	}
	return strings.Contains("/"+dir+"/", "/src/main/")
}

// reading is one Dockerfile on its way to sightings.
type reading struct {
	file    discover.File
	report  *discover.Report
	subject estate.Subject
	entry   containerfile.Instruction
	command containerfile.Instruction
	user    containerfile.Instruction
	health  containerfile.Instruction

	directory     string // as the WORKDIR lines make it together
	directoryLine int
}

func (d *reading) see(fact estate.Fact, key, value string, line int) {
	d.report.See(estate.Sighting{Fact: fact, Subject: d.subject, Key: key, Value: value, Place: estate.Place{File: d.file.Path, Line: line}})
}

// lastStage is what the image is made of: the last stage, and the stages it builds upon. The base is reported here.
func (d *reading) lastStage(all []containerfile.Instruction) []containerfile.Instruction {
	stages := map[string][2]int{} // name → first and one past the last instruction
	start, from := 0, 0
	var chain [][2]int
	name := ""
	for i, in := range all {
		if in.Name != "FROM" {
			continue
		}
		if name != "" {
			stages[name] = [2]int{start, i}
		}
		start, from, name = i, i, stageName(in)
	}
	if len(all) == 0 {
		return nil
	}
	chain = append(chain, [2]int{start, len(all)})
	line := all[from].Line
	for range maxStages {
		base := firstWord(all[chain[0][0]].Text)
		earlier, ok := stages[strings.ToLower(base)]
		if !ok || earlier[0] >= chain[0][0] {
			break
		}
		chain = append([][2]int{earlier}, chain...)
	}
	if base := containerfile.Base(all); base != "" {
		d.see(estate.Sets, "dockerfile.from", base, line)
	}
	var out []containerfile.Instruction
	for _, span := range chain {
		out = append(out, all[span[0]:span[1]]...)
	}
	return append(out, globalArgs(all)...)
}

// maxStages bounds a chain of stages built upon each other.
const maxStages = 32

// globalArgs are the ARG lines before the first FROM.
func globalArgs(all []containerfile.Instruction) []containerfile.Instruction {
	for i, in := range all {
		if in.Name == "FROM" {
			return all[:i]
		}
	}
	return nil
}

func stageName(in containerfile.Instruction) string {
	if f := strings.Fields(in.Text); len(f) > 2 && strings.EqualFold(f[1], "as") {
		return strings.ToLower(f[2])
	}
	return ""
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

func (d *reading) instruction(in containerfile.Instruction) {
	switch in.Name {
	case "EXPOSE":
		d.expose(in)
	case "ENV":
		for _, e := range assignments(in.Text) {
			d.see(estate.Sets, e[0], e[1], in.Line)
		}
	case "ARG":
		for _, e := range assignments(in.Text) {
			if e[1] != "" {
				d.see(estate.Sets, e[0], e[1], in.Line)
			}
		}
	case "LABEL":
		for _, e := range assignments(in.Text) {
			d.see(estate.Sets, "label."+e[0], e[1], in.Line)
		}
	case "COPY", "ADD":
		d.copies(in)
	case "ENTRYPOINT":
		d.entry = in
	case "CMD":
		d.command = in
	case "USER":
		d.user = in
	case "WORKDIR":
		d.enter(in)
	case "HEALTHCHECK":
		d.health = in
	}
}

func (d *reading) expose(in containerfile.Instruction) {
	for _, word := range strings.Fields(in.Text) {
		number, protocol, _ := strings.Cut(word, "/")
		if protocol == "tcp" {
			protocol = ""
		}
		if port, err := strconv.Atoi(number); err == nil && port > 0 && port <= 65535 {
			d.report.See(estate.Sighting{Fact: estate.Listens, Subject: d.subject, Key: "container", Value: number, Profile: protocol, Place: estate.Place{File: d.file.Path, Line: in.Line}})
		}
	}
}

// assignments reads `A=1 B="x y"` and the old form `A 1`.
func assignments(text string) [][2]string {
	words := commandline.Words(text)
	if len(words) == 0 {
		return nil
	}
	if key, rest, ok := strings.Cut(text, " "); ok && !strings.Contains(key, "=") {
		return [][2]string{{key, strings.Trim(strings.TrimSpace(rest), `"'`)}}
	}
	var out [][2]string
	for _, w := range words {
		if key, value, _ := strings.Cut(w, "="); key != "" && key != ";" {
			out = append(out, [2]string{key, value})
		}
	}
	return out
}

// copies reports configuration that is copied into the image: it is then the image's own.
func (d *reading) copies(in containerfile.Instruction) {
	words, ok := in.List()
	if !ok {
		words = strings.Fields(in.Text)
	}
	if len(words) < 2 || strings.Contains(in.Text, "<<") {
		return
	}
	target := words[len(words)-1]
	for _, source := range words[:len(words)-1] {
		if !isConfiguration(source) && !isConfiguration(target) || strings.ContainsAny(source, "$*") || strings.Contains(source, "://") {
			continue
		}
		from := path.Join(d.file.Dir(), strings.TrimPrefix(source, "/"))
		if from != d.file.Dir() && !strings.HasPrefix(from, "..") {
			d.see(estate.Called, estate.NameMounts, from, in.Line)
		}
	}
}

// isConfiguration tells configuration from code and build results by path.
func isConfiguration(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".conf", ".cfg", ".yml", ".yaml", ".json", ".toml", ".ini", ".properties", ".env", ".xml", ".vcl", ".cnf":
		return !strings.HasPrefix(path.Base(p), "package") && path.Base(p) != "pom.xml" && path.Base(p) != "tsconfig.json"
	}
	return strings.HasPrefix(p, "/etc/") || strings.Contains(p, "/conf.d") || strings.HasSuffix(p, "/config") || strings.HasSuffix(p, "/conf")
}

// commands reads ENTRYPOINT and CMD as the one command line they make.
func (d *reading) commands() {
	entry, command := words(d.entry), words(d.command)
	if _, list := d.entry.List(); d.entry.Name != "" && !list {
		command = nil // the shell form leaves CMD unread
	}
	said := commandline.Read(append(entry, command...))
	for _, flag := range said.Flags {
		d.see(estate.Sets, flag.Key, flag.Value, d.lineOf(flag.Value))
	}
	for _, address := range said.Addresses {
		d.see(estate.Links, estate.LinkCommand, address, d.lineOf(address))
	}
	for _, wait := range said.Waits {
		d.see(estate.Links, estate.LinkWait, wait, d.lineOf(wait))
	}
}

func (d *reading) lineOf(value string) int {
	if d.command.Name != "" && (d.entry.Name == "" || strings.Contains(d.command.Text, value)) {
		return d.command.Line
	}
	return d.entry.Line
}

func words(in containerfile.Instruction) []string {
	if list, ok := in.List(); ok {
		return list
	}
	return commandline.Words(in.Text)
}
