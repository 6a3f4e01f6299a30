package fault

import "errors"

// Cause is the innermost of an error alone, of several joined the first: what is wrapped around it may tell the whole way to it.
func Cause(err error) string {
	for {
		next := errors.Unwrap(err)
		var several interface{ Unwrap() []error }
		if next == nil && errors.As(err, &several) && len(several.Unwrap()) > 0 {
			next = several.Unwrap()[0]
		}
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
