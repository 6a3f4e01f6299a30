package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

var redisFigure = regexp.MustCompile(`([\d.]+) (lost|again|acknowledged|rate|(?:forth|back|quiet)-(?:held|waited)-(?:median|worst))\b`)

// redis moves a real Redis there and back under writes, and then kills whoever takes part at every moment of a move.
func redis(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Redis\n\n")
	const command = "go test ./internal/redis -run ^$ -bench Move -benchtime 1x"
	out, err := exec.Command("go", "test", "./internal/redis", "-run", "^$", "-bench", "Move", "-benchtime", "1x").CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmark internal/redis: %w: %s", err, out)
	}
	v := map[string]float64{}
	for _, found := range redisFigure.FindAllSubmatch(out, -1) {
		if v[string(found[2])], err = strconv.ParseFloat(string(found[1]), 64); err != nil {
			return err
		}
	}
	const figures = 14
	if len(v) != figures {
		return fmt.Errorf("benchmark internal/redis: no figures in %s", out)
	}
	const kills = "CARAVAN_TEST_KILLS=all go test ./internal/redis -run TestWhoever -v -timeout 30m"
	killed, err := exec.Command("sh", "-c", kills).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kill whoever takes part: %w: %s", err, killed)
	}
	ended := len(regexp.MustCompile(`(?m)^        --- PASS`).FindAll(killed, -1))
	fmt.Fprintf(page, "Two instances and three Sentinels, moved to two others and back, seven times each way, while ten clients write %.0f times a second through HAProxy.\n\n| figure | goal | measured |\n| --- | --- | --- |\n", v["rate"])
	fmt.Fprintf(page, "| acknowledged writes that were lost, of %.0f | 0 | %.0f |\n", v["acknowledged"], v["lost"])
	fmt.Fprintf(page, "| cuts that were given up, as the target had not all of it in 500 ms, and begun again | | %.0f |\n", v["again"])
	for _, leg := range []string{"forth", "back"} {
		fmt.Fprintf(page, "| %s: writes were held, median and worst | < 500 ms | %.0f ms, %.0f ms |\n", leg, v[leg+"-held-median"], v[leg+"-held-worst"])
		fmt.Fprintf(page, "| %s: the longest any write took from when it was due, median and worst of the runs | < 500 ms | %.0f ms, %.0f ms |\n", leg, v[leg+"-waited-median"], v[leg+"-waited-worst"])
	}
	fmt.Fprintf(page, "| the same in the second before each move, when nothing was done | | %.0f ms, %.0f ms |\n", v["quiet-waited-median"], v["quiet-waited-worst"])
	fmt.Fprintf(page, "| old master, new one, Sentinels and Caravan killed at fifteen moments in eight orders: moves that ended, with every acknowledged write | all | %d |\n", ended)
	fmt.Fprintf(page, "\n`%s`, `%s`\n", command, kills)
	return nil
}
