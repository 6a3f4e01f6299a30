package workload

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/document"
)

// properties are what a placeholder may ask of a resource, by type. A secret has whatever key it is asked for.
var properties = map[string][]string{
	Postgres: {"host", "port", "database", "username", "password"}, MySQL: {"host", "port", "database", "username", "password"},
	MongoDB: {"host", "port", "database", "username", "password"},
	Redis:   {"host", "port", "username", "password"}, RabbitMQ: {"host", "port", "username", "password"},
	Kafka: {"host", "port", "username", "password"}, Elasticsearch: {"host", "port", "username", "password"},
	DNS: {"host"}, Route: {"host", "path"}, Peer: {"host", "port"}, External: {"host", "port"},
}

// check finds what no schema tells.
func check(r *document.Reader, w Workload) {
	for _, name := range sorted(w.Resources) {
		at := "resources." + name + ".type"
		given := w.Resources[name].Type
		if given == "" || slices.Contains(Types(), given) {
			continue
		}
		if near, ok := document.Nearest(given, Types()); ok {
			r.At(at, "nobody provides a resource of type %q; did you mean %q?", given, near)
		} else {
			r.At(at, "nobody provides a resource of type %q; the types are %s", given, strings.Join(Types(), ", "))
		}
	}
	checkPorts(r, w)
	checkAnnotations(r, w)
	for _, name := range sorted(w.Containers) {
		checkContainer(r, w, name)
	}
}

func checkPorts(r *document.Reader, w Workload) {
	if w.Service == nil {
		return
	}
	first := map[string]string{}
	for _, name := range sorted(w.Service.Ports) {
		p := w.Service.Ports[name]
		given := fmt.Sprintf("%d %s", p.Port, p.Protocol)
		if other, twice := first[given]; twice && p.Port != 0 {
			r.At("service.ports."+name, "port %d is given as %s already; remove one", p.Port, other)
		}
		first[given] = name
	}
}

// annotationForms are what Caravan's own annotations must look like.
var annotationForms = []struct {
	key  string
	form *regexp.Regexp
	as   string
}{
	{AnnotationReplicas, regexp.MustCompile(`^[1-9]\d{0,3}(-[1-9]\d{0,3})?$`), "a number such as \"2\", or least and most such as \"2-6\""},
	{AnnotationDrain, regexp.MustCompile(`^\d{1,5}$`), "seconds, such as \"10\""},
	{AnnotationStop, regexp.MustCompile(`^\d{1,5}$`), "seconds, such as \"30\""},
	{AnnotationStart, regexp.MustCompile(`^\d{1,5}$`), "seconds, such as \"60\""},
	{AnnotationState, regexp.MustCompile(`^stateful$`), "stateful, or leave it out"},
	{AnnotationPublic, regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`), "a host name such as shop.example.com"},
	{AnnotationPath, regexp.MustCompile(`^/[^\s]*$`), "a path such as /api"},
	{AnnotationUser, regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`), "the name of an account"},
	{AnnotationFolder, regexp.MustCompile(`^/[^\s]*$`), "an absolute path"},
}

func checkAnnotations(r *document.Reader, w Workload) {
	for _, a := range annotationForms {
		if v, ok := w.Metadata.Annotations[a.key]; ok && !a.form.MatchString(v) {
			r.At("metadata.annotations."+a.key, "%s is %q; write %s", a.key, v, a.as)
		}
	}
	var least, most int
	if n, _ := fmt.Sscanf(w.Metadata.Annotations[AnnotationReplicas], "%d-%d", &least, &most); n == 2 && least > most {
		r.At("metadata.annotations."+AnnotationReplicas, "%s wants at least %d and at most %d; write the smaller number first", AnnotationReplicas, least, most)
	}
}

func checkContainer(r *document.Reader, w Workload, name string) {
	c := w.Containers[name]
	at := "containers." + name
	for _, v := range sorted(c.Variables) {
		checkPlaceholders(r, w, at+".variables."+v, c.Variables[v])
	}
	for _, target := range sorted(c.Files) {
		if f := c.Files[target]; !f.NoExpand {
			checkPlaceholders(r, w, at+".files."+target, f.Content)
		}
	}
	for _, other := range sorted(c.Before) {
		if _, ok := w.Containers[other]; !ok {
			r.At(at+".before."+other, "%s waits for %s, which is no container here; name one of %s", name, other, strings.Join(sorted(w.Containers), ", "))
		}
	}
}

// checkPlaceholders wants every placeholder of a value to be one that is given a value.
func checkPlaceholders(r *document.Reader, w Workload, at, value string) {
	parts, err := Parts(value)
	if err != nil {
		r.At(at, "%v", err)
		return
	}
	for _, p := range parts {
		if p.Secret != "" {
			r.At(at, "%s is no placeholder of a workload; give the key its secret in configuration, below services/%s/config", p.Placeholder(), w.Metadata.Name)
		}
		if p.Resource == "" {
			continue
		}
		if problem := w.unknown(p); problem != "" {
			r.At(at, "%s", problem)
		}
	}
}

// unknown says what is wrong with a placeholder; "" when it will have a value.
func (w Workload) unknown(p Part) string {
	if p.Resource == Self {
		if p.Property == "name" {
			return ""
		}
		return fmt.Sprintf("${metadata.%s} is not known; write ${metadata.name}", p.Property)
	}
	res, ok := w.Resources[p.Resource]
	if !ok {
		if near, ok := document.Nearest(p.Resource, sorted(w.Resources)); ok {
			return fmt.Sprintf("no resource is called %q; did you mean %q?", p.Resource, near)
		}
		return fmt.Sprintf("no resource is called %q; declare it under resources", p.Resource)
	}
	known := properties[res.Type]
	if len(known) == 0 || slices.Contains(known, p.Property) {
		return ""
	}
	return fmt.Sprintf("%s, a resource of type %s, has no %q; ask for %s", p.Resource, res.Type, p.Property, strings.Join(known, ", "))
}
