package expansion

import (
	"strings"
	"testing"
)

func TestAClusterIsAskedAboutWhenItsPodsDoNotFit(t *testing.T) {
	const begin = "country: ID\nsource: production-sg\nenvironments:\n  - {name: id, kind: "
	const services = "services:\n  - {service: pricing, replicas: 2-40}\n"
	for name, c := range map[string]struct{ environment, want string }{
		"more pods than nodes hold, those at surge included": {
			"kubernetes, nodes: 2, surge: 1, pods: 8}\n",
			"id is to run 40 pods at peak, and 3 nodes with 8 pods each run 24; write nodes: 4 there, or more pods on each",
		},
		"as many pods as nodes hold":           {"kubernetes, nodes: 4, surge: 1, pods: 8}\n", ""},
		"what a cluster has by default":        {"kubernetes}\n", ""},
		"machines have no blocks to be put in": {"vm, machines: 1}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, q := range plan(t, begin+c.environment+services).Questions {
				if q.Topic == "nodes" {
					got += q.Text
					if place := q.Place.String(); place != "expansions/indonesia.yaml:4" {
						t.Errorf("asked at %s", place)
					}
				}
			}
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("asked %q", got)
			}
		})
	}
}
