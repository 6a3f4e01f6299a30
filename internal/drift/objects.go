package drift

import (
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/object"
)

// Manager is the field manager under which what is declared is applied.
const Manager = "caravan"

// object lists what of an object is not as declared.
func (w World) object(o Object) []Difference {
	switch {
	case o.Same:
		return nil
	case o.Declared == nil:
		return []Difference{w.extra(o)}
	case o.Live == nil:
		return []Difference{w.missing(o)}
	}
	fields := object.Compare(object.Normal(o.Declared), o.Live, object.Options{Manager: Manager, Scaled: o.Scaled})
	out := make([]Difference, 0, len(fields))
	for _, f := range fields {
		out = append(out, w.field(o, f))
	}
	return out
}

func (w World) missing(o Object) Difference {
	d := w.from(o.Source, Missing)
	d.Subject = object.Name(o.Declared)
	d.What = d.Subject + " is not there"
	d.Evidence = []string{o.Where, "declared in " + o.Path}
	d.Mend = object.Difference(nil, object.Readable(o.Declared, contentKey), d.Subject+" (now)", d.Subject+" (mended)")
	return identify(d)
}

func (w World) extra(o Object) Difference {
	d := w.from(o.Source, Extra)
	d.Subject = object.Name(o.Live)
	d.What = d.Subject + " runs beside what is declared"
	d.Evidence = []string{o.Where}
	if by := object.Writers(o.Live, Manager); by != "" {
		d.Evidence = append(d.Evidence, "made by "+by)
	}
	d.Mend = object.Difference(object.Readable(o.Live), nil, d.Subject+" (now)", d.Subject+" (mended)")
	return identify(d, fmt.Sprint(o.Live["spec"]))
}

// contentKey is an annotation by which Caravan knows what it applied; it says nothing to people.
const contentKey = "caravan.example.org/content"

func (w World) field(o Object, f object.Field) Difference {
	kind, _ := o.Live["kind"].(string)
	d := w.from(o.Source, kindOf(kind, f))
	d.Subject, d.Field = object.Name(o.Declared), f.Path
	d.Declared, d.Live = f.Texts(kind)
	switch f.What {
	case object.Missing:
		d.What = fmt.Sprintf("%s: %s is missing, declared is %s", d.Subject, f.Path, d.Declared)
	case object.Added:
		d.What = fmt.Sprintf("%s: %s is %s, and nothing is declared", d.Subject, f.Path, d.Live)
	default:
		d.What = fmt.Sprintf("%s: %s is %s, declared is %s", d.Subject, f.Path, d.Live, d.Declared)
	}
	d.Evidence = []string{o.Where + ", " + d.Subject, "declared in " + o.Path}
	if f.By != "" {
		by := "written by " + f.By
		if !f.At.IsZero() {
			by += " at " + f.At.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		d.Evidence = append(d.Evidence, by)
	}
	d.Mend = object.Difference(object.Readable(o.Live, contentKey), object.Readable(object.Mended(o.Live, []object.Field{f}), contentKey), d.Subject+" (now)", d.Subject+" (mended)")
	return identify(d, f.Content(kind))
}

// kindOf is the sort of a difference in a field.
func kindOf(kind string, f object.Field) Kind {
	last := f.Path[strings.LastIndexAny(f.Path, ".")+1:]
	has := func(part string) bool { return strings.Contains(f.Path, part) }
	switch {
	case f.Path == "spec.replicas" || kind == "Cluster" && f.Path == "spec.instances":
		return Replicas
	case slices.Contains([]string{"ConfigMap", "Secret"}, kind) && (strings.HasPrefix(f.Path, "data") || strings.HasPrefix(f.Path, "binaryData")):
		return Data
	case has(".env[") || has(".envFrom"):
		return Variable
	case f.What == object.Added:
		return Added
	case last == "image" || last == "imageName":
		return Image
	case has(".resources"):
		return Resources
	}
	return Field
}
