package how

import (
	"fmt"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
)

func (o inCluster) logs() Recipe {
	streams := words{"--max-log-requests=" + strconv.Itoa(o.streams())}
	r := Recipe{
		Does: "Follows what all its pods write, each line with the pod it is from.",
		Commands: []Command{
			look(o.kubectl("logs %s %s --prefix --tail=200 -f %s", o.pods(), o.container(), streams), "as they write"),
			look(o.kubectl("logs %s %s --prefix --tail=200 --previous --ignore-errors", o.pods(), o.container()), "of the containers before, which crashed or were restarted"),
			look(o.kubectl("logs %s --since=1h", append(o.pod(), o.container()...)), "the last hour of one pod"),
		},
		Differs: []string{
			"There is no journal and no file below /var/log: the log is what the process writes to standard output.",
			"A crashed container's log is not in the log of the one that took its place: --previous has it, once.",
			"With the pod its log goes; older lines are where the cluster ships its logs.",
		},
		Rights: o.unowned(),
	}
	if len(o.pods()) == 0 {
		r.Commands = r.Commands[2:]
	}
	return r
}

func (o inCluster) status() Recipe {
	r := Recipe{
		Does: "Shows how many pods there are to be, how many are ready, and what happened to them.",
		Commands: []Command{
			look(o.kubectl("get %s -o wide", o.object()), "how many are wanted and ready"),
			look(o.kubectl("get pods %s -o wide", o.pods()), "each pod: ready, restarts, node"),
			look(o.kubectl("describe pods %s", o.pods()), "probes, limits, and at the end what happened"),
			look(o.kubectl("get events --sort-by=.lastTimestamp"), "what happened in the namespace in the last hour"),
		},
		Differs: []string{
			"systemctl knows one process on one machine; here one object keeps as many pods as are wanted, on whichever nodes.",
			"Running is not ready: a pod is called only while its readiness probe says yes" + o.probe() + ".",
		},
		Rights: o.unowned(),
	}
	return r
}

// probe names the request that is asked.
func (o inCluster) probe() string {
	if o.Health == "" {
		return ""
	}
	return " (GET " + o.Health + ")"
}

func (o inCluster) shell() Recipe {
	return Recipe{
		Does: "Opens a shell in one of its pods, beside the process.",
		Commands: []Command{
			look(o.session("sh"), "in its own container"),
			look(o.beside(debugImage, "sh"), "when its image has no shell: a container of tools beside it"),
		},
		Differs: []string{
			"There is no ssh: a pod runs no server for it, and the node under it is not yours.",
			"What you change is gone with the pod, and only " + o.writable() + " can be written.",
		},
		Rights: o.lacks("exec or debug"),
	}
}

// writable are the folders a process may write to.
func (o inCluster) writable() string {
	if all := append(append([]string{}, o.c.Kept...), o.c.Lost...); len(all) > 0 {
		return folders(all)
	}
	return "what its image and volumes allow"
}

func (o inCluster) env() Recipe {
	r := Recipe{
		Does:   "Shows the variables its pods are given, and where each is from; of a secret the name alone.",
		Rights: o.unowned(),
		Differs: []string{
			"There is no file /etc/default/NAME: plain variables are in a ConfigMap, secret ones in a Secret that is named and not shown.",
			"Variables are read when a pod starts; a running process never sees a new one.",
		},
		Commands: []Command{look(o.kubectl("describe %s", o.object()), "under Environment")},
	}
	if len(o.c.ConfigMaps) > 0 {
		r.Commands = append(r.Commands, look(o.kubectl("get configmap %s -o yaml", words(o.c.ConfigMaps)), "the values"))
	}
	r.Commands = append(r.Commands, look(o.exec("env"), "what the process has, passwords too: needs the right to exec"))
	return r
}

func (o inCluster) files() Recipe {
	folder := "/"
	if len(o.c.Lost) > 1 {
		folder = o.c.Lost[1]
	}
	if len(o.c.Kept) > 0 {
		folder = o.c.Kept[0]
	}
	r := Recipe{
		Does: "Lists files in one of its pods, and copies one out.",
		Commands: []Command{
			look(o.exec("ls -la %s", words{folder}), ""),
			look(o.exec("cat FILE")+" > COPY", "FILE and COPY stand for what you want and where to"),
		},
		Differs: []string{
			"The release is in the image and cannot be changed there; a new file means a new image, or a file of the workload.",
			"There is no scp; kubectl cp needs tar in the image, cat does not.",
		},
		Rights: o.lacks("exec"),
	}
	if len(o.c.Files) > 0 {
		r.Differs = append(r.Differs, "It is given "+folders(o.c.Files)+" from ConfigMaps and Secrets.")
	}
	return r
}

