// Package problem is the page for what went wrong: not found, not possible, not answering. It takes a status and one
// line of text and says what the reader can do.
package problem

import "net/http"

// View is one problem.
type View struct {
	Status int
	Kind   string
	Text   string
}

// Title is what went wrong, in a few words.
func (v View) Title() string {
	switch v.Status {
	case http.StatusNotFound:
		return "Not found"
	case http.StatusConflict:
		return "Not now"
	case http.StatusUnauthorized:
		return "Sign in first"
	case http.StatusTooManyRequests:
		return "Too many tries"
	case http.StatusForbidden:
		return "Not allowed"
	case http.StatusServiceUnavailable:
		return "No answer"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "That does not fit"
	}
	return "Something broke"
}

// Passing tells that the same address may answer in a moment.
func (v View) Passing() bool {
	return v.Status == http.StatusServiceUnavailable || v.Status == http.StatusInternalServerError
}
