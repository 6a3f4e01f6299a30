package warmer_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/postgres/warmer"
)

// What the primary's machine does is measured on one core, which nothing else is given, and without a disk, which would hide what a look costs. The readers
// have the other core, and so have what stands for two more machines whenever the readers leave it: the standby, and the warmer in a process of its own.
const (
	primarysCore = 0
	othersCore   = 1
	noDisk       = "/dev/shm"
	moderate     = 2000 // reads a second, a third of what the core can do
	asWarmer     = "CARAVAN_BENCH_WARMER"
	afterwards   = time.Second // in which those who came behind a warmer's question may still wait
)

func TestMain(m *testing.M) {
	if servers := os.Getenv(asWarmer); servers != "" {
		warmUntilTold(servers)
		return
	}
	os.Exit(m.Run())
}

// warmUntilTold has this process be the warmer of servers until its input ends, of which a line says whether it rests. It says of each round when it began
// and by when it had the primary's last answer, in nanoseconds, and how long the primary took to look at its buffers.
func warmUntilTold(servers string) {
	var all []postgres.Where
	for one := range strings.FieldsSeq(servers) {
		name, address, _ := strings.Cut(one, "=")
		all = append(all, postgres.Where{Name: name, Address: address, TLS: "disable"})
	}
	ctx, stop := context.WithCancel(context.Background())
	at := work{did: func(r warmer.Round, ended time.Time) {
		if r.Looked > 0 && ended.Sub(r.At) > r.Looked+afterwards { // it goes on with the standby, without the primary
			ended = r.At.Add(r.Looked + afterwards)
		}
		fmt.Println(r.At.UnixNano(), ended.UnixNano(), int64(r.Looked))
	}}
	var ran sync.WaitGroup
	ran.Go(func() { at.keepWarm(ctx, all) })
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		at.rests.Store(lines.Text() == "rest")
	}
	stop()
	ran.Wait()
}

// asking is a time in which a warmer asked the primary for something.
type asking struct{ from, to time.Time }

// keeper is a warmer in a process of its own.
type keeper struct {
	order func(string)
	end   func() []asking
	looks []time.Duration // that the primary took to look at its buffers
}

func warmBeside(b *testing.B, servers string) *keeper {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "chrt", "--idle", "0", os.Args[0])
	cmd.Env = append(os.Environ(), asWarmer+"="+servers)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	k := &keeper{}
	var all []asking
	var reads sync.WaitGroup
	reads.Go(func() {
		var from, to, look int64
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, err := fmt.Sscan(lines.Text(), &from, &to, &look); err != nil {
				b.Errorf("%q: %v", lines.Text(), err)
			}
			all = append(all, asking{time.Unix(0, from), time.Unix(0, to).Add(afterwards)})
			if look > 0 {
				k.looks = append(k.looks, time.Duration(look))
			}
		}
	})
	k.order = func(what string) {
		if _, err := fmt.Fprintln(in, what); err != nil {
			b.Fatal(err)
		}
	}
	k.end = func() []asking {
		_ = in.Close()
		reads.Wait()
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		return all
	}
	return k
}

// BenchmarkOverhead reads from a primary by turns with a warmer at work, as it has been for long, and with none. Of the reads with a warmer it also compares
// all with those that were due while it did not ask the primary for anything: both had the same moments of the machine, which turns do not.
func BenchmarkOverhead(b *testing.B) {
	const turns, turn = 8, time.Minute
	b.Setenv("TMPDIR", noDisk)
	for b.Loop() {
		e := stage(b)
		s := e.primary.Standby(b, "standby-1")
		e.readAll(b)
		onCore(b, primarysCore, false, e.primary.Processes(b)...)
		onCore(b, othersCore, true, s.Processes(b)...)
		onCore(b, othersCore, false, threads(b)...)
		threads, often := runtime.GOMAXPROCS(1), debug.SetGCPercent(1000) // more would stand in the readers' own way
		b.Cleanup(func() { runtime.GOMAXPROCS(threads); debug.SetGCPercent(often) })
		load := e.load(b, e.primary, variant{rate: moderate})
		k := warmBeside(b, e.primary.Name+"="+e.primary.Address+" "+s.Name+"="+s.Address)
		wait(b, 2*settle)
		var without, with []float64
		var reads []read
		for range turns {
			k.order("rest")
			x := p99(load.during(b, turn))
			k.order("work")
			now := load.during(b, turn)
			y := p99(now)
			b.Logf("without %.2f ms, with %.2f ms", x, y)
			without, with = append(without, x), append(with, y)
			reads = append(reads, now...)
		}
		asked := k.end()
		var aside, around []read
		for _, r := range reads {
			if slices.ContainsFunc(asked, func(a asking) bool { return r.due.Add(r.took).After(a.from) && r.due.Before(a.to) }) {
				around = append(around, r)
			} else {
				aside = append(aside, r)
			}
		}
		if len(around) == 0 || len(k.looks) == 0 {
			b.Fatal("the warmer asked nothing")
		}
		b.Logf("looks of the primary took %v; %d of %d reads were due around its questions", k.looks, len(around), len(reads))
		b.ReportMetric(median(without), "without-ms")
		b.ReportMetric(median(with), "with-ms")
		b.ReportMetric(p99(reads), "all-ms")
		b.ReportMetric(p99(aside), "aside-ms")
		b.ReportMetric(p99(around), "around-ms")
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// onCore has processes, and those they start, run on one core alone; what is idle only when nothing else wants it.
func onCore(b *testing.B, core int, idle bool, pids ...string) {
	b.Helper()
	var set unix.CPUSet
	set.Set(core)
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.SchedSetaffinity(pid, &set); err != nil && err != unix.ESRCH {
			b.Fatal(err)
		}
		if idle {
			if err := unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil && err != unix.ESRCH {
				b.Fatal(err)
			}
		}
	}
}

// threads are those of this process.
func threads(b *testing.B) []string {
	b.Helper()
	all, err := os.ReadDir("/proc/self/task")
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, e := range all {
		out = append(out, e.Name())
	}
	return out
}
