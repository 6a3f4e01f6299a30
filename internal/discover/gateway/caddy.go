package gateway

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

func isCaddyfile(f discover.File) bool {
	return strings.HasPrefix(f.Base(), "Caddyfile") || f.Ext() == ".caddy" || f.Ext() == ".caddyfile"
}

// caddyBlock is a statement of a Caddyfile: its words and, for a block, the statements inside.
type caddyBlock struct {
	words []string
	line  int
	body  []caddyBlock
}

// name is the directive, "" for the block of global options.
func (b caddyBlock) name() string {
	if len(b.words) == 0 {
		return ""
	}
	return b.words[0]
}

// arguments are the words after the directive.
func (b caddyBlock) arguments() []string { return b.words[min(1, len(b.words)):] }

// parseCaddy reads a Caddyfile: words, lines and braces that stand alone. On an error it returns what it understood so far.
func parseCaddy(data []byte) ([]caddyBlock, error) {
	stack := []caddyBlock{{}}
	line := 0
	for len(data) > 0 {
		raw, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		line++
		words := caddyWords(string(raw))
		if len(words) == 0 {
			continue
		}
		if words[0] == "}" {
			if len(stack) == 1 {
				return stack[0].body, &syntax.Error{Line: line, Text: "a } closes nothing; remove it"}
			}
			stack = closeBlock(stack)
			continue
		}
		if words[len(words)-1] != "{" {
			top := &stack[len(stack)-1]
			top.body = append(top.body, caddyBlock{words: words, line: line})
			continue
		}
		if len(stack) > syntax.MaxDepth {
			return stack[0].body, &syntax.Error{Line: line, Text: "blocks nest too deep; split the file"}
		}
		stack = append(stack, caddyBlock{words: words[:len(words)-1], line: line})
	}
	if len(stack) == 1 {
		return stack[0].body, nil
	}
	open := stack[len(stack)-1].line
	for len(stack) > 1 {
		stack = closeBlock(stack)
	}
	return stack[0].body, &syntax.Error{Line: open, Text: "a block is not closed; add the missing }"}
}

func closeBlock(stack []caddyBlock) []caddyBlock {
	top := stack[len(stack)-1]
	stack = stack[:len(stack)-1]
	around := &stack[len(stack)-1]
	around.body = append(around.body, top)
	return stack
}

// caddyWords splits a line; quotes and backquotes keep blanks together.
func caddyWords(line string) []string {
	var words []string
	for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimSpace(line) {
		stop, from := strings.IndexAny(line, " \t"), 0
		if q := line[0]; q == '"' || q == '`' {
			from = 1
			if stop = strings.IndexByte(line[1:], q); stop >= 0 {
				stop++
			}
		}
		if stop < 0 {
			return append(words, line[from:])
		}
		words = append(words, line[from:stop])
		line = line[stop+from:]
	}
	return words
}

func (p *page) caddyfile(f discover.File) {
	sites, err := parseCaddy(f.Data)
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	if len(sites) == 0 {
		return
	}
	p.runs("caddy", sites[0].line)
	if first := sites[0]; len(first.body) == 0 && first.name() != "import" { // one site without braces
		p.caddySite(first)
		p.caddyBody(sites[1:])
		return
	}
	for _, site := range sites {
		if !strings.HasPrefix(site.name(), "(") {
			p.caddySite(site)
		}
		p.caddyBody(site.body)
	}
}

// caddySite notes the ports and full names of a site's addresses.
func (p *page) caddySite(site caddyBlock) {
	for _, word := range site.words {
		address := strings.TrimSuffix(fromCaddy(word), ",")
		scheme, rest, ok := strings.Cut(address, "://")
		if !ok {
			scheme, rest = "", address
		}
		rest, _, _ = strings.Cut(rest, "/")
		host, port := rest, ""
		if i := strings.LastIndexByte(rest, ':'); i >= 0 {
			host, port = rest[:i], rest[i+1:]
		}
		switch {
		case port != "":
			p.listens(port, site.line)
		case scheme == "http":
			p.listens("80", site.line)
		case strings.Contains(host, "."):
			p.listens("443", site.line)
		}
		if strings.Contains(host, ".") && !strings.ContainsAny(host, "*${}") && strings.Trim(host, "0123456789.") != "" {
			p.see(estate.Called, estate.NameDNS, strings.ToLower(host), "", site.line)
		}
	}
}

func (p *page) caddyBody(body []caddyBlock) {
	for _, s := range body {
		switch s.name() {
		case "reverse_proxy", "php_fastcgi", "forward_auth", "proxy":
			p.caddyProxy(s)
		default:
			p.caddyBody(s.body)
		}
	}
}

// caddyProxy links to the addresses after the directive, but for its matcher, and to those of "to" lines.
func (p *page) caddyProxy(s caddyBlock) {
	targets := s.arguments()
	if len(targets) > 0 && (strings.HasPrefix(targets[0], "@") || strings.HasPrefix(targets[0], "/") || targets[0] == "*") {
		targets = targets[1:]
	}
	p.caddyTargets(targets, s.line)
	for _, inner := range s.body {
		switch inner.name() {
		case "to", "upstream":
			p.caddyTargets(inner.arguments(), inner.line)
		case "dynamic":
			if len(inner.words) > 2 {
				p.caddyTargets(inner.words[2:3], inner.line)
			}
		}
	}
}

func (p *page) caddyTargets(targets []string, line int) {
	for _, target := range targets {
		target = fromCaddy(target)
		_, rest, ok := strings.Cut(target, "://")
		if !ok {
			rest = target
		}
		if strings.HasPrefix(rest, "{") {
			p.report.Doubt(estate.Unresolved, estate.Place{File: p.file, Line: line}, "requests are passed on to an address put together from themselves; name the targets in the workspace")
			continue
		}
		p.link(estate.LinkUpstream, target, "", line)
	}
}

// fromCaddy writes Caddy's names for the environment, {$X:y} and {env.X}, as ${X:y}.
func fromCaddy(word string) string {
	word = strings.ReplaceAll(word, "{$", "${")
	return strings.ReplaceAll(word, "{env.", "${")
}

// isCaddyJSON recognises Caddy's native configuration.
func isCaddyJSON(f discover.File) bool {
	return f.Ext() == ".json" && holds(f, `"apps"`, `"reverse_proxy"`, `"dial"`)
}

func (p *page) caddyJSON(f discover.File) {
	for _, doc := range p.parse(f) {
		for _, server := range doc.At("apps", "http", "servers").Pairs {
			for _, address := range server.Value.Get("listen").Items {
				p.listens(address.Value, address.Line)
			}
		}
		for _, e := range doc.Get("apps").Flatten() {
			if strings.HasSuffix(e.Key, ".dial") {
				p.link(estate.LinkUpstream, fromCaddy(e.Value), "", e.Line)
			}
		}
		p.runs("caddy", doc.Line)
	}
}
