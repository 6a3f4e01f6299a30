package render

import "fmt"

// Room is how many may replicate from a PostgreSQL, and work for it, at once. It is changed by a restart alone.
type Room struct {
	Senders   int // max_wal_senders
	Slots     int // max_replication_slots
	Processes int // max_worker_processes
	Workers   int // max_logical_replication_workers
}

// Room is what standbys, backups and people take, and beside it what all databases take that move by logical replication: for each, at
// either end, one for its changes and two that copy tables. So no move begins with a restart.
func (d Datastore) Room() Room {
	const others, copies, many = 10, 3, 8 // so many databases at a time: one more is seldom a restart
	const processes, workers = 8, 4       // PostgreSQL's own
	moved := copies * many * ((len(d.DatabaseNames()) + many) / many)
	return Room{Senders: others + moved, Slots: others + moved, Processes: processes + moved, Workers: max(workers, moved)}
}

// Bootstrap is what Patroni keeps alike on all instances, as it stands in its configuration below bootstrap: dcs: postgresql: parameters.
func (d Datastore) Bootstrap() string {
	r := d.Room()
	return fmt.Sprintf(`        hot_standby: "on"
        wal_log_hints: "on"
        max_connections: %d
        # Its databases can move while they are written to, without a restart before.
        wal_level: logical
        max_wal_senders: %d
        max_replication_slots: %d
        max_worker_processes: %d
        max_logical_replication_workers: %d
`, most, r.Senders, r.Slots, r.Processes, r.Workers)
}
