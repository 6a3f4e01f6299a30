package doubts

import (
	"testing"

	"example.org/caravan/internal/estate"
)

func TestFiltersKeepWhatHasEveryWordAndTheTopic(t *testing.T) {
	all := []estate.Doubt{
		{Topic: estate.Unowned, About: "mailer", Text: "no team owns it", Place: estate.Place{File: "mailer/compose.yaml", Line: 4}},
		{Topic: estate.Unowned, About: "monolith", Text: "no team owns it", Place: estate.Place{File: "deploy/monolith.yaml", Line: 2}},
		{Topic: estate.Unresolved, About: "mailer", Text: "SMTP_HOST is set nowhere", Place: estate.Place{File: "mailer/.env", Line: 9}},
	}
	for _, tt := range []struct {
		name, query   string
		topic         estate.DoubtTopic
		shown, topics int
	}{
		{"without a filter all are shown", "", "", 3, 2},
		{"words are looked for in text, place and service, in any case", "MAILER compose", "", 1, 2},
		{"a topic keeps the counts of the others", "", estate.Unowned, 2, 2},
		{"both together", "mailer", estate.Unowned, 1, 2},
		{"a line number is part of the place", ".env:9", "", 1, 2},
		{"an unknown topic shows nothing", "", "espresso", 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Of(all, tt.query, tt.topic)
			if v.All != 3 || v.Shown != tt.shown || len(v.Topics) != tt.topics {
				t.Errorf("%d of %d in %d topics, want %d of 3 in %d", v.Shown, v.All, len(v.Topics), tt.shown, tt.topics)
			}
		})
	}
}

func TestEveryTopicSaysWhatWouldSettleIt(t *testing.T) {
	for _, topic := range order() {
		if settles(topic) == "" {
			t.Errorf("%s does not", topic)
		}
	}
}
