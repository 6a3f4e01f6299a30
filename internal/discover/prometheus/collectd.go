package prometheus

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

func isCollectd(f discover.File) bool {
	return bytes.Contains(f.Data, []byte("LoadPlugin")) && bytes.Contains(f.Data, []byte("<Plugin"))
}

// shippers are the plugins of collectd that send measurements on; other plugins with a host visit it.
var shippers = map[string]bool{
	"network": true, "write_graphite": true, "write_http": true, "write_kafka": true, "write_riemann": true, "write_tsdb": true,
	"write_influxdb_udp": true, "amqp": true, "write_redis": true, "write_mongodb": true,
}

// marks sets tags apart and drops quotes.
var marks = strings.NewReplacer(`"`, " ", "<", " <", ">", " ")

// collectd reads the plugins of collectd.conf, whose lines are words inside <Plugin NAME> blocks.
func (p *page) collectd(f discover.File) {
	var plugin, host string
	data := f.Data
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		words := strings.Fields(marks.Replace(string(line)))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		value := ""
		if len(words) > 1 {
			value = words[1]
		}
		why := estate.LinkScrape
		if shippers[plugin] {
			why = estate.LinkShip
		}
		switch words[0] {
		case "<Plugin":
			plugin, host = value, ""
		case "Server":
			if len(words) > 2 {
				value += ":" + words[2]
			}
			p.link(why, value, "plugin "+plugin, n)
		case "URL":
			p.link(why, value, "plugin "+plugin, n)
		case "Host":
			host = value
		case "Port":
			p.link(why, join(host, value), "plugin "+plugin, n)
			host = ""
		case "</Plugin", "</Node", "</Instance", "</Database":
			p.link(why, host, "plugin "+plugin, n)
			host = ""
		}
	}
}

func join(host, port string) string {
	if host == "" {
		return ""
	}
	return host + ":" + port
}
