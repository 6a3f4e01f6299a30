package kube

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
)

func compare(a, b string) int { return strings.Compare(a, b) }

// words are what an error says, in one line without secrets.
func words(err error) string {
	var u *url.Error
	text := err.Error()
	if errors.As(err, &u) && u.Err != nil {
		text = u.Err.Error()
	}
	return clean(text)
}

// clean is a text of a cluster in one line of a bounded length, without secrets.
func clean(text string) string {
	const longest = 600
	text = redact.Text(strings.Join(strings.Fields(text), " "))
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " …"
	}
	return text
}

// say makes an error of the API one that people can act on: what was being done, what the API server says, how to mend it.
func (t *Target) say(err error, doing string) error {
	var f *fault.Error
	var status apierrors.APIStatus
	switch {
	case err == nil, errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.As(err, new(*url.Error)):
		return err
	case !errors.As(err, &status):
		return fault.Newf(fault.Unavailable, "%s: %s; check that kubectl --context %s get nodes works, and run it again", doing, words(err), t.o.Context)
	}
	said := words(err)
	switch {
	case apierrors.IsUnauthorized(err):
		return fault.Newf(fault.Denied, "%s: the cluster of %s does not let this account in (%s); renew its credentials in the kubeconfig", doing, t.o.Context, said)
	case apierrors.IsForbidden(err) && strings.Contains(said, "exceeded quota"):
		return fault.Newf(fault.Unavailable, "%s: the namespace's quota is used up: %s; raise it, or ask for less, and run it again", doing, said)
	case apierrors.IsForbidden(err) && strings.Contains(said, " cannot "):
		return fault.Newf(fault.Denied, "%s: the account of %s lacks the right: %s; give it the right, docs/guides/move.md has the role", doing, t.o.Context, said)
	case apierrors.IsForbidden(err):
		return fault.Newf(fault.Denied, "%s: the cluster refuses it: %s; change the file, or the rule that refuses it", doing, said)
	case immutable(status.Status()):
		return fault.Newf(fault.Conflict, "%s: a field that cannot change once it is made would change: %s; take the object away (caravan undo, or kubectl delete) and move again", doing, said)
	case len(rivals(status.Status())) > 0:
		return fault.Newf(fault.Conflict, "%s: %s; let them give the field up, or run again with --force to overwrite it", doing, strings.Join(rivals(status.Status()), ", "))
	case apierrors.IsConflict(err):
		return fault.Newf(fault.Conflict, "%s: %s; run it again", doing, said)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return fault.Newf(fault.Invalid, "%s: the API server does not accept it: %s; mend it where the file is made from (services/ or expansions/)", doing, said)
	case apierrors.IsNotFound(err):
		return fault.Newf(fault.NotFound, "%s: %s; somebody took it away meanwhile: run it again", doing, said)
	}
	return fault.Newf(fault.Unavailable, "%s: %s; once the cluster is well again, run it again", doing, said)
}

// immutable reports whether an answer says that a field cannot be changed.
func immutable(s metav1.Status) bool {
	return s.Reason == metav1.StatusReasonInvalid && (strings.Contains(s.Message, "immutable") || strings.Contains(s.Message, "updates to statefulset spec for fields other than"))
}

// rivals are who else owns fields that were to be changed, each with the field.
func rivals(s metav1.Status) []string {
	if s.Details == nil {
		return nil
	}
	var out []string
	for _, c := range s.Details.Causes {
		if c.Type == metav1.CauseTypeFieldManagerConflict {
			who := strings.TrimPrefix(c.Message, "conflict with ")
			out = append(out, fmt.Sprintf("%s is set by %s", strings.TrimPrefix(c.Field, "."), clean(who)))
		}
	}
	return out
}
