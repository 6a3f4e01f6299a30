package api

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/standby"
)

// MetricsPath is where Prometheus asks.
const MetricsPath = "/metrics"

// metrics answers Prometheus with how databases stood when they were last looked at. Nobody is asked for it.
func metrics(a *app.App) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		registry := prometheus.NewRegistry()
		registry.MustRegister(standings{r.Context(), a})
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// standings collects what is known of databases, for one answer.
type standings struct {
	ctx context.Context
	app *app.App
}

// Describe says nothing beforehand: which databases there are is known when they are collected.
func (standings) Describe(chan<- *prometheus.Desc) {}

// Collect gives what is known of each instance.
func (s standings) Collect(out chan<- prometheus.Metric) {
	got, err := s.app.Standbys(s.ctx, app.StandbyQuery{})
	if err != nil {
		out <- prometheus.NewInvalidMetric(gauge("caravan_standby_looked_timestamp_seconds", "When a database was last looked at.", false), err)
		return
	}
	for _, d := range got.Datastores {
		if d.At.IsZero() {
			continue
		}
		of := []string{string(d.Datastore), string(d.Environment)}
		put := func(name, help string, value float64, member ...string) {
			out <- prometheus.MustNewConstMetric(gauge(name, help, len(member) > 0), prometheus.GaugeValue, value, append(of[:len(of):len(of)], member...)...)
		}
		put("caravan_standby_looked_timestamp_seconds", "When a database was last looked at.", float64(d.At.Unix()))
		backup(d.Backup, func(name, help string, value float64) { put(name, help, value) })
		for _, m := range d.Members {
			instance(m, func(name, help string, value float64) { put(name, help, value, m.Name) })
		}
	}
}

func gauge(name, help string, member bool) *prometheus.Desc {
	labels := []string{"datastore", "environment"}
	if member {
		labels = append(labels, "member")
	}
	return prometheus.NewDesc(name, help, labels, nil)
}

// instance puts what is known of an instance. What is not known is left out.
func instance(m standby.Member, put func(name, help string, value float64)) {
	put("caravan_standby_healthy", "1 of an instance that runs and leads or follows.", truth(m.Healthy()))
	put("caravan_standby_primary", "1 of the primary.", truth(m.Role == standby.Primary))
	if m.Role != standby.Standby {
		return
	}
	if m.Lag != nil {
		put("caravan_standby_lag_bytes", "How much of the primary's log a standby has not replayed.", float64(*m.Lag))
		put("caravan_standby_behind_seconds", "Since when a standby has replayed nothing, though there was something.", m.Behind.Seconds())
	}
	if m.Warmth != nil {
		put("caravan_standby_warmth_ratio", "Share of the primary's hot blocks, weighed by use, that a standby has in its buffers.", m.Warmth.Share)
	}
}

// backup puts when a datastore was last backed up, and when that was last proven. What never was is left out.
func backup(b *standby.Backup, put func(name, help string, value float64)) {
	if b == nil {
		return
	}
	for _, v := range []struct {
		name, help string
		at         time.Time
	}{
		{"caravan_standby_backup_timestamp_seconds", "When the last backup of a whole database ended.", b.At},
		{"caravan_standby_archived_timestamp_seconds", "Up to when the database's log is kept with its backups.", b.Archived},
		{"caravan_standby_drilled_timestamp_seconds", "When a backup was last restored and checked.", b.Drilled},
	} {
		if !v.at.IsZero() {
			put(v.name, v.help, float64(v.at.Unix()))
		}
	}
	put("caravan_standby_backup_healthy", "0 of a database whose last backup, or drill of one, went wrong.", truth(b.Failed == ""))
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
