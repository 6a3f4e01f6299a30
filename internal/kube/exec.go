package kube

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"

	"example.org/caravan/internal/fault"
)

// mostSaid bounds what is kept of each of a program's outputs, in bytes.
const mostSaid = 4 << 20

// Ran is what a program said, and how it ended.
type Ran struct {
	Stdout, Stderr []byte // their beginning
	Code           int
}

// Exec is Run for a program that shall succeed: it gives what was written to the standard output. Conflict, with the beginning of what it complained of, when
// the program fails.
func Exec(ctx context.Context, o Options, address, container string, stdin io.Reader, argv ...string) (string, error) {
	ran, err := Run(ctx, o, address, container, stdin, argv...)
	if err == nil && ran.Code != 0 {
		return "", fault.Newf(fault.Conflict, "%s in container %s at %s failed: %s", argv[0], container, address, strings.TrimSpace(string(ran.Stderr)))
	}
	return string(ran.Stdout), err
}

// Run runs a program in a container of the pod at an address, as kubectl exec does. The address is a pod's, as Dial takes it; its port says nothing.
// NotFound when no such pod has the container.
func Run(ctx context.Context, o Options, address, container string, stdin io.Reader, argv ...string) (Ran, error) {
	var none Ran
	at, _, err := net.SplitHostPort(address)
	if err != nil {
		return none, fault.Newf(fault.Invalid, "%q is no address; write host:port", address)
	}
	config, err := Config(o)
	if err != nil {
		return none, err
	}
	config.Timeout = 0 // of a whole exchange
	namespace, pod, err := podAt(ctx, config, at, container)
	if err != nil {
		return none, err
	}
	ran, err := RunIn(ctx, config, namespace, pod, container, stdin, argv...)
	if err != nil {
		return none, fault.Newf(fault.KindOf(err), "context %s: %w", o.Context, err)
	}
	return ran, nil
}

// RunIn is Run in a pod that is known. Unavailable when it cannot be entered, or the context ends.
func RunIn(ctx context.Context, config *rest.Config, namespace, pod, container string, stdin io.Reader, argv ...string) (Ran, error) {
	var none Ran
	c, err := core(config)
	if err != nil {
		return none, err
	}
	server := c.Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").URL()
	query := url.Values{"container": {container}, "command": argv, "stdout": {"true"}, "stderr": {"true"}}
	if stdin != nil {
		query.Set("stdin", "true")
	}
	server.RawQuery = query.Encode()
	exec, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, server)
	if err != nil {
		return none, err
	}
	out, complaints, began := &beginning{}, &beginning{}, time.Now()
	ran := make(chan error, 1)
	go func() { // until it is connected it knows no context
		ran <- exec.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: out, Stderr: complaints})
	}()
	select {
	case err = <-ran:
	case <-ctx.Done():
		return none, fault.Newf(fault.Unavailable, "%s in pod %s of %s: %w", argv[0], pod, namespace, ctx.Err())
	}
	said := Ran{Stdout: out.kept.Bytes(), Stderr: complaints.kept.Bytes()}
	var ended utilexec.ExitError
	switch {
	case err == nil:
		return said, nil
	case errors.As(err, &ended):
		said.Code = ended.ExitStatus()
		return said, nil
	}
	if len(said.Stdout)+len(said.Stderr) > 0 || time.Since(began) > answering {
		return none, fault.Newf(fault.Unavailable, "%s in pod %s of %s: the connection broke (%s); it may still be running", argv[0], pod, namespace, words(err))
	}
	return none, fault.Newf(fault.Unavailable, "no way into container %s of pod %s of %s: %s; see that it runs and that you may create pods/exec", container, pod, namespace, words(err))
}

// beginning keeps the beginning of what is written to it.
type beginning struct{ kept bytes.Buffer }

func (b *beginning) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), mostSaid-b.kept.Len())])
	return len(p), nil
}
