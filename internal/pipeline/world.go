package pipeline

import (
	"regexp"
	"slices"
	"strings"
)

// World is where something is deployed to.
type World string

// The worlds.
const (
	Machines   World = "machines"
	Kubernetes World = "Kubernetes"
	elsewhere  World = "elsewhere" // to something that is neither
)

// deed is what a command does for deploying.
type deed struct {
	world  World
	tool   string // for people: "ansible-playbook", "ssh … systemctl restart"
	copies bool   // it brings files to a machine and no more
	unsure string // why it may be no deployment at all
}

// bystanders take the name of a tool as a word without running it.
var bystanders = []string{"echo", "printf", "pip", "pip3", "apt", "apt-get", "apk", "yum", "dnf", "brew", "which", "command", "type", "gem", "curl", "wget", "chmod", "cat", "ls",
	"shellcheck", "ansible-lint", "ansible-galaxy", "[", "[[", "test", "export", "cp", "mv", "mkdir", "rm", "tar", "zip", "cd", "git", "source", ".", "set", "grep", "sed", "file", "exit"}

// deedOf says whether a command deploys, and where to. Job is what the job around it is called.
func deedOf(c command, job string) (deed, bool) {
	args := c.args()
	if len(args) == 0 || slices.Contains(bystanders, c.name()) || backwards.MatchString(job) || slices.ContainsFunc(args, func(a string) bool { return backward.MatchString(a) }) {
		return deed{}, false
	}
	if inner, ok := within(args); ok {
		for _, c := range commands(inner) {
			if d, ok := deedOf(c, job); ok {
				return d, true
			}
		}
		return deed{}, false
	}
	for _, look := range []func([]string, command, string) (deed, bool){ofTool, ofRemote, ofCopy, ofScript, ofOthers} {
		if d, ok := look(args, c, job); ok {
			return d, d.tool != ""
		}
	}
	return deed{}, false
}

// What takes a version back or away is no deployment that a call could follow.
var (
	backwards = regexp.MustCompile(`(?i)(roll-?_?back|teardown|tear-down|destroy|uninstall)`)
	backward  = regexp.MustCompile(`(?i)^(-+)?(\w+:)?(roll-?_?back|teardown|destroy|uninstall)$`)
)

// within is the script that a shell, or su, is given as a word.
func within(args []string) (string, bool) {
	name := args[0][strings.LastIndexByte(args[0], '/')+1:]
	if !slices.Contains([]string{"bash", "sh", "dash", "zsh", "su", "runuser"}, name) {
		return "", false
	}
	for i, a := range args[:len(args)-1] {
		if a == "-c" || a == "-lc" || a == "-ec" || a == "-xc" {
			return args[i+1], true
		}
	}
	return "", false
}

// none is a verdict: this is known, and does not deploy.
func none() (deed, bool) { return deed{}, true }

func has(args []string, words ...string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(words, a) })
}

// programs are the words of a command line that may be the program it runs: its own name, and those within a container.
func program(args []string, name string) (rest []string, ok bool) {
	for i, a := range args {
		if a[strings.LastIndexByte(a, '/')+1:] == name && (i == 0 || args[0] == "docker" && has(args[:i], "run", "exec") || args[0] == "xargs") {
			return args[i+1:], true
		}
	}
	return nil, false
}

var notDeploying = regexp.MustCompile(`(?i)(lint|test|check|smoke|backup|provision|migrat|notify|bootstrap|verify|rollback|revert|undo|teardown|destroy|cleanup)`)

// ofTool knows programs made for deploying.
func ofTool(args []string, _ command, _ string) (deed, bool) {
	if rest, ok := program(args, "ansible-playbook"); ok {
		return playbook(rest)
	}
	if rest, ok := program(args, "knife"); ok {
		if has(rest, "ssh", "winrm") && strings.Contains(strings.Join(rest, " "), "chef-client") {
			return deed{world: Machines, tool: "knife ssh … chef-client"}, true
		}
		if has(rest, "ssh") && restarts(strings.Join(rest, " ")) {
			return deed{world: Machines, tool: "knife ssh"}, true
		}
		return none()
	}
	for _, name := range []string{"chef-client", "cinc-client", "puppet"} {
		if rest, ok := program(args, name); ok && (name != "puppet" || has(rest, "agent", "apply")) {
			return deed{world: Machines, tool: name}, true
		}
	}
	if rest, ok := program(args, "cap"); ok {
		if slices.ContainsFunc(rest, func(a string) bool {
			return a == "deploy" || strings.HasPrefix(a, "deploy:") && !notDeploying.MatchString(a)
		}) {
			return deed{world: Machines, tool: "cap … deploy"}, true
		}
		return none()
	}
	for _, name := range []string{"mina", "fab"} {
		if rest, ok := program(args, name); ok && slices.ContainsFunc(rest, deploys) {
			return deed{world: Machines, tool: name + " deploy"}, true
		}
	}
	return ofCluster(args)
}

