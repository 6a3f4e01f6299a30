package workload

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/redact"
)

// trust orders readers by how close what they read is to the running process.
var trust = map[estate.ReaderName]int{"kube": 6, "systemd": 5, "chef": 4, "haproxy": 3, "compose": 2, "dockerfile": 1}

// deployed reports whether production's configuration is known, so that a developer's Compose file is not it.
func (p *proposer) deployed() bool {
	return len(p.Component.Hosts) > 0 || slices.ContainsFunc(p.Component.Names, func(a estate.Alias) bool {
		return a.Kind == estate.NameWorkload || a.Kind == estate.NameRole || a.Kind == estate.NameNode
	})
}

// traits lists what is known under a key of the process, the most trusted first. What holds in another environment, or only
// on a developer's machine, does not count.
func (p *proposer) traits(key string) []estate.Trait {
	var out []estate.Trait
	deployed := p.deployed()
	for _, t := range p.Component.Process {
		elsewhere := t.Environment != "" && t.Environment != p.Environment
		if t.Key == key && !elsewhere && (!deployed || onMachines(t)) {
			out = append(out, t)
		}
	}
	here := func(t estate.Trait) int {
		if t.Environment != "" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b estate.Trait) int {
		return cmp.Or(here(b)-here(a), trust[b.By]-trust[a.By], a.Place.Compare(b.Place))
	})
	return out
}

// onMachines reports whether what was read may hold on machines: a Compose file is its developers', and an account or folder
// of an image is the image's own affair.
func onMachines(t estate.Trait) bool {
	inImage := t.By == "dockerfile" && (t.Key == estate.ProcessUser || t.Key == estate.ProcessDirectory)
	return t.By != "compose" && !inImage
}

// trait is the most trusted of what is known under a key.
func (p *proposer) trait(key string) (estate.Trait, bool) {
	found := p.traits(key)
	if len(found) == 0 {
		return estate.Trait{}, false
	}
	return found[0], true
}

// version is a release in the name of an artifact: "orders-2.14.0.jar".
var version = regexp.MustCompile(`\d+(?:\.\d+)+(?:-(?:rc|beta|alpha|snapshot|SNAPSHOT)[.\d]*)?`)

// build says what is run: the image, where one is known, and the release.
func (p *proposer) build() {
	p.container.Image = "."
	for _, n := range p.Component.Names {
		if n.Kind == estate.NameImage && !strings.Contains(n.Value, "$") {
			p.container.Image = n.Value
			p.seenAt(p.in("image"), n.Place)
			p.annotate(AnnotationRelease, tagOf(n.Value), n.Place)
			return
		}
	}
	for _, s := range p.Component.Settings {
		if s.Key == "artifact" || s.Key == "version" || s.Key == "release" {
			p.annotate(AnnotationRelease, version.FindString(s.Value), s.Place)
		}
	}
	p.ask("image", p.in("image"), estate.Place{}, "no image is known; on Kubernetes it is taken to be named like the service, until image is written")
}

// tagOf is the tag of an image reference, "" without one.
func tagOf(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		return name[i+1:]
	}
	return ""
}

// start says how the process is started, under which account, where, and how many of it.
func (p *proposer) start() {
	commands := p.traits(estate.ProcessCommand)
	switch {
	case len(commands) == 0:
		p.ask("command", p.in("command"), estate.Place{}, "how it is started is unknown; what its image starts is run, and on machines nothing until command is written")
	case strings.Contains(commands[0].Value, redact.Mask):
		p.ask("command", p.in("command"), commands[0].Place, "the command it is started with holds a secret, which is not passed on; what its image starts is run until command is written, with the secret as a variable")
	default:
		words := commandline.Words(commands[0].Value)
		p.container.Command, p.container.Args = words[:min(1, len(words))], words[min(1, len(words)):]
		p.seenAt(p.in("command"), commands[0].Place)
	}
	for key, annotation := range map[string]string{
		estate.ProcessUser: AnnotationUser, estate.ProcessDirectory: AnnotationFolder,
		estate.ProcessReplicas: AnnotationReplicas, estate.ProcessStop: AnnotationStop,
	} {
		if t, ok := p.trait(key); ok {
			p.annotate(annotation, t.Value, t.Place)
		}
	}
}

// Ports whose use their number tells.
var portNames = map[int]string{443: "https", 8443: "https", 9090: "metrics", 5005: "debug"}

// listen names the ports: the first is the main one, unless its number says otherwise.
func (p *proposer) listen() {
	var ports []estate.Listen
	for _, l := range p.Component.Listens {
		if l.Port > 0 && !slices.ContainsFunc(ports, func(o estate.Listen) bool { return o.Port == l.Port }) {
			ports = append(ports, l)
		}
	}
	if len(ports) == 0 {
		return
	}
	main := "tcp"
	if _, ok := p.trait(estate.ProcessHealth); ok || slices.ContainsFunc(ports, func(l estate.Listen) bool { return l.Port == 80 || l.Port == 8080 }) {
		main = "http"
	}
	p.service = &Service{Ports: map[string]Port{}}
	for _, l := range ports {
		name := cmp.Or(portNames[l.Port], main)
		if _, taken := p.service.Ports[name]; taken {
			name = fmt.Sprintf("port-%d", l.Port)
		}
		p.service.Ports[name] = Port{Port: l.Port}
		p.seenAt("service.ports."+name, l.Place)
	}
}

