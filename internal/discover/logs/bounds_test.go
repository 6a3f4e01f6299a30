package logs

import (
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
)

// TestWhatIsTooDeepEndsInADoubt holds the reader to its bounds: it returns, and says that it stopped.
func TestWhatIsTooDeepEndsInADoubt(t *testing.T) {
	const deep = 100_000
	for _, test := range []struct{ name, path, data string }{
		{"conditions in conditions", "a/logstash.conf", "input { tcp { port => 1 } }\noutput {\n" + strings.Repeat("if [a] {\n", deep)},
		{"blocks in blocks of Fluentd", "a/fluent.conf", "<source>\n@type tail\n</source>\n" + strings.Repeat("<match a>\n", deep)},
		{"elements in elements", "a/logback.xml", "<configuration>" + strings.Repeat("<appender>", deep)},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := read(discover.File{Path: test.path, Data: []byte(test.data)})
			if len(r.Doubts) == 0 {
				t.Error("no doubt says that the file was not read to its end")
			}
		})
	}
}
