// Package doubts is the page of what Caravan could not read or resolve, by topic, with the place and what would settle it.
package doubts

import (
	"strings"

	"example.org/caravan/internal/estate"
)

// View is the doubts that fit a filter.
type View struct {
	Query  string
	Topic  estate.DoubtTopic // "" for all
	All    int               // before the filter
	Shown  int
	Topics []Topic // every topic that has doubts, in the order of the topics
}

// Topic is the doubts of one sort; Count is how many there are before the filter.
type Topic struct {
	Name   estate.DoubtTopic
	Count  int
	Doubts []estate.Doubt
}

// Of filters doubts by words in their text, place or service, and by topic.
func Of(all []estate.Doubt, query string, topic estate.DoubtTopic) View {
	v := View{Query: query, Topic: topic, All: len(all)}
	for _, name := range order() {
		t := Topic{Name: name}
		for _, d := range all {
			if d.Topic != name {
				continue
			}
			t.Count++
			if (topic == "" || topic == name) && fits(d, query) {
				t.Doubts = append(t.Doubts, d)
			}
		}
		if t.Count > 0 {
			v.Topics = append(v.Topics, t)
			v.Shown += len(t.Doubts)
		}
	}
	return v
}

func fits(d estate.Doubt, query string) bool {
	text := strings.ToLower(d.Text + " " + d.Place.String() + " " + string(d.About))
	for _, word := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// order is the order of the topics: what changes the map most comes first.
func order() []estate.DoubtTopic {
	return []estate.DoubtTopic{
		estate.Unconfigured, estate.Unresolved, estate.Ambiguous, estate.Conflicting, estate.Unowned,
		estate.Unreadable, estate.Unparsable, estate.Unsupported, estate.Disconnected,
	}
}

// settles says what a topic is and what would settle its doubts.
func settles(t estate.DoubtTopic) string {
	return map[estate.DoubtTopic]string{
		estate.Unconfigured: "It was seen running, and no configuration says so. Say where it is configured, or end it.",
		estate.Unresolved:   "A name or placeholder leads nowhere. Add the configuration that defines it, or declare it in caravan.yaml.",
		estate.Ambiguous:    "There is more than one answer. Remove the stale one, or say which holds.",
		estate.Conflicting:  "Two sources say different things. Keep one.",
		estate.Unowned:      "No team owns it. Add a line to CODEOWNERS, a catalog file or caravan.yaml.",
		estate.Unreadable:   "It could not be opened. Allow it to be read, or leave it out in caravan.yaml.",
		estate.Unparsable:   "It was read but is not what it claims to be. Mend the file.",
		estate.Unsupported:  "Its value is computed where Caravan cannot. Write the value down in caravan.yaml if it matters.",
		estate.Disconnected: "Nothing uses it and it uses nothing. Retire it, or declare what it is for.",
	}[t]
}

func title(t estate.DoubtTopic) string { return strings.ToUpper(string(t[:1])) + string(t[1:]) }

// format is what a file was read as; "" for doubts that came up when what was read was put together.
func format(d estate.Doubt) string {
	if d.By == "map" || d.By == "merge" {
		return ""
	}
	return string(d.By)
}