var building = regexp.MustCompile(`(?i)^(build|package|prepare)`)

func playbook(rest []string) (deed, bool) {
	if has(rest, "--check", "-C", "--syntax-check", "--list-hosts", "--list-tasks", "--version") {
		return none()
	}
	for _, a := range rest {
		if strings.HasSuffix(a, ".yml") || strings.HasSuffix(a, ".yaml") {
			if name := a[strings.LastIndexByte(a, '/')+1:]; backwards.MatchString(name) || building.MatchString(name) || notDeploying.MatchString(name) && !deploys(name) {
				return none()
			}
		}
	}
	return deed{world: Machines, tool: "ansible-playbook"}, true
}

// ofCluster knows what changes a Kubernetes cluster.
func ofCluster(args []string) (deed, bool) {
	if rest, ok := program(args, "kubectl"); ok {
		dry := slices.ContainsFunc(rest, func(a string) bool { return strings.HasPrefix(a, "--dry-run") && a != "--dry-run=none" })
		if !dry && (has(rest, "apply", "replace") || has(rest, "set") && has(rest, "image") || has(rest, "patch") || has(rest, "rollout") && has(rest, "restart")) {
			return deed{world: Kubernetes, tool: "kubectl"}, true
		}
		return none()
	}
	if rest, ok := program(args, "helm"); ok {
		if has(rest, "upgrade", "install") && !has(rest, "--dry-run", "plugin") {
			return deed{world: Kubernetes, tool: "helm"}, true
		}
		return none()
	}
	for name, verbs := range map[string][]string{"helmfile": {"apply", "sync"}, "argocd": {"set", "sync"}, "skaffold": {"run", "deploy"}, "kapp": {"deploy"}, "oc": {"apply", "rollout"}} {
		if rest, ok := program(args, name); ok {
			if has(rest, verbs...) {
				return deed{world: Kubernetes, tool: name}, true
			}
			return none()
		}
	}
	return deed{}, false
}

var restarting = regexp.MustCompile(`(systemctl|service|supervisorctl|pm2|initctl|monit|sv)\b[^;&|\n]*\b(restart|reload|start)\b|docker(-| )compose[^;&|\n]*\b(up|restart)\b|docker (run|stack deploy|service update)\b|` +
	`-m (ansible\.builtin\.)?(apt|yum|dnf|package|systemd|service|docker_container)\b|apt(-get)?\b[^;&|\n]*\b(install|upgrade)\b|dpkg -i|(yum|dnf)\b[^;&|\n]*\b(install|update|upgrade)\b|rpm -[iU]|chef-client|puppet agent|ln -s[a-z]*\b|touch \S*restart|/etc/init\.d/\S+ (re)?start|puma|unicorn`)

// restarts reports whether what is run on a machine takes a new version into use.
func restarts(text string) bool { return restarting.MatchString(text) }

// ofRemote knows commands run on other machines.
func ofRemote(args []string, c command, job string) (deed, bool) {
	rest, ok := program(args, "ssh")
	if !ok {
		rest, ok = program(args, "pssh")
	}
	if !ok {
		rest, ok = program(args, "parallel-ssh")
	}
	if ansible, is := program(args, "ansible"); is {
		rest, ok = ansible, true
	}
	if !ok && args[0] == "sshpass" {
		rest, ok = args, has(args, "ssh")
	}
	if !ok {
		return deed{}, false
	}
	text := strings.Join(remoteCommand(rest, args[0]), " ") + "\n" + c.heredoc
	switch {
	case strings.Contains(text, "kubectl ") || strings.Contains(text, "helm "):
		return deed{world: Kubernetes, tool: args[0] + " … kubectl"}, true
	case restarts(text):
		return deed{world: Machines, tool: args[0] + " … " + strings.TrimSpace(restarting.FindString(text))}, true
	case runsDeployment(text):
		return deed{world: Machines, tool: args[0] + " … deploy"}, true
	case deploys(job) && strings.TrimSpace(text) != "":
		return deed{world: Machines, tool: args[0], unsure: "what " + args[0] + " runs there is not known to deploy"}, true
	}
	return none()
}

// remoteCommand is what is run on the other machine: the words behind the options and the machine's name.
func remoteCommand(rest []string, tool string) []string {
	if tool == "sshpass" {
		rest = rest[slices.Index(rest, "ssh")+1:]
	}
	takes := "-i -p -o -l -F -J -h -H -t -b -c -m -a"
	if strings.HasSuffix(tool, "ansible") {
		return rest[min(1, len(rest)):] // the module and its arguments are options
	}
	if strings.HasSuffix(tool, "ssh") && tool != "pssh" && tool != "parallel-ssh" {
		takes = "-i -p -o -l -F -J -b -c -m -E -L -R -D -S -W"
	}
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		if slices.Contains(strings.Fields(takes), rest[0]) && len(rest) > 1 {
			rest = rest[1:]
		}
		rest = rest[1:]
	}
	if tool == "pssh" || tool == "parallel-ssh" {
		return rest
	}
	return rest[min(1, len(rest)):]
}

