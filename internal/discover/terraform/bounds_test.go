package terraform

import (
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
)

// TestWhatIsTooDeepEndsInADoubt holds the reader to its bounds: it returns, and says that it stopped.
func TestWhatIsTooDeepEndsInADoubt(t *testing.T) {
	const deep = 100_000
	for _, test := range []struct{ name, path, data string }{
		{"brackets in brackets", "a/main.tf", "a = " + strings.Repeat("[", deep)},
		{"a state of nothing but brackets", "a/terraform.tfstate", strings.Repeat("[", deep)},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := read(discover.File{Path: test.path, Data: []byte(test.data)})
			if len(r.Doubts) == 0 {
				t.Error("no doubt says that the file was not read to its end")
			}
		})
	}
}
