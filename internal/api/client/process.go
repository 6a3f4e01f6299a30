package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// InProcess carries requests straight to a handler, without a port. Answers stream as the handler writes them.
func InProcess(h http.Handler) http.RoundTripper { return process{h} }

type process struct{ handler http.Handler }

// RoundTrip runs the handler beside the caller, who reads what it writes. Closing the body, or the end of the
// request's context, ends both; Close waits for the handler.
func (p process) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	reader, writer := io.Pipe()
	w := &answer{header: http.Header{}, pipe: writer, begun: make(chan struct{})}
	body := &answerBody{PipeReader: reader, cancel: cancel}
	body.handler.Go(func() { run(p.handler, w, inner(ctx, req)) })
	context.AfterFunc(ctx, func() { _ = writer.CloseWithError(ctx.Err()) })
	select {
	case <-w.begun:
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), body.Close())
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: -1, Request: req,
	}, nil
}

// inner is the request as a server would see it.
func inner(ctx context.Context, req *http.Request) *http.Request {
	r := req.Clone(ctx)
	r.RequestURI = req.URL.RequestURI()
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	return r
}

var errBrokenOff = errors.New("the answer was broken off")

// run lets the handler answer. As over the network, a handler that breaks off ends its own answer and nothing else.
func run(h http.Handler, w *answer, r *http.Request) {
	defer func() {
		if recover() != nil {
			w.WriteHeader(http.StatusInternalServerError)
			_ = w.pipe.CloseWithError(errBrokenOff)
		}
	}()
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
	_ = w.pipe.CloseWithError(r.Context().Err()) // an answer that ended because its context did is not whole
}

// answerBody is the caller's side of an answer.
type answerBody struct {
	*io.PipeReader
	cancel  context.CancelFunc
	handler sync.WaitGroup
}

// Close tells the handler that nobody reads on, and waits until it has ended.
func (b *answerBody) Close() error {
	b.cancel()
	err := b.PipeReader.Close()
	b.handler.Wait()
	return err
}

// answer is the handler's side of a request.
type answer struct {
	header http.Header
	sent   http.Header // as it was when the answer began
	pipe   *io.PipeWriter
	begun  chan struct{}
	status int
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status, a.sent = status, a.header.Clone()
	close(a.begun)
}

func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.pipe.Write(data)
}

// Flush has nothing to do: what is written is read at once.
func (a *answer) Flush() {}