// runsDeployment reports whether a program that is called as if it deployed is run; folders and accounts called so do not count.
func runsDeployment(text string) bool {
	for _, w := range splitOutside(text) {
		w = strings.Trim(w, `"'`)
		if base := w[strings.LastIndexByte(w, '/')+1:]; deploys(base) && !strings.Contains(w, "@") && !strings.Contains(w, "=") && !strings.HasSuffix(w, "/") && !notDeploying.MatchString(base) {
			return true
		}
	}
	return false
}

var remotePath = regexp.MustCompile(`^([\w.$-]+@|\w+@)?[\w.$\[\]{}: -]*[\w}\]]:[^/:]?[\w./~$\{-]*$|^rsync://`)

// ofCopy knows commands that copy to other machines. Copying alone is a deployment only where the job says that it deploys.
func ofCopy(args []string, _ command, job string) (deed, bool) {
	name := args[0][strings.LastIndexByte(args[0], '/')+1:]
	if name == "sshpass" && has(args, "scp", "rsync") {
		name = "scp"
	}
	if !slices.Contains([]string{"rsync", "scp", "sftp", "lftp"}, name) {
		return deed{}, false
	}
	target := args[len(args)-1]
	if name == "rsync" || name == "scp" {
		if !remotePath.MatchString(target) && !strings.Contains(target, ":") {
			return none()
		}
	}
	d := deed{world: Machines, tool: name, copies: true}
	if !deploys(job) {
		d.unsure = "copying to a machine may be a deployment or not"
	}
	return d, true
}

var deployWord = regexp.MustCompile(`(?i)(^|[^a-z])(deploy|deployment|rollout|roll-out|release|ship)(ed|ing|s)?($|[^a-z])`)

var deployName = regexp.MustCompile(`(?i)(^|[^a-z])deploy|rollout|roll-out`)

// deploys reports whether a name says that something is deployed.
func deploys(name string) bool { return deployName.MatchString(name) }

// ofScript knows scripts and targets a company wrote for deploying.
func ofScript(args []string, c command, _ string) (deed, bool) {
	name := c.name()
	var what string
	switch {
	case has([]string{name}, "bash", "sh", "python", "python3", "ruby", "node", "php") && len(args) > 1:
		if what = firstFile(args[1:]); what == "" {
			return deed{}, false
		}
	case has([]string{name}, "make", "rake", "gradle", "gradlew", "mvn", "npm", "yarn", "pnpm", "composer", "just", "task", "invoke"):
		what = firstTarget(args[1:])
		if strings.HasPrefix(what, "mvn") || name == "mvn" { // deploy of Maven uploads an artefact
			return none()
		}
	case strings.Contains(args[0], "/") || strings.HasSuffix(args[0], ".sh") || strings.HasPrefix(name, "deploy"):
		what = args[0]
	default:
		return deed{}, false
	}
	base := what[strings.LastIndexByte(what, '/')+1:]
	if !deployWord.MatchString(strings.ReplaceAll(base, "_", "-")) || notDeploying.MatchString(base) {
		return none()
	}
	d := deed{world: Machines, tool: base}
	if low := strings.ToLower(strings.Join(args, " ")); strings.Contains(low, "k8s") || strings.Contains(low, "kube") || strings.Contains(low, "helm") {
		d.world = Kubernetes
	}
	if !deploys(base) {
		d.unsure = base + " may deploy or only publish"
	}
	return d, true
}

func firstFile(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

// firstTarget is the target of a build tool that says it deploys.
func firstTarget(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") && !isAssignment(a) && deploys(a) {
			return a
		}
	}
	return ""
}

var others = regexp.MustCompile(`^(aws (deploy|ecs|lambda|elasticbeanstalk|s3 (sync|cp))|gcloud (run|app|functions)( \S+)? deploy|gcloud app deploy|az (webapp|functionapp|containerapp)|serverless deploy|sls deploy|eb deploy|` +
	`flyctl deploy|fly deploy|heroku |firebase deploy|vercel|netlify deploy|cf push|nomad (job )?run|terraform apply|docker stack deploy|docker service update|wrangler (deploy|publish))`)

// ofOthers knows what deploys to something that is neither.
func ofOthers(args []string, _ command, _ string) (deed, bool) {
	if m := others.FindString(strings.Join(args, " ")); m != "" {
		return deed{world: elsewhere, tool: strings.TrimSpace(m)}, true
	}
	return deed{}, false
}
