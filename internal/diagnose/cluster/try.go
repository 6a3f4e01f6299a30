package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"example.org/caravan/internal/why"
)

// tool is a program that can try a connection, with its arguments; host and port are arguments of their own, and no shell reads them.
type tool struct {
	name string
	argv func(host, port string) []string
}

// seconds a tool waits for a connection.
const seconds = "3"

var tools = []tool{
	{"nc", func(host, port string) []string { return []string{"nc", "-z", "-v", "-w", seconds, host, port} }},
	{"bash", func(host, port string) []string {
		return []string{"timeout", seconds, "bash", "-c", `exec 3<>"/dev/tcp/$0/$1"`, host, port}
	}},
	{"python3", func(host, port string) []string {
		return []string{"python3", "-c", "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)", host, port}
	}},
	{"curl", func(host, port string) []string {
		return []string{"curl", "-sSv", "--connect-timeout", seconds, "--max-time", seconds, "telnet://" + host + ":" + port}
	}},
}

// place is a container from which something can be tried.
type place struct {
	pod, container string
	tool           tool
	probe          bool
}

func (p place) way() string {
	if p.probe {
		return p.tool.name + " in a short-lived pod with its labels"
	}
	return p.tool.name + " in its own container"
}

// try reaches for what the subject calls, from its own container where that has a program for it, else from a pod beside it where
// that is allowed.
func (l *look) try(ctx context.Context) {
	if len(l.s.Needs) == 0 {
		return
	}
	at, err := l.place(ctx)
	if err != nil && l.Probe {
		var remove func()
		if at, remove, err = l.beside(ctx); remove != nil {
			defer remove()
		}
	}
	if err != nil {
		l.untried(err)
		return
	}
	var all []func()
	for i, n := range l.s.Needs {
		if n.Port > 0 && n.Host != "" {
			all = append(all, func() { l.tryOne(ctx, at, i, n) })
		}
	}
	together(all...)
}

func (l *look) untried(err error) {
	hint := "; --probe tries it from a short-lived pod beside it"
	if l.Probe {
		hint = ""
	}
	for i, n := range l.s.Needs {
		l.note(func() {
			l.e.Tries = append(l.e.Tries, why.Try{Need: i, Result: why.Untried, Detail: err.Error()})
			l.e.Unseen = append(l.e.Unseen, fmt.Sprintf("whether it reaches %s, from where it runs: %v%s", n.Address(), err, hint))
		})
	}
}

// errNoProgram says that nothing can be tried from a container as it is.
var errNoProgram = errors.New("its containers have no program to try it with (nc, bash, python3 or curl)")

// place is a running container of the subject that has one of the tools.
func (l *look) place(ctx context.Context) (place, error) {
	err := errors.New("none of its containers runs")
	for _, p := range l.pods() {
		for _, c := range p.Containers {
			if !c.Running || c.Init {
				continue
			}
			return l.equipped(ctx, place{pod: p.Name, container: c.Name})
		}
	}
	return place{}, err
}

// equipped finds the first of the tools that a container has.
func (l *look) equipped(ctx context.Context, at place) (place, error) {
	for _, t := range tools {
		at.tool = t
		// nobody listens on port 1 there, so that a tool that is there says no
		_, said, failed := l.exec(ctx, at, t.argv("127.0.0.1", "1"))
		switch {
		case failed != nil && !missing(failed.Error()+said):
			return place{}, fmt.Errorf("a program could not be run in it (%s)", firstLine(failed.Error()))
		case failed == nil && !missing(said):
			return at, nil
		}
	}
	return place{}, errNoProgram
}

func missing(said string) bool {
	return strings.Contains(said, "executable file not found") || strings.Contains(said, "no such file or directory") || strings.Contains(said, "not found in $PATH") ||
		strings.Contains(said, "failed to run command")
}

// exec runs a program in a container; the code is -1 when it could not be run.
func (l *look) exec(ctx context.Context, at place, argv []string) (int, string, error) {
	limit := answerTime
	if at.probe {
		limit = probeAnswerTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	url := l.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(l.space).Name(at.pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: at.container, Command: argv, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	sockets, err := remotecommand.NewWebSocketExecutor(l.Config, "GET", url.String())
	if err != nil {
		return -1, "", err
	}
	old, err := remotecommand.NewSPDYExecutor(l.Config, "POST", url)
	if err != nil {
		return -1, "", err
	}
	both, err := remotecommand.NewFallbackExecutor(sockets, old, httpstream.IsUpgradeFailure)
	if err != nil {
		return -1, "", err
	}
	var said bytes.Buffer
	err = both.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: io.Discard, Stderr: &said})
	var exit exec.CodeExitError
	switch {
	case err == nil:
		return 0, said.String(), nil
	case errors.As(err, &exit):
		return exit.Code, said.String() + err.Error(), nil
	}
	return -1, said.String(), err
}

func (l *look) tryOne(ctx context.Context, at place, i int, n why.Need) {
	began := l.Now()
	code, said, err := l.exec(ctx, at, at.tool.argv(n.Host, strconv.Itoa(n.Port)))
	out := why.Try{Need: i, From: "pod/" + at.pod, Way: at.way(), Took: l.Now().Sub(began).Round(time.Millisecond)}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		out.Result = why.TimedOut
	case err != nil:
		out.Result, out.Detail = why.Untried, firstLine(err.Error())
		l.unseen("whether it reaches "+n.Address()+", from where it runs", err)
	default:
		out.Result, out.Detail = judge(code, said)
	}
	l.note(func() { l.e.Tries = append(l.e.Tries, out) })
}

// judge reads what a tool said. Their words are those of their own or of the C library's strerror and gai_strerror.
func judge(code int, said string) (why.Result, string) {
	low, detail := strings.ToLower(said), firstLine(said)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(low, w) {
				return true
			}
		}
		return false
	}
	switch {
	case code == 0, has("connected to ") && !has("refused"):
		return why.Reached, ""
	case has("temporary failure in name", "try again"):
		return why.NoAnswer, detail
	case has("bad address", "name or service not known", "does not resolve", "could not resolve", "gaierror", "getaddrinfo", "no address associated", "unknown host"):
		return why.NoName, detail
	case has("refused"):
		return why.Refused, detail
	case has("no route", "unreachable"):
		return why.Unroutable, detail
	}
	return why.TimedOut, detail // bash says nothing when its time is over
}
