package vm

import (
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// variables are the variables of a container, by name. Invalid when systemd would hand one over changed, or not at all.
func variables(s render.Service, c workload.Container) ([]render.Variable, error) {
	all, err := s.Variables(c)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if !isVariable(v.Name) {
			return nil, fault.Newf(fault.Invalid, "%s: systemd hands no variable named %q to a process; use letters, digits and _ alone", s.Name, v.Name)
		}
		if !isValue(v.Text()) {
			return nil, fault.Newf(fault.Invalid, "%s: variable %s is no text (it holds a zero byte or is not UTF-8); give such a value as a file", s.Name, v.Name)
		}
	}
	return all, nil
}
