package object

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// amounts are fields below which quantities stand, by name.
var amounts = []string{"requests", "limits", "hard", "capacity", "default", "defaultRequest", "max", "min", "overhead", "sizeLimit", "storage", "size", "memory", "cpu", "divisor", "walStorage"}

// same reports whether two values at a path mean the same.
func same(path []step, x, y any, custom bool) bool {
	if equal(x, y) {
		return true
	}
	if isAmount(path) {
		a, okA := quantity(x)
		b, okB := quantity(y)
		if okA && okB {
			return a.Cmp(b) == 0
		}
	}
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1].field
	}
	a, okA := x.(string)
	b, okB := y.(string)
	switch {
	case okA && okB && last == "schedule":
		return Schedule(a) == Schedule(b)
	case okA && okB && len(path) > 1 && path[0].field == "data" || len(path) > 1 && path[0].field == "binaryData":
		return sameBytes(a, b)
	case custom && okA && okB:
		return sameDuration(a, b) || sameTime(a, b)
	case custom: // of kinds that take a number or a text
		return plain(x) && plain(y) && fmt.Sprint(x) == fmt.Sprint(y)
	}
	return false
}

// longestExponent bounds what is taken for a quantity, "e" included: comparing powers of ten takes as long as they are large.
const longestExponent = 4

func isAmount(path []step) bool {
	return slices.ContainsFunc(path, func(s step) bool { return slices.Contains(amounts, s.field) })
}

func quantity(v any) (resource.Quantity, bool) {
	text := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if i := strings.IndexAny(text, "eE"); !plain(v) || i >= 0 && len(text)-i > longestExponent {
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil
}

func plain(v any) bool {
	switch v.(type) {
	case string, int, int64, float64, json.Number:
		return true
	}
	return false
}

// scalar reports whether a value is no map and no list.
func scalar(v any) bool {
	_, truth := v.(bool)
	return truth || plain(v)
}

// equal reports whether two plain values are the same, whatever type a number came in.
func equal(x, y any) bool {
	if a, ok := number(x); ok {
		b, ok := number(y)
		return ok && a == b
	}
	return x == y
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func sameDuration(x, y string) bool {
	a, errA := time.ParseDuration(x)
	b, errB := time.ParseDuration(y)
	return errA == nil && errB == nil && a == b
}

func sameTime(x, y string) bool {
	a, errA := time.Parse(time.RFC3339, x)
	b, errB := time.Parse(time.RFC3339, y)
	return errA == nil && errB == nil && a.Equal(b)
}

// sameBytes reports whether two texts are the same bytes in base64, which may be broken into lines.
func sameBytes(x, y string) bool {
	unbroken := strings.NewReplacer("\n", "", "\r", "", " ", "")
	if x == unbroken.Replace(x) && y == unbroken.Replace(y) {
		return false // they would be equal
	}
	a, errA := base64.StdEncoding.DecodeString(unbroken.Replace(x))
	b, errB := base64.StdEncoding.DecodeString(unbroken.Replace(y))
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// spoken are schedules by name (crontab(5), as robfig/cron reads them).
var spoken = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

var (
	months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	days   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// Schedule is a schedule of cron in one spelling: five fields with one blank between, months and days as numbers.
func Schedule(text string) string {
	fields := strings.Fields(strings.ToLower(text))
	if len(fields) == 1 && spoken[fields[0]] != "" {
		return spoken[fields[0]]
	}
	if len(fields) != 5 {
		return strings.Join(strings.Fields(text), " ")
	}
	for i, f := range fields {
		f = strings.ReplaceAll(f, "?", "*")
		f = strings.ReplaceAll(f, "*/1,", "*,")
		if f == "*/1" {
			f = "*"
		}
		switch i {
		case 3:
			f = numbers(f, months, 1)
		case 4:
			f = numbers(f, days, 0)
		}
		fields[i] = f
	}
	return strings.Join(fields, " ")
}

func numbers(field string, names []string, first int) string {
	for i, n := range names {
		field = strings.ReplaceAll(field, n, strconv.Itoa(i+first))
	}
	return field
}
