package render

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

// Times are the seconds of a process's life: until it must first be ready, between being taken out of balance and being
// told to stop, and to end in after that.
type Times struct{ Start, Drain, Stop int }

// usual is what a process is given where its workload says nothing.
var usual = Times{Start: 60, Drain: 10, Stop: 30}

// Times of a service. Invalid when an annotation is no number of seconds.
func (s Service) Times() (Times, error) {
	t := usual
	for _, v := range []struct {
		to         *int
		annotation string
	}{{&t.Start, workload.AnnotationStart}, {&t.Drain, workload.AnnotationDrain}, {&t.Stop, workload.AnnotationStop}} {
		text, ok := s.Workload.Metadata.Annotations[v.annotation]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 24*60*60 {
			return Times{}, fault.Newf(fault.Invalid, "%s: annotation %s is %q; write whole seconds, up to a day", s.Name, v.annotation, text)
		}
		*v.to = n
	}
	return t, nil
}

// Listen is a port others call, and the one the process listens on.
type Listen struct {
	Name         string
	Protocol     string // "TCP" or "UDP"
	Port, Target int
}

// Listens lists a service's ports, those others call in rising order. Invalid when one is no port.
func (s Service) Listens() ([]Listen, error) {
	if s.Workload.Service == nil {
		return nil, nil
	}
	out := make([]Listen, 0, len(s.Workload.Service.Ports))
	for name, p := range s.Workload.Service.Ports {
		l := Listen{Name: name, Protocol: cmp.Or(strings.ToUpper(p.Protocol), "TCP"), Port: p.Port, Target: cmp.Or(p.TargetPort, p.Port)}
		if !isPort(l.Port) || !isPort(l.Target) {
			return nil, fault.Newf(fault.Invalid, "%s: port %s is %d to %d; write numbers from 1 to 65535", s.Name, name, l.Port, l.Target)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Listen) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

func isPort(n int) bool { return n > 0 && n <= 65535 }

// MainContainer is the container that answers for the workload: one with its name, else one that is probed, else the first
// by name; "" when there is none.
func (s Service) MainContainer() string {
	w := s.Workload
	if _, ok := w.Containers[w.Metadata.Name]; ok {
		return w.Metadata.Name
	}
	keys := slices.Sorted(maps.Keys(w.Containers))
	for _, key := range keys {
		if w.Containers[key].ReadinessProbe != nil {
			return key
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}

// What a process is given at most when its workload gives no limit.
const (
	usualMemory = "512Mi"
	usualCPU    = "1"
)

// Share is how much of a machine a process may take.
type Share struct {
	Memory, LeastMemory int64 // bytes, at most and at least; 0 when least is not said
	CPU, LeastCPU       int64 // thousandths of a processor
	MemoryIsUsual       bool  // nobody gave the limit
	CPUIsUsual          bool
}

// ShareOf is what a container may take. Invalid when a quantity is none.
func ShareOf(name estate.ServiceName, given *workload.Compute) (Share, error) {
	c := workload.Compute{}
	if given != nil {
		c = *given
	}
	s := Share{MemoryIsUsual: c.Limits.Memory == "", CPUIsUsual: c.Limits.CPU == ""}
	for _, v := range []struct {
		to          *int64
		text, what  string
		thousandths bool
	}{
		{&s.Memory, cmp.Or(c.Limits.Memory, usualMemory), "memory limit", false},
		{&s.LeastMemory, c.Requests.Memory, "memory request", false},
		{&s.CPU, cmp.Or(c.Limits.CPU, usualCPU), "processor limit", true},
		{&s.LeastCPU, c.Requests.CPU, "processor request", true},
	} {
		n, ok := Amount(v.text, v.thousandths)
		if !ok {
			return Share{}, fault.Newf(fault.Invalid, "%s: %q is no %s; write one as 512Mi, 2G, 500m or 2", name, v.text, v.what)
		}
		*v.to = n
	}
	return s, nil
}

// suffix of a quantity as Kubernetes defines them (apimachinery, resource.Quantity): "Mi" is 2^20, "M" is 10^6.
func suffix(s string) (scale *big.Rat, rest string) {
	powers := "KMGTP"
	if rest, ok := strings.CutSuffix(s, "i"); ok && rest != "" {
		if i := strings.IndexByte(powers, rest[len(rest)-1]); i >= 0 {
			return new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(10*(i+1)))), rest[:len(rest)-1]
		}
	}
	if s == "" {
		return big.NewRat(1, 1), s
	}
	switch last := s[len(s)-1]; {
	case last == 'm':
		return big.NewRat(1, 1000), s[:len(s)-1]
	case last == 'k':
		return big.NewRat(1000, 1), s[:len(s)-1]
	case strings.IndexByte(powers, last) >= 0:
		i := strings.IndexByte(powers, last)
		return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(1000), big.NewInt(int64(i+1)), nil)), s[:len(s)-1]
	}
	return big.NewRat(1, 1), s
}

const longestNumber = 20

// Amount reads a quantity in bytes, or in thousandths of a processor, rounded up to a whole number; "" is 0. False when it
// is none, or nothing.
func Amount(s string, thousandths bool) (int64, bool) {
	if s == "" {
		return 0, true
	}
	scale, digits := suffix(s)
	if strings.Trim(digits, "0123456789.") != "" || len(digits) > longestNumber {
		return 0, false
	}
	n, ok := new(big.Rat).SetString(digits)
	if !ok || n.Sign() <= 0 {
		return 0, false
	}
	n.Mul(n, scale)
	if thousandths {
		n.Mul(n, big.NewRat(1000, 1))
	}
	whole, rest := new(big.Int).QuoRem(n.Num(), n.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return whole.Int64(), whole.IsInt64()
}
