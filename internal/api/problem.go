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

	cause error // what the detail does not tell
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
		p.Detail, p.cause = internalDetail, err
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
	}
	p := &Problem{Title: http.StatusText(status), Status: status, Kind: kindOf(status).String()}
	if status >= http.StatusInternalServerError {
		p.Detail, p.cause = internalDetail, errors.Join(append(errs, errors.New(message))...)
		return p
	}
	p.Detail = complaint(message, errs)
	return p
}

// kindOf is the kind of a status: a refused request is the sender's mistake even where no kind has that status.
func kindOf(status int) fault.Kind {
	if k := fault.OfStatus(status); k != fault.Internal || status >= http.StatusInternalServerError {
		return k
	}
	return fault.Invalid
}

// complaint says what is wrong where, and leaves out the value that was sent: it may be long, or a secret.
func complaint(message string, errs []error) string {
	var parts []string
	for _, err := range errs {
		var d *huma.ErrorDetail
		switch {
		case errors.As(err, &d):
			parts = append(parts, d.Location+": "+d.Message)
		case err != nil:
			parts = append(parts, err.Error())
		}
	}
	if len(parts) == 0 {
		return message
	}
	return strings.Join(parts, "; ")
}

// inside looks at what goes out: what a problem does not tell is for the log, or for a client that is this process.
func (o Options) inside(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*Problem)
	switch {
	case !ok || p.cause == nil:
		return v, nil
	case o.Private:
		told := *p
		told.Detail = p.cause.Error()
		return &told, nil
	}
	o.log().Error("request failed", "operation", ctx.Operation().OperationID, "error", p.cause)
	return v, nil
}

func writeProblem(w http.ResponseWriter, p *Problem) {
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
	return fault.Newf(kindOf(p.Status), "%s", p.Detail)
}
