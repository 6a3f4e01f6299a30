package how

import (
	"fmt"
	"strings"
)

// inCluster is a subject in one cluster.
type inCluster struct {
	Subject
	Place
	c Cluster
}

// inClusters has a recipe for each action.
var inClusters = map[Action]func(inCluster) Recipe{
	Logs: inCluster.logs, Status: inCluster.status, Restart: inCluster.restart, Shell: inCluster.shell, Env: inCluster.env, Config: inCluster.config,
	Files: inCluster.files, Deploy: inCluster.deploy, Rollback: inCluster.rollback, Scale: inCluster.scale, Stop: inCluster.stop, Ports: inCluster.ports,
	CPU: inCluster.cpu, Memory: inCluster.memory, Disk: inCluster.disk, Jobs: inCluster.jobs, DNS: inCluster.dns, Database: inCluster.database,
}

func (o inCluster) recipe(a Action) Recipe {
	r := inClusters[a](o)
	if o.c.Namespace == "" {
		r.Unknown = append(r.Unknown, "Its namespace is in no configuration that was read; kubectl uses the one of its context.")
	}
	if len(r.Commands) > 0 {
		r.Unknown = append(r.Unknown, "Which of kubectl's contexts is this cluster's is in no configuration that was read; kubectl config get-contexts lists yours.")
	}
	return r
}

// kubectl is a command line of kubectl in the subject's namespace.
func (o inCluster) kubectl(format string, fill ...words) string {
	if o.c.Namespace == "" {
		return "kubectl " + line(format, fill...)
	}
	return line("kubectl -n %s ", words{o.c.Namespace}) + line(format, fill...)
}

// operated reports whether CloudNativePG keeps the pods, and not a workload of Kubernetes' own.
func (o inCluster) operated() bool { return strings.HasPrefix(o.c.Kind, "clusters.") }

// object is what keeps the pods.
func (o inCluster) object() words { return words{o.c.Kind + "/" + o.c.Name} }

// pod is a name by which kubectl finds one of the pods: of a database, the primary.
func (o inCluster) pod() words {
	if o.operated() {
		return words{"service/" + o.c.Name}
	}
	return o.object()
}

// pods chooses all of them.
func (o inCluster) pods() words {
	if o.c.Label == "" {
		return nil
	}
	return words{"-l", o.c.Label}
}

// container chooses the one that answers.
func (o inCluster) container() words {
	if o.c.Container == "" {
		return nil
	}
	return words{"-c", o.c.Container}
}

// scaled reports whether a HorizontalPodAutoscaler decides how many run.
func (o inCluster) scaled() bool { return o.c.Most > o.c.Least }

// exec runs a command in one of the pods.
func (o inCluster) exec(command string, fill ...words) string {
	return o.kubectl("exec %s %s -- ", o.pod(), o.container()) + line(command, fill...)
}

// session runs a command that people type into.
func (o inCluster) session(command string, fill ...words) string {
	return o.kubectl("exec -it %s %s -- ", o.pod(), o.container()) + line(command, fill...)
}

// beside runs a command of another image in one of the pods: it shares the process's network and what it is let through.
func (o inCluster) beside(image, command string, fill ...words) string {
	one := o.kubectl("get pods %s -o name", o.pods())
	target := words(nil)
	if o.c.Container != "" {
		target = words{"--target=" + o.c.Container}
	}
	return o.kubectl(`debug -it "$(`) + one + line(` | head -n 1)" --image=%s %s --profile=restricted -- `, words{image}, target) + line(command, fill...)
}

// debugImage has a shell and the usual small programs.
const debugImage = "busybox:1.37"

// lacks says what the rendered role of a team does not allow; "" where the role is not Caravan's.
func (o inCluster) lacks(what string) string {
	switch {
	case !o.c.Rendered:
		return ""
	case o.c.TeamRole:
		return fmt.Sprintf("The team's role in namespace %s does not allow %s: ask the platform team.", o.c.Namespace, what)
	}
	return fmt.Sprintf("No team owns it, so none has rights in namespace %s: ask the platform team.", o.c.Namespace)
}

// unowned says that nobody's team may do what every team may do to its own.
func (o inCluster) unowned() string {
	if o.c.Rendered && !o.c.TeamRole {
		return o.lacks("")
	}
	return ""
}

// rollout waits until what was changed is in place.
func (o inCluster) rollout() Command {
	return look(o.kubectl("rollout status %s --timeout=10m", o.object()), "waits until all are replaced")
}

// apply is how what is written reaches the cluster.
func (o inCluster) apply() []Command {
	folder := "rendered/" + o.Expansion + "/" + o.c.Overlay
	return []Command{
		look(line("caravan move %s", words{o.Expansion}), "writes the files, and nothing when nothing changed"),
		change(line("kubectl apply -k %s", words{folder}), "brings them to the cluster, where no Argo CD or Flux does"),
	}
}

// workloadFile is where its team keeps what it runs.
func (o inCluster) workloadFile() string { return "services/" + string(o.Subject.Name) + "/score.yaml" }

// written says where a change of what runs begins.
func (o inCluster) written() string {
	return fmt.Sprintf("%s (caravan workload %s --write begins one)", o.workloadFile(), quoted(string(o.Subject.Name)))
}

// ownWay says how what is not Caravan's own gets there; "" for what is.
func (o inCluster) ownWay() []string {
	if o.c.Rendered {
		return nil
	}
	return []string{"How releases and configuration reach this cluster is in no configuration that was read."}
}

// folders for people.
func folders(list []string) string { return strings.Join(list, ", ") }

// streams is how many lines of logs can come at once: one stream for each pod, and one more while pods are replaced.
func (o inCluster) streams() int { return max(o.c.Most+1, 5) }

// stateful reports whether pods have names and disks of their own.
func (o inCluster) stateful() bool { return o.c.Kind == "statefulset" }
