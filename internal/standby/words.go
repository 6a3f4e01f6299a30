package standby

import (
	"fmt"
	"math"
	"time"
)

// Percent is a share in words. It is rounded down, so that 100 % is said of a whole alone.
func Percent(share float64) string { return fmt.Sprintf("%.0f %%", math.Floor(share*100)) }

// Bytes is an amount in words, in binary units.
func Bytes(n int64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	amount, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB"} {
		if amount /= step; amount < step {
			break
		}
	}
	if amount < 10 {
		return fmt.Sprintf("%.1f %s", amount, unit)
	}
	return fmt.Sprintf("%.0f %s", amount, unit)
}

// Says is how an instance is, with what its keeper makes of it, in a few words each.
func (m Member) Says() []string {
	var out []string
	switch {
	case m.Unreachable != "":
		out = append(out, "not reached")
	case m.State != "":
		out = append(out, m.State)
	}
	if m.Synchronous {
		out = append(out, "confirms writes")
	}
	if m.NoFailover {
		out = append(out, "never primary")
	}
	return out
}

// LagText is how far an instance is behind, in words; "" when that is not known.
func (m Member) LagText() string {
	switch {
	case m.Lag == nil:
		return ""
	case m.Behind >= time.Second && *m.Lag > 0:
		return fmt.Sprintf("%s, %s", Bytes(*m.Lag), m.Behind.Round(time.Second))
	}
	return Bytes(*m.Lag)
}

// ago is a time that is over, in words.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s ago", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min ago", d.Minutes())
	case d < 2*day:
		return fmt.Sprintf("%.0f h ago", d.Hours())
	}
	return fmt.Sprintf("%.0f days ago", d.Hours()/24)
}
