package kube

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

const nginxImage = "nginxinc/nginx-unprivileged:1.29"

// stubs writes what answers in the place of services that stay behind.
func (c *cluster) stubs() error {
	for _, s := range c.Stubs {
		server, err := s.Server()
		if err != nil {
			return err
		}
		c.stub(s, nginxConfig(server))
	}
	return nil
}

// nginxConfig is a whole configuration around a server: one that writes nothing but below /tmp.
func nginxConfig(server string) string {
	return `pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {
}

http {
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;

` + server + "}\n"
}

func (c *cluster) stub(s render.Stub, site string) {
	n := named{s.Name, workload.NameOf(string(s.Name)), render.StubNamespace, "", "stub"}
	f := c.place(n, "stubs/"+n.name, s.Wave)
	config := f.config("configmap.yaml", n.name, map[string]string{"nginx.conf": site})
	open := m("tcpSocket", m("port", s.Port), "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", readyFailures)
	pod := m(
		"automountServiceAccountToken", false, "enableServiceLinks", false, "securityContext", podSecurity(s.Port < 1024), "dnsConfig", dns(),
		"terminationGracePeriodSeconds", 30, "topologySpreadConstraints", spread(n.name),
		"containers", []*yaml.Node{m("name", "nginx", "image", nginxImage, "command", []string{"nginx", "-c", "/config/nginx.conf", "-g", "daemon off;"},
			"ports", []*yaml.Node{m("name", "http", "containerPort", s.Port)}, "resources", small(),
			"startupProbe", open, "readinessProbe", open, "livenessProbe", open,
			"lifecycle", m("preStop", m("sleep", m("seconds", 10))),
			"securityContext", containerSecurity(),
			"volumeMounts", []*yaml.Node{m("name", "config", "mountPath", "/config"), m("name", "tmp", "mountPath", temporary)})},
		"volumes", []*yaml.Node{m("name", "config", "configMap", m("name", config)), m("name", "tmp", "emptyDir", empty)})
	f.put("deployment.yaml", fmt.Sprintf("%s stays behind; this answers in its place.", line(string(s.Name))), m("apiVersion", "apps/v1", "kind", "Deployment", "metadata", meta(n.name), "spec", m(
		"replicas", workload.UsualReplicas, "revisionHistoryLimit", 3, "selector", m("matchLabels", of(n.name)),
		"strategy", m("rollingUpdate", m("maxSurge", 1, "maxUnavailable", 0)),
		"template", m("metadata", m("labels", of(n.name)), "spec", pod))))
	f.put("service.yaml", "", serviceObject(n.name, n.name, "", []render.Listen{{Name: "http", Protocol: "TCP", Port: s.Port, Target: s.Port}}))
	f.put("poddisruptionbudget.yaml", "", budget(n.name, of(n.name)))
	f.put("networkpolicy.yaml", "", c.policy(n, of(n.name), callers(s.Callers, []rulePort{{s.Port, "TCP"}}), nil))
	f.close()
	c.space(render.StubNamespace, "").hold(workload.UsualReplicas, render.Share{Memory: 64 * mebi, CPU: 250, LeastCPU: 50})
}
