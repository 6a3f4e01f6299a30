module example.org/caravan/testbed/programs/release

go 1.26.0
