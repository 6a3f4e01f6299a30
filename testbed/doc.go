// Package testbed raises a real old world and a real new world on one machine: virtual machines with systemd, and Kubernetes
// clusters that run real pods, in network namespaces without a way out. It knows how they are built, started, reached and taken
// away again; what runs in them is its users' affair.
//
// Everything it makes has the name of the bed in it: processes are in control groups below caravan-bed, namespaces begin with
// caravan-bed, files are below one folder. So Down finds all of it, also after a crash, and nothing else.
package testbed
