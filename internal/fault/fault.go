// Package fault says what kind of failure an error is. It knows six kinds and what each means to a
// program (exit code) and to a browser (HTTP status); it does not print, log or retry.
//
// Wrap an error once, at the boundary where the file, host or wave is known; inside a package
// return it as it is.
package fault

import (
	"errors"
	"fmt"
	"net/http"
)

// Kind is what went wrong, as far as the person or program who asked needs to know.
type Kind int

// The kinds. The zero value is Internal, so an error nobody classified is our own.
const (
	Internal    Kind = iota // a defect or an exhausted machine
	Usage                   // the command line itself was wrong
	Invalid                 // the input was read and is wrong
	NotFound                // what was named does not exist
	Conflict                // it exists already, or has changed since
	Denied                  // a right or a green light is missing
	Unavailable             // something outside does not answer
	Differs                 // nothing failed: a comparison found differences
)

var kinds = []struct {
	name   string
	exit   int
	status int
}{
	Internal:    {"internal", 1, http.StatusInternalServerError},
	Usage:       {"usage", 2, http.StatusBadRequest},
	Invalid:     {"invalid", 3, http.StatusUnprocessableEntity},
	NotFound:    {"not found", 4, http.StatusNotFound},
	Conflict:    {"conflict", 5, http.StatusConflict},
	Denied:      {"denied", 6, http.StatusForbidden},
	Unavailable: {"unavailable", 7, http.StatusServiceUnavailable},
	Differs:     {"differs", 8, http.StatusOK},
}

// String is the kind's name in messages and JSON.
func (k Kind) String() string { return kinds[k].name }

// ExitCode is what the program exits with.
func (k Kind) ExitCode() int { return kinds[k].exit }

// Status is the HTTP status a server answers with.
func (k Kind) Status() int { return kinds[k].status }

// OfStatus is the kind a client reads from an HTTP status; unknown statuses are Internal.
func OfStatus(status int) Kind {
	for k, row := range kinds {
		if row.status == status {
			return Kind(k)
		}
	}
	switch status {
	case http.StatusUnauthorized:
		return Denied
	case http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return Unavailable
	}
	return Internal
}

// Error is an error of a known kind. Its text is one line a person can act on.
type Error struct {
	Kind  Kind
	text  string
	cause error
}

func (e *Error) Error() string { return e.text }

// Unwrap gives the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Newf makes an error of kind k. A %w verb keeps the cause.
func Newf(k Kind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, text: err.Error(), cause: errors.Unwrap(err)}
}

// KindOf is the kind of the outermost Error in err's chain; Internal when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
