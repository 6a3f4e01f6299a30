package failover_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"example.org/caravan/testbed"
)

// BenchmarkPostgreSQLOnACluster has each fault as often as -benchtime says, but for the API server, which is away once, for as long as
// CARAVAN_FAILOVER_AWAY says.
func BenchmarkPostgreSQLOnACluster(b *testing.B) {
	clusters := testbed.Clusters(1)
	clusters[0].Nodes = 3
	p := raiseCluster(b, bed(b, testbed.Options{Clusters: clusters}))
	for _, f := range clusterFaults() {
		var once sync.Once
		all := &outcomes{}
		b.Run(f.name, func(b *testing.B) {
			if f.name == "the API server is away" {
				once.Do(func() { all.add(f.do(b, p)) })
				all.report(b)
				return
			}
			for b.Loop() {
				all.add(f.do(b, p))
			}
			all.report(b)
		})
	}
}

func BenchmarkPostgreSQLOnMachines(b *testing.B) {
	p := raiseMachines(b, bed(b, testbed.Options{Machines: testbed.Machines(4)}), database(), nil)
	for _, f := range machineFaults() {
		all := &outcomes{}
		b.Run(f.name, func(b *testing.B) {
			for b.Loop() {
				all.add(f.do(b, p))
			}
			all.report(b)
		})
	}
}

// outcomes are those of one fault.
type outcomes struct {
	pauses                []time.Duration
	written, lost, failed int
}

func (o *outcomes) add(one outcome) {
	o.pauses = append(o.pauses, one.Longest)
	o.written += len(one.Written)
	o.lost += one.lost
	o.failed += one.Failed
}

func (o *outcomes) report(b *testing.B) {
	slices.Sort(o.pauses)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(o.pauses)), "runs")
	b.ReportMetric(float64(o.written), "written")
	b.ReportMetric(float64(o.lost), "lost")
	b.ReportMetric(float64(o.failed), "failed")
	b.ReportMetric(o.pauses[len(o.pauses)/2].Seconds(), "median-s")
	b.ReportMetric(o.pauses[len(o.pauses)-1].Seconds(), "worst-s")
}
