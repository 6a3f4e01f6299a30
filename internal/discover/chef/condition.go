package chef

import (
	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
)

func ambiguous(line int) (estate.DoubtTopic, int, string) {
	return estate.Ambiguous, line, "the branches of this condition give different addresses, and only a Chef run knows which holds; the first was taken, so say in the workspace which is true"
}

// choose finds the arm of a condition that holds, -1 when none does; false when the attributes do not tell.
func (in *interpreter) choose(e ruby.Expr) (int, bool) {
	if e.Text == "case" && e.Recv != nil {
		return in.chooseCase(e)
	}
	for i, arm := range e.Arms {
		if len(arm.When) == 0 {
			return i, true
		}
		holds, known := in.holds(arm.When[0])
		if !known {
			return 0, false
		}
		if holds != arm.Unless {
			return i, true
		}
	}
	return -1, true
}

func (in *interpreter) chooseCase(e ruby.Expr) (int, bool) {
	subject, ok := in.known(in.eval(*e.Recv))
	if !ok {
		return 0, false
	}
	for i, arm := range e.Arms {
		if len(arm.When) == 0 {
			return i, true
		}
		for _, when := range arm.When {
			if when.Kind == ruby.Array {
				continue
			}
			s, ok := in.known(in.eval(when))
			if !ok {
				return 0, false
			}
			if s == subject {
				return i, true
			}
		}
	}
	return -1, true
}

// holds decides a condition as far as literals and the node's attributes do.
func (in *interpreter) holds(e ruby.Expr) (holds, known bool) {
	switch e.Kind {
	case ruby.Not:
		h, k := in.holds(e.Args[0])
		return !h, k
	case ruby.Nil:
		return false, true
	case ruby.Binary:
		return in.compares(e)
	case ruby.Call:
		if e.Recv != nil && e.Text == "include?" && len(e.Args) == 1 {
			return in.includes(e)
		}
		if e.Recv == nil && (e.Text == "platform?" || e.Text == "platform_family?") {
			return in.platform(e)
		}
		if e.Recv != nil && len(e.Text) > 0 && e.Text[len(e.Text)-1] == '?' {
			return false, false
		}
	}
	v := in.eval(e)
	if in.unset(v) {
		return false, true
	}
	s, ok := in.known(v)
	return s != "false", ok
}

// unset reports whether a reference leads nowhere although the attributes around it are known. Where even those are
// not, a cookbook outside the tree may set it.
func (in *interpreter) unset(v *value) bool {
	path, ok := v.reference()
	return ok && in.host != nil && len(path) > 1 && in.host.find(path) == nil && in.host.find(path[:1]) != nil
}

func (in *interpreter) compares(e ruby.Expr) (bool, bool) {
	switch e.Text {
	case "&&", "||":
		a, ka := in.holds(e.Args[0])
		b, kb := in.holds(e.Args[1])
		stops := e.Text == "||"
		if ka && a == stops || kb && b == stops {
			return stops, true
		}
		return !stops, ka && kb
	case "==", "!=":
		a, ka := in.known(in.eval(e.Args[0]))
		b, kb := in.known(in.eval(e.Args[1]))
		return (a == b) == (e.Text == "=="), ka && kb
	}
	return false, false
}

func (in *interpreter) includes(e ruby.Expr) (bool, bool) {
	all := in.eval(*e.Recv)
	want, ok := in.known(in.eval(e.Args[0]))
	if all.shape != list || !ok {
		return false, false
	}
	for _, item := range all.items {
		s, known := in.known(item)
		if !known {
			return false, false
		}
		if s == want {
			return true, true
		}
	}
	return false, true
}

func (in *interpreter) platform(e ruby.Expr) (bool, bool) {
	if in.host == nil {
		return false, false
	}
	is := in.host.find([]string{e.Text[:len(e.Text)-1]}).word()
	for _, arg := range e.Args {
		if s, ok := in.known(in.eval(arg)); ok && is != "" && s == is {
			return true, true
		}
	}
	return false, is != ""
}
