package build

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"example.org/caravan/internal/syntax"
)

// element is one XML element with what a manifest needs of it. The nil element has nothing in it.
type element struct {
	name     string
	line     int
	text     string
	attrs    map[string]string
	children []*element
}

// parseXML reads a document into elements, as far as it is XML. Entities of its own are not expanded, so none can grow.
func parseXML(data []byte) (*element, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root := &element{}
	stack := []*element{root}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		line, _ := dec.InputPos()
		if err != nil {
			return root, &syntax.Error{Line: line, Text: "not valid XML; mend it, for what follows was not read"}
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(stack) > syntax.MaxDepth {
				return root, &syntax.Error{Line: line, Text: "XML nested too deep to be a build manifest; exclude the file"}
			}
			stack = append(stack, stack[len(stack)-1].open(t, line))
		case xml.EndElement:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			stack[len(stack)-1].text += strings.TrimSpace(string(t))
		}
	}
}

func (e *element) open(t xml.StartElement, line int) *element {
	child := &element{name: t.Name.Local, line: line}
	if len(t.Attr) > 0 {
		child.attrs = make(map[string]string, len(t.Attr))
	}
	for _, a := range t.Attr {
		child.attrs[a.Name.Local] = a.Value
	}
	e.children = append(e.children, child)
	return child
}

// get walks to the first element of a path; nil when there is none.
func (e *element) get(names ...string) *element {
	for _, name := range names {
		e = e.child(name)
	}
	return e
}

func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// value is the text at a path, "" when there is none.
func (e *element) value(names ...string) string {
	if found := e.get(names...); found != nil {
		return found.text
	}
	return ""
}

// all lists the direct children of a name.
func (e *element) all(name string) []*element {
	if e == nil {
		return nil
	}
	var out []*element
	for _, c := range e.children {
		if c.name == name {
			out = append(out, c)
		}
	}
	return out
}
