package vm

import (
	"fmt"
	"path"
	"strings"

	"example.org/caravan/internal/render"
)

// agentPort is where each machine with services says which of them are being stopped. It is next to 8404, where HAProxy's own
// documentation has its statistics.
const agentPort = 8405

// agent answers the load balancers' agent-check. That needs no secret and no right on a load balancer, which the runtime socket
// would; and when it does not answer, nothing is taken out of balance.
func (e environment) agent() thing {
	name := e.org + "-agent"
	t := thing{name: "agent", about: "says which services are being stopped", packages: []string{"socat"}, start: []string{name + ".service"}, claims: []claim{{"TCP", agentPort}}}
	for _, h := range e.Hosts {
		if e.serves(h.Name) {
			t.hosts = append(t.hosts, h.Name)
		}
	}
	at := path.Join("/usr/local/lib", e.org, "agent")
	t.content = []file{
		{File: render.File{Path: e.in("agent", "agent"), Text: e.agentScript(), Mode: 0o755}, at: at},
		{File: render.File{Path: e.in("agent", name+".service"), Text: e.agentUnit(at), Mode: 0o644}, at: "/etc/systemd/system/" + name + ".service", units: t.start},
	}
	return t
}

// serves tells whether a machine has services.
func (e environment) serves(host string) bool {
	for i := range e.Services {
		for _, h := range e.Services[i].Hosts {
			if h == host {
				return true
			}
		}
	}
	return false
}

func (e environment) agentScript() string {
	return fmt.Sprintf(`#!/bin/sh
# Answers HAProxy, which sends the name of a service: "drain" while there is a mark for it, else "ready". Its drain script makes the
# mark; a person may, to keep the service of this machine out of balance.
read -r name
case $name in
'' | *[!a-z0-9-]*) exit 0 ;;
esac
if [ -e "/run/%s/$name/drain" ]; then
	echo drain
else
	echo ready
fi
`, e.org)
}

func (e environment) agentUnit(script string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Tells the load balancers which services of this machine are being stopped.
# %s

[Unit]
Description=agent for the load balancers
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=/usr/bin/socat TCP-LISTEN:%d,reuseaddr,fork,max-children=64 EXEC:%s
Restart=always
RestartSec=1

# Only the load balancers are answered.
IPAddressDeny=any
`, e.origin(), agentPort, script)
	for _, h := range e.balancers {
		fmt.Fprintf(&b, "IPAddressAllow=%s\n", h.Address)
	}
	b.WriteString("\n# Limits.\nMemoryMax=64M\nCPUQuota=50%\nTasksMax=256\n\n# Folders. It writes to none.\nDynamicUser=yes\nUMask=0077\n")
	hardening(&b, false)
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return b.String()
}
