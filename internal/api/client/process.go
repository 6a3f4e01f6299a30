package client

import (
	"io"
	"net/http"
)

// InProcess carries requests straight to a handler, without a port. Answers stream as the handler writes them.
func InProcess(h http.Handler) http.RoundTripper { return process{h} }

type process struct{ handler http.Handler }

// RoundTrip runs the handler beside the caller, who reads what it writes. Closing the body ends both.
func (p process) RoundTrip(req *http.Request) (*http.Response, error) {
	body, pipe := io.Pipe()
	w := &answer{header: http.Header{}, pipe: pipe, begun: make(chan struct{})}
	inner := req.Clone(req.Context())
	inner.RequestURI = req.URL.RequestURI()
	if inner.Host == "" {
		inner.Host = req.URL.Host
	}
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	go func() {
		p.handler.ServeHTTP(w, inner)
		w.WriteHeader(http.StatusOK)
		_ = pipe.Close()
	}()
	select {
	case <-w.begun:
	case <-req.Context().Done():
		_ = body.CloseWithError(req.Context().Err())
		return nil, req.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: -1, Request: req,
	}, nil
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
