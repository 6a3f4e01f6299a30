package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/fault"
)

// Problem is an error as it goes over the wire (RFC 9457), with the kind of fault it is.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail" doc:"One line a person can act on."`
	Kind   string `json:"kind" doc:"internal, usage, invalid, not found, conflict, denied or unavailable."`
}

// Error makes a problem an error, as the router wants it.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// internalDetail stands for what went wrong inside: that is the log's business.
const internalDetail = "something went wrong inside; the server's log says what"

func problemOf(err error) *Problem {
	k := fault.KindOf(err)
	p := &Problem{Title: http.StatusText(k.Status()), Status: k.Status(), Detail: err.Error(), Kind: k.String()}
	if k == fault.Internal {
		p.Detail = internalDetail
	}
	return p
}

// newProblem turns what the router itself finds wrong with a request into a problem.
func newProblem(status int, message string, errs ...error) huma.StatusError {
	var known *Problem
	for _, err := range errs {
		if errors.As(err, &known) {
			return known
		}
		if err != nil {
			message += "; " + err.Error()
		}
	}
	return &Problem{Title: http.StatusText(status), Status: status, Detail: message, Kind: fault.OfStatus(status).String()}
}

func writeProblem(w http.ResponseWriter, err error) {
	p := problemOf(err)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// Fault is the error a client makes of an answer that is a problem.
func (p *Problem) Fault() error {
	for _, k := range []fault.Kind{fault.Usage, fault.Invalid, fault.NotFound, fault.Conflict, fault.Denied, fault.Unavailable, fault.Internal} {
		if k.String() == p.Kind {
			return fault.Newf(k, "%s", strings.TrimSpace(p.Detail))
		}
	}
	return fault.Newf(fault.OfStatus(p.Status), "%s", p.Detail)
}
