package dotnet

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// xml reads web.config and app.config: settings, connection strings, the addresses of services and rewrite rules.
func (in *reading) xml() {
	d := xml.NewDecoder(bytes.NewReader(in.file.Data))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var path []string
	endpoints := 0
	for {
		line, _ := d.InputPos()
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			in.broken(&syntax.Error{Line: line, Text: "not valid XML"})
			return
		}
		switch t := token.(type) {
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > syntax.MaxDepth {
				in.broken(&syntax.Error{Line: line, Text: "nested deeper than " + strconv.Itoa(syntax.MaxDepth) + " levels"})
				return
			}
			if in.element(path, t, line, endpoints) {
				endpoints++
			}
		case xml.EndElement:
			if i := lastIndex(path, t.Name.Local); i >= 0 {
				path = path[:i]
			}
		}
	}
}

// element sees what one element says; true when it was the endpoint of a client.
func (in *reading) element(path []string, t xml.StartElement, line, endpoints int) bool {
	switch {
	case within(path, "appSettings", "add") && attribute(t, "key") != "":
		in.set("appSettings."+attribute(t, "key"), attribute(t, "value"), line)
	case within(path, "connectionStrings", "add"):
		in.set("connectionStrings."+attribute(t, "name"), attribute(t, "connectionString"), line)
	case within(path, "environmentVariables", "environmentVariable"):
		in.set(attribute(t, "name"), attribute(t, "value"), line)
	case within(path, "client", "endpoint") && attribute(t, "address") != "":
		in.set("system.serviceModel.client.endpoint["+strconv.Itoa(endpoints)+"].address", attribute(t, "address"), line)
		return true
	case within(path, "baseAddresses", "add"):
		in.listen(attribute(t, "baseAddress"), "container", line)
	case within(path, "rule", "action") && strings.EqualFold(attribute(t, "type"), "Rewrite") && strings.Contains(attribute(t, "url"), "://"):
		in.see(estate.Links, estate.LinkUpstream, attribute(t, "url"), "", line)
	}
	return false
}

// within reports whether the path ends in these two elements.
func within(path []string, parent, child string) bool {
	n := len(path)
	return n >= 2 && strings.EqualFold(path[n-1], child) && strings.EqualFold(path[n-2], parent)
}

func attribute(t xml.StartElement, name string) string {
	i := slices.IndexFunc(t.Attr, func(a xml.Attr) bool { return strings.EqualFold(a.Name.Local, name) })
	if i < 0 {
		return ""
	}
	return t.Attr[i].Value
}

func lastIndex(path []string, name string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == name {
			return i
		}
	}
	return -1
}
