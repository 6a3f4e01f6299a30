package haproxy

import (
	"bytes"
	"net/netip"
	"strings"

	"example.org/caravan/internal/estate"
)

// isKeepalived reports whether a file has one of the blocks only keepalived knows.
func isKeepalived(data []byte) bool {
	return bytes.Contains(data, []byte("vrrp_instance")) || bytes.Contains(data, []byte("virtual_ipaddress")) || bytes.Contains(data, []byte("real_server"))
}

// keepalived notes virtual addresses, and the real servers behind them. Its blocks are words and braces, one
// statement to a line.
func (p *page) keepalived(data []byte) {
	var blocks []string
	var service string
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		text, _, _ := strings.Cut(string(line), "!")
		words := split(braces.Replace(text))
		for len(words) > 0 {
			statement, brace, after := cutBrace(words)
			words = after
			p.keepalivedStatement(statement, blocks, service, n)
			switch brace {
			case "{":
				if len(statement) > 2 && statement[0] == "virtual_server" {
					service = statement[1] + ":" + statement[2]
				}
				blocks = append(blocks, first(statement))
			case "}":
				blocks = blocks[:max(len(blocks)-1, 0)]
			}
		}
	}
	if len(blocks) > 0 {
		p.report.Doubt(estate.Unparsable, p.place(0), "a block is not closed; add the missing }")
	}
}

// braces sets braces apart from the words around them.
var braces = strings.NewReplacer("{", " { ", "}", " } ")

// cutBrace splits words at the first brace.
func cutBrace(words []string) (before []string, brace string, after []string) {
	for i, w := range words {
		if w == "{" || w == "}" {
			return words[:i], w, words[i+1:]
		}
	}
	return words, "", nil
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

func (p *page) keepalivedStatement(words, blocks []string, service string, line int) {
	if len(words) == 0 {
		return
	}
	inside := ""
	if len(blocks) > 0 {
		inside = blocks[len(blocks)-1]
	}
	switch {
	case inside == "virtual_ipaddress" || inside == "virtual_ipaddress_excluded":
		p.virtualAddress(words[0], line)
	case words[0] == "virtual_server" && len(words) > 2:
		if p.virtualAddress(words[1], line) {
			p.see(estate.Listens, "vip", words[2], "", line)
		}
	case words[0] == "real_server" && len(words) > 2:
		p.target(words[1]+":"+words[2], estate.LinkUpstream, "virtual_server "+service, line)
	}
}

func (p *page) virtualAddress(text string, line int) bool {
	text, _, _ = strings.Cut(text, "/")
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	p.see(estate.Called, estate.NameVirtual, ip.String(), "", line)
	return true
}
