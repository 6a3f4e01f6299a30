package workspace

import (
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/syntax"
)

// Switching is how services are switched from what told them before to the configuration of the workspace.
type Switching struct {
	Window time.Duration `json:"window,omitempty" jsonschema:"type=string" jsonschema_description:"How long after its switch a service may go back in one command, such as 72h; a week when left out."`
}

// usualWindow is how long the way back is open where nobody says otherwise.
const usualWindow = 7 * 24 * time.Hour

// WayBack is how long a service may go back after its switch.
func (s Switching) WayBack() time.Duration {
	if s.Window == 0 {
		return usualWindow
	}
	return s.Window
}

func switching(r *document.Reader, n syntax.Node, at string) (s Switching) {
	r.Object(n, at, []document.Field{document.Optional("window", document.Duration(&s.Window))})
	if s.Window < 0 {
		r.At(at+".window", "%s is no time to go back in; write one such as 72h", s.Window)
	}
	return s
}
