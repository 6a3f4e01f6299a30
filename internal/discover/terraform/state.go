package terraform

import (
	"sort"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// readState reads a state of format 3 or 4.
func readState(f discover.File, r *discover.Report) {
	doc, err := syntax.JSON(f.Data)
	if err != nil {
		r.Broken(f, syntax.LineOf(err), err)
	}
	var all []resource
	for _, n := range doc.Get("resources").Items {
		all = append(all, stateResources(f, n)...)
	}
	for _, m := range doc.Get("modules").Items {
		all = append(all, oldResources(f, m)...)
	}
	p := page{r}
	balancers := balance(all)
	for _, s := range all {
		p.resource(s, balancers)
	}
}

// stateResources reads one resource of format 4 with all its instances.
func stateResources(f discover.File, n syntax.Node) []resource {
	if n.Get("mode").Value == "data" {
		return nil
	}
	kind, name := n.Get("type").Value, n.Get("name").Value
	id := kind + "." + name
	if module := n.Get("module").Value; module != "" {
		id = module + "." + id
	}
	instances := n.Get("instances").Items
	var out []resource
	for _, i := range instances {
		s := resource{kind: kind, name: name, id: id, attrs: withoutSensitive(i), place: estate.Place{File: f.Path, Line: i.Line}}
		if index := i.Get("index_key"); index.Kind == syntax.Scalar {
			s.id += "[" + index.Value + "]"
			if len(instances) > 1 {
				s.name += "-" + index.Value
			}
		}
		out = append(out, s)
	}
	return out
}

// withoutSensitive is an instance's attributes but for those the state marks as sensitive.
func withoutSensitive(instance syntax.Node) syntax.Node {
	attrs := instance.Get("attributes")
	for _, p := range instance.Get("sensitive_attributes").Items {
		var keys []string
		for _, step := range p.Items {
			if step.Get("type").Value == "get_attr" {
				keys = append(keys, step.Get("value").Value)
			} else if v := step.At("value", "value"); v.Tag == "str" {
				keys = append(keys, v.Value)
			}
		}
		attrs = without(attrs, keys)
	}
	return attrs
}

// without is a copy of n that lacks what is under keys; lists on the way lack it in every item.
func without(n syntax.Node, keys []string) syntax.Node {
	if len(keys) == 0 {
		return syntax.Node{}
	}
	out := n
	out.Pairs, out.Items = nil, nil
	for _, pair := range n.Pairs {
		if pair.Key == keys[0] {
			pair.Value = without(pair.Value, keys[1:])
		}
		out.Pairs = append(out.Pairs, pair)
	}
	for _, item := range n.Items {
		out.Items = append(out.Items, without(item, keys))
	}
	return out
}

// oldResources reads one module of format 3, whose attributes are flat: "tags.Name", "records.0".
func oldResources(f discover.File, module syntax.Node) []resource {
	var out []resource
	path := module.Get("path").Strings()
	for _, pair := range module.Get("resources").Pairs {
		if strings.HasPrefix(pair.Key, "data.") {
			continue
		}
		kind := pair.Value.Get("type").Value
		name := strings.TrimPrefix(pair.Key, kind+".")
		id := pair.Key
		if len(path) > 1 {
			id = strings.Join(path[1:], ".") + "." + id
		}
		attrs := unflatten(pair.Value.At("primary", "attributes").Pairs)
		out = append(out, resource{kind: kind, name: strings.ReplaceAll(name, ".", "-"), id: id, attrs: attrs, place: estate.Place{File: f.Path, Line: pair.Line}})
	}
	return out
}

// maxFlat bounds the attributes of one resource of the old format.
const maxFlat = 4096

// unflatten nests attributes by the dots in their keys. A map's count stands under "%", a list's under "#".
func unflatten(pairs []syntax.Pair) syntax.Node {
	if len(pairs) > maxFlat {
		pairs = pairs[:maxFlat]
	}
	groups := map[string][]syntax.Pair{}
	out := syntax.Node{Kind: syntax.Map}
	var order []string
	for _, p := range pairs {
		head, tail, nested := strings.Cut(p.Key, ".")
		if head == "%" || head == "#" {
			continue
		}
		if !nested {
			out.Pairs = append(out.Pairs, p)
			continue
		}
		if groups[head] == nil {
			order = append(order, head)
		}
		groups[head] = append(groups[head], syntax.Pair{Key: tail, Line: p.Line, Value: p.Value})
	}
	for _, head := range order {
		inner := asList(unflatten(groups[head]))
		out.Pairs = append(out.Pairs, syntax.Pair{Key: head, Line: groups[head][0].Line, Value: inner})
	}
	return out
}

// asList makes a list of a map whose keys are all numbers.
func asList(n syntax.Node) syntax.Node {
	sorted := append([]syntax.Pair(nil), n.Pairs...)
	for _, p := range sorted {
		if _, err := strconv.ParseUint(p.Key, 10, 64); err != nil {
			return n
		}
	}
	sort.SliceStable(sorted, func(i, j int) bool {
		a, _ := strconv.ParseUint(sorted[i].Key, 10, 64)
		b, _ := strconv.ParseUint(sorted[j].Key, 10, 64)
		return a < b
	})
	out := syntax.Node{Kind: syntax.List}
	for _, p := range sorted {
		out.Items = append(out.Items, p.Value)
	}
	return out
}

// balance finds the addresses behind each load balancer: its DNS name → the machines attached to it.
func balance(all []resource) map[string][]string {
	machines := map[string]string{} // instance id → private address
	targets := map[string][]string{}
	balancers := map[string]string{} // ARN → DNS name
	for _, s := range all {
		switch s.kind {
		case "aws_instance":
			machines[s.first("id").Value] = s.first("private_ip", "public_ip").Value
		case "aws_lb_target_group_attachment", "aws_alb_target_group_attachment":
			group := s.first("target_group_arn").Value
			targets[group] = append(targets[group], s.first("target_id").Value)
		case "aws_lb", "aws_alb":
			balancers[s.first("arn", "id").Value] = s.first("dns_name").Value
		}
	}
	out := map[string][]string{}
	attach := func(name, target string) {
		if ip := machines[target]; ip != "" {
			target = ip
		}
		if name != "" && strings.Contains(target, ".") {
			out[name] = append(out[name], target)
		}
	}
	for _, s := range all {
		switch s.kind {
		case "aws_lb_listener", "aws_alb_listener":
			for _, group := range s.values("default_action.target_group_arn") {
				for _, t := range targets[group.Value] {
					attach(balancers[s.first("load_balancer_arn").Value], t)
				}
			}
		case "aws_elb":
			for _, t := range s.values("instances") {
				attach(s.first("dns_name").Value, t.Value)
			}
		}
	}
	return out
}
