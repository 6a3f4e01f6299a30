package kube

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// overlay writes what a service is given in this environment.
func (c *cluster) overlay(s service) error {
	folder := path.Join(c.folder, s.name)
	given, err := c.given(s)
	if err != nil {
		return err
	}
	resources := lines([]string{"../../../base/" + s.name})
	put := func(name, comment string, document *yaml.Node) {
		c.add(c.file(s.named, path.Join(folder, name), comment, document))
	}
	for _, v := range given.maps {
		put(v.file, "", v.object)
		resources = append(resources, textNode(v.file))
	}
	put("networkpolicy.yaml", "", c.policy(s.named, of(s.name), c.doors(s), c.ways(s)))
	resources = append(resources, textNode("networkpolicy.yaml"))
	var patches []*yaml.Node
	if patch := given.patch(s); patch != nil {
		put("environment.yaml", "What its processes are given here.", patch)
		patches = append(patches, m("path", "environment.yaml"))
	}
	labels := []*yaml.Node{m("pairs", c.here(), "includeTemplates", true)}
	put("kustomization.yaml", "", m(
		"apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization", "namespace", s.namespace,
		"resources", resources, "labels", labels, "images", s.tags(), "patches", patches))
	c.space(s.namespace, s.team).count(s)
	return nil
}

// tags say which release of each image runs.
func (s service) tags() any {
	var out []*yaml.Node
	release := s.Workload.Metadata.Annotations[workload.AnnotationRelease]
	for _, key := range slices.Sorted(maps.Keys(s.Workload.Containers)) {
		image := s.Workload.Containers[key].Image
		_, tag := splitImage(image)
		if tag == "" && image == "." || key == s.main && release != "" && !strings.Contains(image, "@") {
			tag = release
		}
		if tag != "" {
			out = append(out, m("name", s.image(key), "newTag", tag))
		}
	}
	return out
}

// configMap is an object of values, in a file of its own.
type configMap struct {
	file   string
	object *yaml.Node
}

// givens are what the containers of a service are given in an environment.
type givens struct {
	maps       []configMap
	containers map[string][]any // keys and values of a patch, by container
	volumes    []*yaml.Node
	taken      map[string]bool // keys of files: containers share the service's secret
}

// given works out variables and files. What holds a secret is a reference.
func (c *cluster) given(s service) (givens, error) {
	g := givens{containers: map[string][]any{}, taken: map[string]bool{}}
	for _, key := range slices.Sorted(maps.Keys(s.Workload.Containers)) {
		if err := c.variables(s, key, &g); err != nil {
			return g, err
		}
		if err := c.documents(s, key, &g); err != nil {
			return g, err
		}
	}
	return g, nil
}

// variableName is what Kubernetes hands to a process from a ConfigMap; it leaves others out without a word.
var variableName = regexp.MustCompile(`^[-._a-zA-Z][-._a-zA-Z0-9]*$`)

// unwritable is a character that Kustomize's YAML breaks on.
const unwritable = "\x7f"

// mostBytes is what a ConfigMap may hold.
const mostBytes = 1 << 20

func (c *cluster) variables(s service, key string, g *givens) error {
	all, err := s.Variables(s.Workload.Containers[key])
	if err != nil {
		return err
	}
	plain := map[string]string{}
	var env []*yaml.Node
	h := helpers{names: map[render.Piece]string{}, taken: map[string]bool{}}
	for _, v := range all {
		h.taken[v.Name] = true
	}
	for _, v := range all {
		if !variableName.MatchString(v.Name) {
			return fault.Newf(fault.Invalid, "%s: Kubernetes hands no variable named %q to a process; use letters, digits and _ alone", s.Name, v.Name)
		}
		if strings.Contains(v.Text(), unwritable) {
			return fault.Newf(fault.Invalid, "%s: variable %s holds the character DEL, which Kustomize cannot write; take it out", s.Name, v.Name)
		}
		if !v.Hidden() {
			plain[v.Name] = v.Text()
			continue
		}
		env = append(env, h.variable(v)...)
		c.needed(s.namespace, v.Pieces, s.Name, v.Name)
	}
	if len(plain) > 0 {
		name, err := g.keep(s, key, "config", m("data", plain), plain)
		if err != nil {
			return err
		}
		g.containers[key] = append(g.containers[key], "envFrom", []*yaml.Node{m("configMapRef", m("name", name))})
	}
	if len(env) > 0 {
		g.containers[key] = append(g.containers[key], "env", env)
	}
	return nil
}

// keep makes a ConfigMap. Its name ends in a digest of what it holds, so that pods are replaced when that changes, and a
// release that is rolled back finds what it had.
func (g *givens) keep(s service, key, what string, data *yaml.Node, content any) (name string, err error) {
	base := s.name
	if key != s.main {
		base += "-" + workload.NameOf(key)
	}
	name = workload.NameOf(base+"-"+what) + "-" + shortDigest(content)
	object := m(slices.Concat([]any{"apiVersion", "v1", "kind", "ConfigMap", "metadata", meta(name), "immutable", true}, pairsOf(data))...)
	file := "configmap.yaml"
	if what != "config" || key != s.main {
		file = strings.TrimPrefix("configmap-"+strings.TrimPrefix(base+"-"+what, s.name+"-"), "-") + ".yaml"
	}
	if size := len(text("", object)); size > mostBytes {
		return "", fault.Newf(fault.Invalid, "%s: its variables or files take %d bytes, and a ConfigMap holds %d; have the image bring the large ones", s.Name, size, mostBytes)
	}
	g.maps = append(g.maps, configMap{file, object})
	return name, nil
}

