package merge

import (
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
)

// roleWords end names without telling two components apart: discovery and discovery-server, orders and orders-svc.
var roleWords = []string{"microservice", "webservice", "service", "server", "svc", "api", "app", "ms"}

// stem is the normalised name without its role word; "" when nothing is left.
func stem(name string) string {
	n := estate.Norm(name)
	for _, w := range roleWords {
		if cut, ok := strings.CutSuffix(n, w); ok && len(cut) > 2 {
			return cut
		}
	}
	return n
}

// generic names are given to different things in different projects, so equal ones prove nothing across them.
var generic = map[string]bool{
	"app": true, "web": true, "api": true, "db": true, "database": true, "server": true, "service": true, "client": true,
	"backend": true, "frontend": true, "worker": true, "cache": true, "queue": true, "proxy": true, "main": true, "test": true,
	"node": true, "demo": true, "src": true, "docker": true, "build": true, "target": true, "deploy": true, "default": true,
	"application": true, "bootstrap": true, "site": true, "www": true, "bin": true, "cmd": true,
}

// resourceFolders hold a module's files but are not its root.
var resourceFolders = []string{
	"src/main/resources/config", "src/main/resources", "src/main/webapp", "src/main/docker", "src/main/k8s", "src/main",
	"src/resources", "resources", "config", "conf", "cfg", "etc", "settings", "deploy", "deployment",
}

// moduleRoot is the folder a file's folder most likely belongs to, by convention alone.
func moduleRoot(folder string) string {
	if i := strings.Index(folder+"/", "/src/main/"); i > 0 {
		return folder[:i]
	}
	if strings.HasPrefix(folder+"/", "src/main/") {
		return "."
	}
	for _, r := range resourceFolders {
		if folder == r {
			return "."
		}
		if cut, ok := strings.CutSuffix(folder, "/"+r); ok {
			return cut
		}
	}
	return folder
}

// withoutKind is a workload's name without the kind of object it is: orders-deployment is orders.
func withoutKind(name string) string {
	for _, kind := range []string{"-deployment", "-statefulset", "-daemonset", "-deploy"} {
		if cut, ok := strings.CutSuffix(name, kind); ok && len(cut) > 1 {
			return cut
		}
	}
	return name
}

// forOthers reports whether a folder holds tests of what others run (tests/load, Orders.UnitTests) or copies of others' work.
func forOthers(folder string) bool {
	for _, segment := range strings.Split(strings.ToLower(folder), "/") {
		switch segment {
		case "node_modules", "bower_components", "third_party", "wwwroot":
			return true
		}
		if segment == "e2e" || strings.HasSuffix(segment, "tests") || segment == "test" || strings.HasSuffix(segment, ".test") || strings.HasSuffix(segment, "-test") {
			return true
		}
	}
	return false
}

func base(p string) string { return path.Base(p) }

func parentOf(folder string) string { return path.Dir(folder) }

// stemOf is a file's name without its extension.
func stemOf(file string) string {
	b := path.Base(file)
	return strings.TrimSuffix(b, path.Ext(b))
}

// splitProfile splits "orders-docker" into name and profile at the last dash. Callers decide which reading fits.
func splitProfile(stem string) (name, profile string) {
	for _, known := range []string{"application", "bootstrap"} {
		if rest, ok := strings.CutPrefix(stem, known+"-"); ok {
			return known, rest
		}
	}
	return stem, ""
}

// imageName is the last path segment of an image reference, without tag and digest.
func imageName(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	ref = ref[strings.LastIndexByte(ref, '/')+1:]
	ref, _, _ = strings.Cut(ref, ":")
	return ref
}

// firstLabel is a host name up to its first dot.
func firstLabel(host string) string {
	label, _, _ := strings.Cut(host, ".")
	return label
}

// sharedPrefix is the dash-separated beginning that most of the names have in common, with its dash:
// "spring-petclinic-". "" unless at least three names and two thirds of them share it.
func sharedPrefix(names []string) string {
	count := map[string]int{}
	for _, n := range names {
		for i := 0; i < len(n); i++ {
			if n[i] == '-' {
				count[n[:i+1]]++
			}
		}
	}
	best := ""
	for p, n := range count {
		if n >= 3 && 3*n >= 2*len(names) && (len(p) > len(best) || len(p) == len(best) && p < best) {
			best = p
		}
	}
	return best
}

// sharedSuffix is the ending that most of the names have in common, with its dash: "-backend-service".
func sharedSuffix(names []string) string {
	turned := make([]string, len(names))
	for i, n := range names {
		turned[i] = reversed(n)
	}
	return reversed(sharedPrefix(turned))
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}
