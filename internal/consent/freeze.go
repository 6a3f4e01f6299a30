package consent

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Window is a time in which nothing begins: once, or every week. From is in it, Until is not. Both are times of day where
// Zone is, so a weekly window begins and ends by the clock on the wall, summer and winter.
type Window struct {
	From    string `json:"from" jsonschema:"pattern=^((Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day ([01][0-9]|2[0-3]):[0-5][0-9]|[0-9]{4}-[0-9]{2}-[0-9]{2}( ([01][0-9]|2[0-3]):[0-5][0-9])?)$" jsonschema_description:"Beginning: Friday 16:00 for every week, 2026-12-20 or 2026-12-20 16:00 for once."`
	Until   string `json:"until" jsonschema:"pattern=^((Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day ([01][0-9]|2[0-3]):[0-5][0-9]|[0-9]{4}-[0-9]{2}-[0-9]{2}( ([01][0-9]|2[0-3]):[0-5][0-9])?)$" jsonschema_description:"End, in the same form: Monday 08:00."`
	Zone    string `json:"zone,omitempty" jsonschema_description:"Time zone, when it is not that of the policy."`
	Because string `json:"because,omitempty" jsonschema_description:"Reason, as those who wait are told."`

	zone        *time.Location // nil when nobody has read the window
	weekly      bool
	begin, end  wall      // of a weekly one
	first, last time.Time // of one that is once
}

// wall is a time of the week by the clock on the wall.
type wall struct {
	day          time.Weekday
	hour, minute int
}

const week = 7 // days

// after is that time of the wall's clock so many days after a day.
func (w wall) after(day time.Time, days int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day()+days, w.hour, w.minute, 0, 0, day.Location())
}

// holds reports whether a moment is in the window, and when the window ends; zero when it never does.
func (w Window) holds(at time.Time) (until time.Time, frozen bool) {
	switch {
	case w.zone == nil:
		return time.Time{}, true
	case !w.weekly:
		return w.last, !at.Before(w.first) && at.Before(w.last)
	}
	today := at.In(w.zone)
	since := (int(today.Weekday()-w.begin.day) + week) % week
	for _, days := range []int{-since, -since - week} {
		from, until := w.begin.after(today, days), w.end.after(today, days+w.length())
		if !at.Before(from) && at.Before(until) {
			return until, true
		}
	}
	return time.Time{}, false
}

// length is the number of midnights a weekly window spans.
func (w Window) length() int {
	days := (int(w.end.day-w.begin.day) + week) % week
	if days == 0 && w.end.hour*60+w.end.minute <= w.begin.hour*60+w.begin.minute {
		return week
	}
	return days
}

// thaw is when no window holds any more, counting those that follow without a gap; zero when there is no end to them. The
// zone is that of the window which ends last.
func thaw(windows []Window, now time.Time) (until time.Time, zone *time.Location) {
	at := now
	for range (len(windows) + 1) * (len(windows) + 1) { // a week without a gap never ends; anything else is through by then
		i := slices.IndexFunc(windows, func(w Window) bool { _, frozen := w.holds(at); return frozen })
		if i < 0 {
			return at, zone
		}
		at, _ = windows[i].holds(at)
		if zone = windows[i].zone; zone == nil {
			break
		}
	}
	return time.Time{}, nil
}

const (
	dayForm     = "2006-01-02"
	dayTimeForm = "2006-01-02 15:04"
)

var weekForm = regexp.MustCompile(`^([A-Z][a-z]+day) ([01]\d|2[0-3]):([0-5]\d)$`)

// weekTime reads a time of the week: "Friday 16:00".
func weekTime(text string) (wall, bool) {
	m := weekForm.FindStringSubmatch(text)
	if m == nil {
		return wall{}, false
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if day.String() == m[1] {
			return wall{day, number(m[2]), number(m[3])}, true
		}
	}
	return wall{}, false
}

// number is the value of two digits.
func number(digits string) int { return int(digits[0]-'0')*10 + int(digits[1]-'0') }

// dayTime reads a day, or a day with a time, of a zone.
func dayTime(text string, zone *time.Location) (time.Time, bool) {
	form := dayForm
	if strings.Contains(text, " ") {
		form = dayTimeForm
	}
	at, err := time.ParseInLocation(form, text, zone)
	return at, err == nil
}
