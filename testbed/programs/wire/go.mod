module example.org/caravan/testbed/programs/wire

go 1.26.0

require golang.org/x/sys v0.47.0