// shortDigest tells one content from another in a name.
func shortDigest(content any) string {
	const digits = 10
	return strings.TrimPrefix(string(estate.DigestOf(content)), "sha256:")[:digits]
}

func pairsOf(n *yaml.Node) []any {
	var out []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, n.Content[i].Value, n.Content[i+1])
	}
	return out
}

// helpers are variables that hold the secret pieces of others: $(NAME) puts them together when the process is started.
type helpers struct {
	names map[render.Piece]string
	taken map[string]bool // by the workload's own variables too
}

// name of the variable that brings a piece, and whether it is new.
func (h helpers) name(p render.Piece) (name string, added bool) {
	if name, ok := h.names[p]; ok {
		return name, false
	}
	base := helperName(p)
	name = base
	for i := 2; h.taken[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	h.names[p], h.taken[name] = name, true
	return name, true
}

func (h helpers) variable(v render.Variable) []*yaml.Node {
	if len(v.Pieces) == 1 {
		return []*yaml.Node{fromSecret(v.Name, v.Pieces[0])}
	}
	var out []*yaml.Node
	var value strings.Builder
	for _, p := range v.Pieces {
		if !p.Hidden() {
			value.WriteString(strings.ReplaceAll(p.Text, "$", "$$"))
			continue
		}
		name, added := h.name(p)
		if added {
			out = append(out, fromSecret(name, p))
		}
		value.WriteString("$(" + name + ")")
	}
	return append(out, m("name", v.Name, "value", value.String()))
}

var notInVariable = regexp.MustCompile(`[^A-Za-z0-9]+`)

func helperName(p render.Piece) string {
	return strings.ToUpper(strings.Trim(notInVariable.ReplaceAllString(p.Secret+"_"+p.Key, "_"), "_"))
}

func fromSecret(variable string, p render.Piece) *yaml.Node {
	return m("name", variable, "valueFrom", m("secretKeyRef", m("name", secretName(p.Secret), "key", p.Key)))
}

// documents are the files a container is given, each at its path.
func (c *cluster) documents(s service, key string, g *givens) error {
	files := s.Workload.Containers[key].Files
	data, binary := map[string]string{}, map[string]string{}
	var mounts, items, hidden []*yaml.Node
	own := volumeName("files-" + key)
	for _, at := range slices.Sorted(maps.Keys(files)) {
		f := files[at]
		if f.Source != "" {
			continue // the image brings it
		}
		name := fileKey(at, g.taken)
		pieces := []render.Piece{{Text: f.Content}}
		if !f.NoExpand && f.BinaryContent == "" {
			var err error
			if pieces, err = s.Value(f.Content); err != nil {
				return fault.Newf(fault.KindOf(err), "%s: file %s: %w", s.Name, at, err)
			}
		}
		volume := own
		switch {
		case slices.ContainsFunc(pieces, render.Piece.Hidden):
			volume = workload.NameOf("secret-" + name)
			hidden = append(hidden, m("name", volume, "secret", m("secretName", s.OwnSecret(), "items", []*yaml.Node{m("key", name, "path", name, "mode", modeOf(f))})))
			c.secretFile(s, name, at, pieces)
		case f.BinaryContent != "":
			binary[name] = f.BinaryContent
			items = append(items, m("key", name, "path", name, "mode", modeOf(f)))
		default:
			data[name] = render.Form(pieces)
			items = append(items, m("key", name, "path", name, "mode", modeOf(f)))
		}
		mounts = append(mounts, m("name", volume, "mountPath", at, "subPath", name, "readOnly", true))
	}
	if len(items) > 0 {
		name, err := g.keep(s, key, "files", m("data", data, "binaryData", binary), []any{data, binary})
		if err != nil {
			return err
		}
		g.volumes = append(g.volumes, m("name", own, "configMap", m("name", name, "items", items)))
	}
	g.volumes = append(g.volumes, hidden...)
	if len(mounts) > 0 {
		g.containers[key] = append(g.containers[key], "volumeMounts", mounts)
	}
	return nil
}

var notInKey = regexp.MustCompile(`[^-._A-Za-z0-9]+`)

// fileKey is a path as a key of a ConfigMap that no other has taken.
func fileKey(at string, taken map[string]bool) string {
	base := strings.Trim(notInKey.ReplaceAllString(at, "-"), "-")
	key := base
	for i := 2; taken[key]; i++ {
		key = base + "-" + strconv.Itoa(i)
	}
	taken[key] = true
	return key
}

// modeOf is a file's mode as Kubernetes has it: a decimal number.
func modeOf(f workload.File) any {
	if f.Mode == "" {
		return nil
	}
	var mode int
	if _, err := fmt.Sscanf(f.Mode, "%o", &mode); err != nil {
		return nil // Parse refused it
	}
	n := nodeOf(mode)
	n.LineComment = f.Mode
	return n
}

// patch adds what is given to the object that keeps the pods; nil when nothing is.
func (g givens) patch(s service) *yaml.Node {
	var ordinary, early []*yaml.Node
	for _, key := range slices.Sorted(maps.Keys(g.containers)) {
		one := m(append([]any{"name", workload.NameOf(key)}, g.containers[key]...)...)
		if len(s.Workload.Containers[key].Before) > 0 {
			early = append(early, one)
		} else {
			ordinary = append(ordinary, one)
		}
	}
	if len(ordinary)+len(early)+len(g.volumes) == 0 {
		return nil
	}
	return m("apiVersion", "apps/v1", "kind", s.kind(), "metadata", meta(s.name), "spec", m("template", m("spec", m(
		"initContainers", early, "containers", ordinary, "volumes", g.volumes))))
}
