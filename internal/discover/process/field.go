package process

import (
	"strings"

	"example.org/caravan/internal/estate"
)

// fields are what data about services calls the same things, as Chef data bags have it. A bare number under "memory" may be
// of any unit, so it says nothing.
var fields = map[string]reading{
	"command": {estate.ProcessCommand, OneLine}, "start_command": {estate.ProcessCommand, OneLine}, "exec_start": {estate.ProcessCommand, OneLine},
	"health": {estate.ProcessHealth, Path}, "healthcheck": {estate.ProcessHealth, Path}, "health_check": {estate.ProcessHealth, Path},
	"health_path": {estate.ProcessHealth, Path}, "healthcheck_path": {estate.ProcessHealth, Path}, "health_url": {estate.ProcessHealth, Path},
	"health.path": {estate.ProcessHealth, Path}, "healthcheck.path": {estate.ProcessHealth, Path}, "health_check.path": {estate.ProcessHealth, Path},
	"memory": {estate.ProcessMemory, measured}, "memory_limit": {estate.ProcessMemory, measured}, "memory_max": {estate.ProcessMemory, measured},
	"cpu": {estate.ProcessCPU, Cores}, "cpus": {estate.ProcessCPU, Cores}, "cpu_limit": {estate.ProcessCPU, Cores},
	"user": {estate.ProcessUser, Account}, "run_as": {estate.ProcessUser, Account}, "service_user": {estate.ProcessUser, Account},
	"working_directory": {estate.ProcessDirectory, Directory}, "workdir": {estate.ProcessDirectory, Directory},
	"config_file": {estate.ProcessFile, File}, "environment_file": {estate.ProcessFile, File},
	"replicas": {estate.ProcessReplicas, Count}, "instances": {estate.ProcessReplicas, Count}, "count": {estate.ProcessReplicas, Count},
	"stop_timeout": {estate.ProcessStop, Seconds}, "shutdown_timeout": {estate.ProcessStop, Seconds}, "grace_period": {estate.ProcessStop, Seconds},
}

// OfField is what one field of data about a service says about its process. Nested fields are joined with dots.
func OfField(name, value string) (Trait, bool) {
	f, ok := fields[strings.ToLower(name)]
	if !ok {
		return Trait{}, false
	}
	v, ok := f.read(strings.TrimSpace(value))
	return Trait{f.key, v}, ok
}

// measured reads memory that has its unit.
func measured(text string) (string, bool) {
	if strings.Trim(text, "0123456789.") == "" {
		return "", false
	}
	return Bytes(text)
}