func (o inCluster) ports() Recipe {
	r := Recipe{
		Does:    "Shows by which name and ports it is called, and lets you call it from your own machine.",
		Rights:  o.unowned(),
		Differs: []string{"A pod has an address of its own, so ports never clash, and there is nothing to look up with ss on a host."},
	}
	if len(o.c.Listens) == 0 {
		r.Commands = []Command{look(o.kubectl("get services"), "what can be called in the namespace")}
		r.Unknown = []string{"It listens on no port that is known."}
		return r
	}
	port := o.c.Listens[0]
	local := port.Target
	if local < 1024 {
		local += 8000
	}
	r.Commands = []Command{
		look(o.kubectl("get service %s", words{o.c.Name}), "name and ports others call"),
		look(o.kubectl("port-forward %s %s", o.pod(), words{fmt.Sprintf("%d:%d", local, port.Target)}), fmt.Sprintf("leads port %d of your machine to one pod, until Ctrl-C", local)),
	}
	if o.Subject.Kind == estate.Service {
		r.Commands = append(r.Commands, look(line("curl -i %s", words{fmt.Sprintf("http://localhost:%d%s", local, orRoot(o.Health))}), "calls it, in another window"))
	}
	r.Differs = append(r.Differs, o.calledBy())
	return r
}

// calledBy says who is let in, and by which name they call.
func (o inCluster) calledBy() string {
	text := fmt.Sprintf("Inside the cluster it is called %s.%s.svc.cluster.local:%d", o.c.Name, o.c.Namespace, o.c.Listens[0].Port)
	switch {
	case !o.c.Rendered:
		return text + "."
	case len(o.Callers) == 0:
		return text + "; its NetworkPolicy lets in nobody."
	}
	return text + "; its NetworkPolicy lets in " + o.callers() + ", and nobody else."
}

// orRoot is a path that is always one.
func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

func (o inCluster) cpu() Recipe {
	r := Recipe{
		Does:     "Shows how much processor time each of its containers takes.",
		Commands: []Command{look(o.kubectl("top pods %s --containers", o.pods()), "now"), look(o.kubectl("describe %s", o.object()), "its requests and limits")},
		Differs: []string{
			"At its limit a process is slowed, not moved: look at the limit before the node's load, which is everybody's.",
		},
		Rights: o.lacks("top, which asks metrics.k8s.io"),
	}
	if o.c.Share.CPU > 0 {
		r.Differs = append(r.Differs, "Its limit is "+processors(o.c.Share.CPU)+" in each pod.")
	}
	if o.scaled() {
		r.Commands = append(r.Commands, look(o.kubectl("get hpa %s", words{o.c.Name}), "how busy they are on average, by which more are started"))
	}
	return r
}

func (o inCluster) memory() Recipe {
	ended := "custom-columns=POD:.metadata.name,RESTARTS:.status.containerStatuses[*].restartCount,ENDED:.status.containerStatuses[*].lastState.terminated.reason,CODE:.status.containerStatuses[*].lastState.terminated.exitCode"
	r := Recipe{
		Does: "Shows how much memory each of its containers takes, and why containers before them ended.",
		Commands: []Command{
			look(o.kubectl("get pods %s -o %s", o.pods(), words{ended}), "OOMKilled, code 137: it was killed for its memory"),
			look(o.kubectl("top pods %s --containers", o.pods()), "now"),
		},
		Differs: []string{
			"Beyond its limit a container is killed at once and started again, however much the node has left; there is no swap.",
		},
		Rights: o.lacks("top, which asks metrics.k8s.io"),
	}
	if o.c.Share.Memory > 0 {
		r.Differs = append(r.Differs, "Its limit is "+bytes(o.c.Share.Memory)+" in each pod.")
	}
	return r
}

func (o inCluster) disk() Recipe {
	r := Recipe{
		Does:     "Shows how full what it may write to is.",
		Commands: []Command{look(o.exec("df -h %s", words(append(append([]string{}, o.c.Kept...), o.c.Lost...))), "in one pod")},
		Rights:   o.lacks("exec"),
	}
	if len(o.c.Kept) > 0 {
		r.Commands = append(r.Commands, look(o.kubectl("get persistentvolumeclaims %s", o.pods()), "its disks and their sizes"))
		r.Differs = append(r.Differs, folders(o.c.Kept)+" outlives the pod: the disk follows it to another node.")
	}
	if len(o.c.Lost) > 0 {
		r.Differs = append(r.Differs, "What is written to "+folders(o.c.Lost)+" goes with the pod. It lies on the node's disk, and a pod that fills that is evicted.")
	}
	r.Differs = append(r.Differs, "There is no log to rotate: the node rotates what is written to standard output.")
	return r
}

func (o inCluster) jobs() Recipe {
	r := Recipe{
		Does: "Lists what runs at set times in its namespace.",
		Commands: []Command{
			look(o.kubectl("get cronjobs,jobs"), ""),
			look(o.exec("COMMAND"), "runs one command now, where COMMAND stands for it"),
		},
		Differs: []string{
			"There is no crontab: what runs at set times is a CronJob, a pod of its own that starts, works and ends.",
			"With several pods, a timer inside the process runs once in each.",
		},
		Rights: o.lacks("CronJobs or exec"),
	}
	if o.c.Rendered {
		r.Unknown = []string{"Caravan renders no CronJob: what a crontab of a machine did for it does not come along by itself."}
	}
	return r
}

// bytes writes an amount of memory for people.
func bytes(n int64) string {
	for _, u := range []struct {
		size int64
		unit string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", float64(n)/float64(u.size)), "0"), ".") + " " + u.unit
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// processors writes thousandths of a processor for people.
func processors(milli int64) string {
	if milli == 1000 {
		return "1 processor"
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", float64(milli)/1000), "0"), ".") + " processors"
}
