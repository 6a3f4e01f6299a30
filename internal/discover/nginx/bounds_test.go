package nginx

import (
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
)

// TestWhatIsTooDeepEndsInADoubt holds the reader to its bounds: it returns, and says that it stopped.
func TestWhatIsTooDeepEndsInADoubt(t *testing.T) {
	const deep = 100_000
	for _, test := range []struct{ name, path, data string }{
		{"blocks in blocks", "web/nginx.conf", "worker_processes 1;\n" + strings.Repeat("http {\n", deep)},
		{"a statement without an end", "web/nginx.conf", "server_name " + strings.Repeat("a ", deep)},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := read(discover.File{Path: test.path, Data: []byte(test.data)})
			if len(r.Doubts) == 0 {
				t.Error("no doubt says that the file was not read to its end")
			}
		})
	}
}
