package haproxy

import (
	"strings"

	"example.org/caravan/internal/discover/process"
	"example.org/caravan/internal/estate"
)

// answerers is the space of subjects known only by the address they answer at: "10.0.0.5:8080".
const answerers = "address"

// health reports the path a section's HTTP check asks its servers for. It is the servers' own, so each is a subject
// by its address; the layer keeps the section, which is mostly called like the service. A check at a port of its own may be
// answered by something else.
func (p *page) health(s section, layer string) {
	asked, line := s.check()
	path, ok := process.Path(asked)
	if !ok {
		return
	}
	for _, l := range s.lines {
		address := trimFamily(l.word(2))
		if l.word(0) != "server" || l.has("disabled") || l.has("port") || !strings.Contains(address, ":") || strings.HasPrefix(address, "/") || !process.Whole(address) {
			continue
		}
		p.report.See(estate.Sighting{Fact: estate.Process, Subject: estate.In(answerers, trimOffset(address)), Key: estate.ProcessHealth, Value: path, Layer: layer, Place: p.place(line)})
	}
}

// check is what `option httpchk` and, in its newer form, `http-check send` ask for; the last of them holds. The older form
// names the method first unless it is left out.
func (s section) check() (asked string, line int) {
	for _, l := range s.lines {
		switch {
		case l.word(0) == "option" && l.word(1) == "httpchk" && l.word(2) != "":
			asked, line = l.word(2), l.line
			if l.word(3) != "" {
				asked = l.word(3)
			}
		case l.word(0) == "http-check" && l.word(1) == "send":
			for i, w := range l.words {
				if w == "uri" && l.word(i+1) != "" {
					asked, line = l.word(i+1), l.line
				}
			}
		}
	}
	asked, _, _ = strings.Cut(asked, " ") // GET /up\ HTTP/1.1: with the version, as one word
	return asked, line
}