// mainPort is the port that is asked whether all is well; 0 when none is known.
func (p *proposer) mainPort() int {
	if p.service == nil {
		return 0
	}
	for _, name := range []string{"http", "tcp"} {
		if port, ok := p.service.Ports[name]; ok {
			return port.Port
		}
	}
	return p.service.Ports[sorted(p.service.Ports)[0]].Port
}

func (p *proposer) probe() {
	port := p.mainPort()
	health, ok := p.trait(estate.ProcessHealth)
	switch {
	case port == 0:
	case !ok:
		p.ask("health", p.in("readinessProbe"), estate.Place{}, "no request is known that tells whether it is well; port %d is opened instead, until readinessProbe is written", port)
	default:
		probe := Probe{HTTPGet: &HTTPGet{Path: health.Value, Port: port}}
		p.container.ReadinessProbe, p.container.LivenessProbe = &probe, &probe
		p.seenAt(p.in("readinessProbe"), health.Place)
	}
}

// heap is a bound that a process is started with: -Xmx2g of a Java machine, --max-old-space-size=2048 of Node.
var heap = regexp.MustCompile(`-Xmx(\d+)([kKmMgG]?)\b|--max[-_]old[-_]space[-_]size=(\d+)`)

const (
	mebi = 1 << 20
	// A process needs more than its heap: stacks, code, buffers. A quarter on top is what container images of Java take for
	// granted (MaxRAMPercentage of 75 to 80).
	aroundHeap = 1.25
	memoryStep = 64 * mebi
)

// bound says how much memory and processor time the process may take.
func (p *proposer) bound() {
	var limits Quantity
	if t, ok := p.trait(estate.ProcessMemory); ok {
		limits.Memory = memoryText(t.Value)
		p.seenAt(p.in("resources.limits.memory"), t.Place)
	} else if bytes, at, ok := p.heap(); ok {
		steps := (int64(float64(bytes)*aroundHeap) + memoryStep - 1) / memoryStep
		limits.Memory = fmt.Sprintf("%dMi", steps*memoryStep/mebi)
		p.seenAt(p.in("resources.limits.memory"), at)
	} else {
		p.ask("memory", p.in("resources.limits.memory"), estate.Place{}, "how much memory it may use is unknown; it is given the usual until resources.limits.memory is written")
	}
	if t, ok := p.trait(estate.ProcessCPU); ok {
		limits.CPU = cpuText(t.Value)
		p.seenAt(p.in("resources.limits.cpu"), t.Place)
	}
	if limits != (Quantity{}) {
		p.container.Resources = &Compute{Limits: limits}
	}
}

// heap is the bound of the heap in bytes that the command or a variable sets.
func (p *proposer) heap() (int64, estate.Place, bool) {
	texts := []string{strings.Join(append(slices.Clone(p.container.Command), p.container.Args...), " ")}
	paths := []string{p.in("command")}
	for _, name := range sorted(p.container.Variables) {
		texts, paths = append(texts, p.container.Variables[name]), append(paths, p.in("variables."+name))
	}
	for i, text := range texts {
		if found := heap.FindStringSubmatch(text); found != nil {
			n, err := strconv.ParseInt(found[1]+found[3], 10, 64)
			const largest = 1 << 30 // of a number of gibibytes that is still a size
			if err != nil || n <= 0 || n > largest {
				continue
			}
			return n * unit(found), p.origins[paths[i]], true
		}
	}
	return 0, estate.Place{}, false
}

func unit(found []string) int64 {
	switch {
	case found[3] != "": // Node counts in mebibytes
		return mebi
	case strings.EqualFold(found[2], "k"):
		return 1 << 10
	case strings.EqualFold(found[2], "m"):
		return mebi
	case strings.EqualFold(found[2], "g"):
		return 1 << 30
	}
	return 1
}

// memoryText writes bytes as people do: whole mebibytes or gibibytes, else bytes.
func memoryText(bytes string) string {
	n, err := strconv.ParseInt(bytes, 10, 64)
	switch {
	case err != nil:
		return bytes
	case n%(1<<30) == 0:
		return fmt.Sprintf("%dGi", n>>30)
	case n%mebi == 0:
		return fmt.Sprintf("%dMi", n>>20)
	}
	return bytes
}

func cpuText(thousandths string) string {
	if whole, ok := strings.CutSuffix(thousandths, "000"); ok && whole != "" {
		return whole
	}
	return thousandths + "m"
}

// files asks about files the process is given and that were not seen.
func (p *proposer) files() {
	for _, t := range p.traits(estate.ProcessFile) {
		if p.read(t.Value) {
			continue
		}
		if strings.Contains(strings.ToLower(t.Value), "secret") {
			p.ask("secrets", p.in("variables"), t.Place, "%s gives it variables that were not seen; write each as ${resources.secrets.NAME}", t.Value)
			continue
		}
		p.ask("files", p.in("files"), t.Place, "%s is given to it and was not seen; write it under files, or its variables under variables", t.Value)
	}
}

// read reports whether the variables or settings of a file on machines were seen in a file of the same name.
func (p *proposer) read(file string) bool {
	if slices.ContainsFunc(p.Component.Settings, func(s estate.Setting) bool { return path.Base(s.Place.File) == path.Base(file) }) {
		return true
	}
	// A template that fills a whole table of attributes in is seen by its attributes.
	return strings.HasSuffix(file, ".env") && len(p.container.Variables) > 0
}
