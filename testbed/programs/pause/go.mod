module example.org/caravan/testbed/programs/pause

go 1.26.0
