package gallery

import (
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
)

// machines are where some services of kopi run. Of the others nobody wrote it down.
var machines = map[estate.ServiceName][]estate.ServiceName{
	"orders":   {"app-jkt-1", "app-jkt-2", "app-sin-1"},
	"payments": {"app-jkt-2", "app-sin-1"},
	"monolith": {"app-jkt-1"},
}

// places of those machines.
var places = map[estate.ServiceName]estate.EnvironmentName{
	"app-jkt-1": "jakarta-vm", "app-jkt-2": "jakarta-vm", "db-jkt-1": "jakarta-vm", "app-sin-1": "singapore-vm",
}

// Placed is a service with the machines it runs on.
func Placed(s depmap.Service) depmap.Service {
	if on, ok := machines[s.Name]; ok {
		s.Hosts = on
	}
	return s
}

// Running is an estate of the gallery as what is done to its services asks for it: orders with everything that can be known, the
// monolith with its machine alone, most others with nothing.
func Running(g depmap.Graph) how.Estate {
	e := how.Estate{Graph: g, Components: components(g), Kinds: map[estate.EnvironmentName]string{"jakarta-vm": "vm", "singapore-vm": "vm"}}
	for i := range e.Components {
		if e.Components[i].Name == "orders" {
			e.Components[i].Process = kept()
			e.Components[i].Settings = append(e.Components[i].Settings, estate.Setting{Key: "kopi.orders.artifact", Value: "orders-4.18.2.jar", By: "chef", Place: estate.Place{File: "chef/roles/orders.rb", Line: 11}})
		}
	}
	for host, env := range places {
		e.Components = append(e.Components, estate.Component{Name: host, Kind: estate.Host, Environments: []estate.EnvironmentName{env}})
	}
	return e
}

// kept is how a unit that Chef renders keeps a process.
func kept() []estate.Trait {
	const unit = "chef/cookbooks/orders/templates/kopi-orders.service.erb"
	trait := func(key, value string, line int) estate.Trait {
		return estate.Trait{Key: key, Value: value, By: "chef", Place: estate.Place{File: unit, Line: line}}
	}
	return []estate.Trait{
		trait(estate.ProcessUnit, "kopi-orders", 0), trait(estate.ProcessDirectory, "/srv/kopi/orders/current", 7), trait(estate.ProcessUser, "kopi", 6),
		trait(estate.ProcessFile, "/etc/kopi/orders.env", 8), trait(estate.ProcessHealth, "/actuator/health", 12),
	}
}
