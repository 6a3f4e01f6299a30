package chef

import (
	"strings"

	"example.org/caravan/internal/estate"
)

// record is a name and what it resolves to.
type record struct {
	name, target string
	at           *value
}

// tableWords in a key say that what is below it is a table of names.
var tableWords = map[string]bool{
	"dns": true, "records": true, "record": true, "zone": true, "zones": true, "hostsfile": true, "bind": true, "dnsmasq": true, "unbound": true,
	"static_hosts": true, "host_entries": true, "etc_hosts": true, "hosts_file": true, "hosts_entries": true, "resolver": true, "pdns": true,
	"powerdns": true, "cnames": true, "aliases": true, "a_records": true, "route53": true, "dns_records": true, "host_records": true,
}

var (
	nameKeys   = []string{"name", "hostname", "fqdn", "host", "record", "domain"}
	targetKeys = []string{"ipv4_address", "ip_address", "ipaddress", "ip", "address", "ipv4", "value", "data", "target", "content", "rdata", "ipv6_address", "values", "records", "cname", "canonical"}
	recordType = map[string]bool{"A": true, "AAAA": true, "CNAME": true, "ALIAS": true}
)

// recordsIn reads a table of names at key, if v is one. All of v then says nothing about the node itself.
func recordsIn(key string, v *value) []record {
	named := tableNamed(key)
	switch v.shape {
	case list:
		return recordList(v, named)
	case table:
		if hosts := namesToAddresses(key, v, named); hosts != nil {
			return hosts
		}
		return recordTable(v, named)
	}
	return nil
}

// isRecords reports whether v is a table of names, which says nothing about who uses them.
func isRecords(key string, v *value) bool { return len(recordsIn(key, v)) > 0 }

// tableNamed reports whether a word of the key names a table of names.
func tableNamed(key string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(key), func(c rune) bool { return c == '.' || c == '[' || c == ']' }) {
		if tableWords[word] {
			return true
		}
	}
	return false
}

// recordList reads a list whose every entry is a record.
func recordList(v *value, named bool) []record {
	var out []record
	for _, item := range v.items {
		found := recordOf(item, "", named)
		if found == nil {
			return nil
		}
		out = append(out, found...)
	}
	return out
}

// recordTable reads {"www": {"type": "A", "ip": …}, …}: the key is the name where the entry has none.
func recordTable(v *value, named bool) []record {
	var out []record
	for _, key := range v.keys {
		found := recordOf(v.fields[key], key, named)
		if found == nil {
			return nil
		}
		out = append(out, found...)
	}
	return out
}

// recordOf reads one entry. Without a type it is a record only in a table of names, and never with a port: then it is
// an address somebody uses. A record of another type (MX, TXT …) is one that resolves to nothing: an empty list.
func recordOf(v *value, name string, named bool) []record {
	if v == nil || v.shape != table || v.has("port") && !v.has("type") {
		return nil
	}
	kind := strings.ToUpper(v.at("type").word())
	if kind == "" && !named {
		return nil
	}
	if s := firstOf(v, nameKeys).word(); s != "" {
		name = s
	}
	if kind != "" && !recordType[kind] {
		if named && name != "" {
			return []record{}
		}
		return nil
	}
	target := firstOf(v, targetKeys)
	if name == "" || target == nil {
		return nil
	}
	name = inZone(name, v.at("zone").word())
	out := []record{}
	for _, to := range target.words() {
		if kind == "CNAME" || kind == "ALIAS" || isAddress(to) {
			out = append(out, record{name: name, target: strings.TrimSuffix(to, "."), at: target})
			for _, alias := range v.at("aliases").words() {
				out = append(out, record{name: alias, target: to, at: target})
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func firstOf(v *value, keys []string) *value {
	for _, key := range keys {
		if f := v.fields[key]; f != nil && f.shape != absent {
			return f
		}
	}
	return nil
}

func inZone(name, zone string) string {
	name, zone = strings.TrimSuffix(name, "."), strings.TrimSuffix(zone, ".")
	switch {
	case zone == "" || name == zone || strings.HasSuffix(name, "."+zone):
		return name
	case name == "@":
		return zone
	}
	return name + "." + zone
}

// namesToAddresses reads {"db.internal": "10.0.0.5"} and {"10.0.0.5": ["db.internal", "db"]}.
func namesToAddresses(key string, v *value, named bool) []record {
	last := strings.ToLower(key[strings.LastIndexByte(key, '.')+1:])
	if !named && last != "hosts" || len(v.keys) == 0 {
		return nil
	}
	var out []record
	dotted := false
	for _, k := range v.keys {
		f := v.fields[k]
		words := f.words()
		switch {
		case isAddress(k) && len(words) > 0:
			for _, w := range words {
				for _, name := range strings.Fields(w) {
					out = append(out, record{name: name, target: k, at: f})
					dotted = dotted || strings.Contains(name, ".")
				}
			}
		case f.shape == leaf && len(words) == 1 && isAddress(words[0]):
			out = append(out, record{name: k, target: words[0], at: f})
			dotted = dotted || strings.Contains(k, ".")
		case f.shape == leaf && (last == "cnames" || last == "cname" || last == "aliases") && len(words) == 1 && strings.Contains(words[0], "."):
			out = append(out, record{name: k, target: words[0], at: f})
			dotted = true
		default:
			return nil
		}
	}
	if !named && !dotted {
		return nil // addresses that the node is told to use
	}
	return out
}

// emitRecords reports a table of names if v is one. What an environment says holds there, the rest everywhere.
func (r *repo) emitRecords(key string, v *value, env string) bool {
	found := recordsIn(key, v)
	for _, rec := range found {
		space := ""
		switch {
		case strings.HasPrefix(rec.at.layer, "environment["):
			name, _, _ := strings.Cut(strings.TrimPrefix(rec.at.layer, "environment["), "]")
			space, env = "chef:"+name, name
		case strings.HasPrefix(rec.at.layer, "node") && env != "":
			space = "chef:" + env
		default:
			env = ""
		}
		if r.report.once("record " + space + " " + rec.name + " " + rec.target + " " + rec.at.place.String()) {
			r.report.See(estate.Sighting{
				Fact: estate.Resolves, Subject: estate.Subject{Space: space}, Key: rec.name, Value: rec.target, Environment: estate.EnvironmentName(env), Layer: rec.at.layer, Place: rec.at.place,
			})
		}
	}
	return len(found) > 0
}
