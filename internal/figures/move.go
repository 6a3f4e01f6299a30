package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

var moveFigure = regexp.MustCompile(`([\d.]+) ([a-z][a-z-]*)`)

// moved moves a database of 2 GB between servers under writes, there and back, and kills movers at random moments.
func moved(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Database move\n\n")
	move, err := measured("Move")
	if err != nil {
		return err
	}
	whole, err := measured("Whole")
	if err != nil {
		return err
	}
	kills, err := measured("Kills")
	if err != nil {
		return err
	}
	fmt.Fprintf(page, "A database of 2 GB (6 tables, the largest of 5,000,000 rows) under 300 writes a second through PgBouncer, between two PostgreSQL 15 servers that keep what they acknowledge (fsync on) on one machine: moved, its window\nclosed; moved back as a transfer of its own; that one undone within its window. The pause is the longest time without an acknowledged write; every acknowledged write is looked for at the end.\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	for _, row := range []struct{ about, name string }{{"there", "forth"}, {"back", "back"}, {"undone", "undone"}} {
		fmt.Fprintf(page, "| pause when moved %s | < 1000 ms | %.0f ms |\n| of it clients were held by the mover | | %.0f ms |\n| tables proven equal at that cut, and unequal | all, 0 | %.0f, %.0f |\n", row.about, move[row.name+"-pause-ms"], move[row.name+"-held-ms"], move[row.name+"-equal-tables"], move[row.name+"-unequal-tables"])
	}
	fmt.Fprintf(page, "| made, copied and followed, there | | %.0f s |\n| acknowledged writes | | %.0f |\n| of them lost | 0 | %.0f |\n| doubled | 0 | %.0f |\n| kinds of errors clients saw | 0 | %.0f |\n", move["forth-copy-s"], move["writes"], move["lost"], move["doubled"], move["errors"])
	fmt.Fprintf(page, "\nThe same server, with nothing but that database, moved whole by physical replication and undone within its window.\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	fmt.Fprintf(page, "| pause when moved | < 1000 ms | %.0f ms |\n| of it clients were held by the mover | | %.0f ms |\n| pause when undone | < 1000 ms | %.0f ms |\n| of it clients were held by the mover | | %.0f ms |\n| copied and followed | | %.0f s |\n| acknowledged writes | | %.0f |\n| of them lost | 0 | %.0f |\n| doubled | 0 | %.0f |\n",
		whole["whole-pause-ms"], whole["whole-held-ms"], whole["whole-undone-pause-ms"], whole["whole-undone-held-ms"], whole["whole-copy-s"], whole["writes"], whole["lost"], whole["doubled"])
	fmt.Fprintf(page, "\nMovers of a small database under 300 writes a second, killed with SIGKILL at random moments of moves and of undoing them; half of what is left is carried on, all of it is undone in the end. Two more clients write to each server directly, all the time.\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	fmt.Fprintf(page, "| kills | 50 | %.0f |\n| carried on to the end of the move | | %.0f |\n| undone without a trace | all | %.0f |\n| times that writes changed sides, as movers made it and as direct writers saw it | equal | %.0f, %.0f |\n| acknowledged writes | | %.0f |\n| of them lost | 0 | %.0f |\n| doubled | 0 | %.0f |\n", kills["kills"], kills["carried-on"], kills["undone"], kills["turns"], kills["turns-seen"], kills["writes"], kills["lost"], kills["doubled"])
	fmt.Fprintf(page, "\n`go test ./internal/postgres/transfer -run ^$ -bench 'Move|Whole|Kills' -benchtime 1x -timeout 1h`\n")
	return nil
}

// measured are the figures of one benchmark of transfers.
func measured(name string) (map[string]float64, error) {
	return figuresOf("test", "./internal/postgres/transfer", "-run", "^$", "-bench", name+"$", "-benchtime", "1x", "-timeout", "1h")
}

// figuresOf are the figures of a benchmark that counts its writes, by name; args are those of go.
func figuresOf(args ...string) (map[string]float64, error) {
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, out)
	}
	v := map[string]float64{}
	for _, found := range moveFigure.FindAllSubmatch(out, -1) {
		if v[string(found[2])], err = strconv.ParseFloat(string(found[1]), 64); err != nil {
			return nil, err
		}
	}
	if v["writes"] == 0 {
		return nil, fmt.Errorf("go %s: no figures in %s", strings.Join(args, " "), out)
	}
	return v, nil
}

// worlds moves a database of 2 GB from machines to a cluster and back, by the commands and by what is rendered.
func worlds(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Database move between worlds\n\n")
	if _, err := os.Stat("testbed"); errors.Is(err, fs.ErrNotExist) || os.Geteuid() != 0 {
		fmt.Fprintf(page, "Not measured: a bed is raised by root.\n")
		return nil
	}
	args := []string{"test", "-C", "testbed", "./failover", "-run", "^$", "-bench", "Worlds", "-benchtime", "1x", "-timeout", "1h"}
	v, err := figuresOf(args...)
	if err != nil {
		return err
	}
	fmt.Fprintf(page, "A database of 2 GB as it is rendered, with two instances on machines and two on Kubernetes, under 300 writes a second through PgBouncer: moved to Kubernetes with `caravan standby move`, and back with `caravan standby back`\n"+
		"within its window. Every acknowledged write is looked for at the end.\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	fmt.Fprintf(page, "| clients were held, to Kubernetes | < 1000 ms | %.0f ms |\n| and back to machines | < 1000 ms | %.0f ms |\n| longest time without an acknowledged write, in all | < 1000 ms | %.0f ms |\n| acknowledged writes | | %.0f |\n| of them lost | 0 | %.0f |\n| errors that clients saw | 0 | %.0f |\n",
		v["there-ms"], v["back-ms"], v["longest-ms"], v["writes"], v["lost"], v["failed"])
	fmt.Fprintf(page, "\n`go %s`\n", strings.Join(args, " "))
	return nil
}
