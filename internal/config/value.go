package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wrong says what a value is not that its key is declared to be; "" when nothing is.
func (k Key) wrong(v Value) string {
	switch {
	case v.Secret != nil && k.Type != Secret && k.Type != Text:
		return fmt.Sprintf("is declared as %s and given as a secret; declare it as secret, or give it a %s", k.Type, k.Type)
	case v.Secret != nil:
		return ""
	case k.Type == Secret:
		return "is declared as secret and stands in the clear; say where it is kept"
	case strings.Contains(v.Text, "${"):
		return "" // what goes in there is known where it runs
	case !k.Type.takes(v.Text):
		return fmt.Sprintf("is declared as %s and given %s; %s", k.Type, quoted(v.Text), k.Type.example())
	case len(k.OneOf) > 0 && !slices.Contains(k.OneOf, v.Text):
		return fmt.Sprintf("is given %s; write one of %s", quoted(v.Text), strings.Join(k.OneOf, ", "))
	}
	return k.outside(v.Text)
}

// outside says by which bound a value is out of bounds.
func (k Key) outside(text string) string {
	n, ok := number(text)
	switch {
	case !ok:
		return ""
	case k.Least != nil && n < *k.Least:
		return fmt.Sprintf("is given %s, which is less than %s", text, plain(*k.Least))
	case k.Most != nil && n > *k.Most:
		return fmt.Sprintf("is given %s, which is more than %s", text, plain(*k.Most))
	}
	return ""
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// longestQuote bounds what of a wrong value is said again.
const longestQuote = 60

func quoted(text string) string {
	if len(text) > longestQuote {
		text = text[:longestQuote] + "…"
	}
	return strconv.QuoteToGraphic(text)
}

func (t Type) takes(text string) bool {
	_, ok := t.meaning(text)
	return ok
}

func (t Type) example() string {
	return map[Type]string{
		Integer: "write a whole number", Number: "write a number", Boolean: "write true or false", Duration: "write a length of time such as 250ms, 30s or 4h",
		Size: "write bytes such as 512, 64Ki or 10MB", URL: "write an address such as https://host/path",
	}[t]
}

// meaning is what a text stands for in its type, so that texts that mean the same are equal; false when it is not of the type.
func (t Type) meaning(text string) (string, bool) {
	switch t {
	case Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case Number:
		n, ok := number(text)
		return plain(n), ok
	case Boolean:
		b, err := strconv.ParseBool(strings.ToLower(text))
		return strconv.FormatBool(b), err == nil && !strings.ContainsAny(text, "01") // 0 and 1 are numbers to some and truth to others
	case Duration:
		d, err := time.ParseDuration(text)
		return d.String(), err == nil
	case Size:
		return size(text)
	case URL:
		u, err := url.Parse(text)
		return text, err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
	}
	return text, true
}

func number(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && f == f && f < 1e300 && f > -1e300
}

// units of sizes, the longer names first: the powers of 1024 of IEC 80000-13 and of 1000 of SI.
var units = []struct {
	name string
	of   int64
}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"", 1}}

// size is how many bytes a text such as 64Ki or 10MB stands for.
func size(text string) (string, bool) {
	text = strings.TrimSuffix(text, "B")
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		n, err := strconv.ParseInt(digits, 10, 64)
		if ok && err == nil {
			return strconv.FormatInt(n*u.of, 10), n >= 0 && n <= (1<<62)/u.of
		}
	}
	return "", false
}

// Same reports whether two texts mean the same for a key of a type: 60s is 1m.
func (t Type) Same(a, b string) bool {
	x, okA := t.meaning(a)
	y, okB := t.meaning(b)
	if okA && okB {
		return x == y
	}
	return a == b
}
