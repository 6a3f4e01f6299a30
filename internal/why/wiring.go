package why

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (v view) selector() []Cause {
	if v.gone() || len(v.InCluster.Pods) == 0 {
		return nil
	}
	var out []Cause
	for _, s := range v.InCluster.Services {
		if s.Selector == "" || s.Matches > 0 {
			continue
		}
		out = append(out, Cause{
			Line:  fmt.Sprintf("nobody reaches %s: Service %s chooses pods by %s, and none has that", v.Service, s.Name, s.Selector),
			Proof: []Proof{proof("service/"+s.Name, "selector %s, no address", s.Selector), proof("pod/"+v.InCluster.Pods[0].Name, "labels %s", labels(v.InCluster.Pods[0].Labels))},
			Next:  []Command{next(v.kubectl("get", "pods", "--show-labels"), "what labels pods have"), next(v.kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name="+s.Name), "whom the Service leads to")},
		})
	}
	return out
}

func labels(all map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if k != "pod-template-hash" && k != "controller-revision-hash" {
			out = append(out, k+"="+all[k])
		}
	}
	return strings.Join(out, ",")
}

func (v view) servicePort() []Cause {
	if v.gone() {
		return nil
	}
	var out []Cause
	for _, s := range v.InCluster.Services {
		for _, p := range s.Ports {
			var text string
			switch {
			case s.Matches == 0:
				continue
			case p.Number == 0:
				text = fmt.Sprintf("Service %s leads to a port called %s, and no container of its has one", s.Name, p.Target)
			case p.Status == "refused" && len(v.listens()) > 0:
				text = fmt.Sprintf("Service %s leads requests to port %d, where nothing listens; %s listens on %s", s.Name, p.Number, v.Service, numbers(v.listens()))
			default:
				continue
			}
			out = append(out, Cause{
				Line:  fmt.Sprintf("nobody reaches %s: %s", v.Service, text),
				Proof: []Proof{proof("service/"+s.Name, "port %d to %s", p.Port, p.Target)},
				Next:  []Command{next(v.kubectl("describe", "service", s.Name), "its ports and whom it leads to")},
			})
		}
	}
	return out
}

// listens are the ports on which its pods were found to listen.
func (v view) listens() []int {
	var out []int
	for _, p := range v.InCluster.Pods {
		for _, c := range p.Containers {
			for _, n := range c.Listens {
				if !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}
