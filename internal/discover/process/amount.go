package process

import (
	"math"
	"strconv"
	"strings"
)

// maxAmount bounds what is taken for an amount of memory or processor time: larger numbers mean "no limit".
const maxAmount = 1 << 50

// sizes are the units of systemd.resource-control(5) and of Docker's memory options, in bytes: powers of 1024 under the
// letters of the powers of 1000.
var sizes = map[string]float64{
	"": 1, "b": 1, "k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10, "ki": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20, "mi": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30, "gi": 1 << 30, "t": 1 << 40, "tb": 1 << 40, "tib": 1 << 40, "ti": 1 << 40,
}

// quantities are the units of a Kubernetes quantity, in bytes.
var quantities = map[string]float64{
	"": 1, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
}

// Bytes reads an amount of memory as systemd and Docker write it, "512M" or "1.5gb", into bytes as decimal text.
func Bytes(text string) (string, bool) { return amount(strings.ToLower(text), sizes, 1) }

// Quantity reads an amount of memory as Kubernetes writes it, "512Mi" or "1G", into bytes as decimal text.
func Quantity(text string) (string, bool) { return amount(text, quantities, 1) }

// Cores reads an amount of processor time as Docker and Kubernetes write it, "0.5" or "500m", into thousandths of a core
// as decimal text.
func Cores(text string) (string, bool) {
	return amount(text, map[string]float64{"": 1, "m": 0.001}, 1000)
}

// Quota reads systemd's CPUQuota, "200%" for two cores, into thousandths of a core as decimal text.
func Quota(text string) (string, bool) { return amount(text, map[string]float64{"%": 0.01}, 1000) }

// amount reads one number with its unit and multiplies it by scale; nothing, less than one and more than any machine has
// are no amounts.
func amount(text string, units map[string]float64, scale float64) (string, bool) {
	number, unit := numberAndUnit(strings.TrimSpace(text))
	factor, known := units[unit]
	n, err := strconv.ParseFloat(number, 64)
	total := math.Round(n * factor * scale)
	if !known || err != nil || total < 1 || total > maxAmount {
		return "", false
	}
	return strconv.FormatInt(int64(total), 10), true
}

// numberAndUnit cuts behind the number a text starts with.
func numberAndUnit(text string) (number, unit string) {
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.') {
		end++
	}
	return text[:end], strings.TrimSpace(text[end:])
}

// times are the units of systemd.time(7) and of Go's durations that a process may be given to end, in seconds.
var times = map[string]float64{
	"": 1, "us": 1e-6, "ms": 1e-3, "msec": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60,
	"h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
}

// maxSeconds is a day: a process that is given longer is given for ever.
const maxSeconds = 24 * 3600

// Seconds reads a span of time, "90", "1min 30s" or "1m30s", into seconds as decimal text, rounded up.
func Seconds(text string) (string, bool) {
	rest := strings.ReplaceAll(text, " ", "")
	total := 0.0
	for rest != "" {
		number, after := numberAndUnit(rest)
		end := strings.IndexAny(after, "0123456789")
		if end < 0 {
			end = len(after)
		}
		n, err := strconv.ParseFloat(number, 64)
		factor, known := times[after[:end]]
		if err != nil || !known {
			return "", false
		}
		total += n * factor
		rest = after[end:]
	}
	if text == "" || total > maxSeconds {
		return "", false
	}
	return strconv.FormatInt(int64(math.Ceil(total)), 10), true
}

// Count reads how many of a process run.
func Count(text string) (string, bool) {
	n, err := strconv.Atoi(text)
	return strconv.Itoa(n), err == nil && n >= 0
}
