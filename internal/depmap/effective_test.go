package depmap

import (
	"testing"

	"example.org/caravan/internal/estate"
)

func TestTheSettingThatTakesEffectIsFound(t *testing.T) {
	set := func(by estate.ReaderName, key, value, profile string) estate.Setting {
		return estate.Setting{Key: key, Value: value, Profile: profile, By: by}
	}
	for _, c := range []struct {
		what     string
		settings []estate.Setting
		key      string
		want     []string
	}{
		{"the environment overrules the file", []estate.Setting{set("spring", "spring.rabbitmq.host", "a", ""), set("compose", "SPRING_RABBITMQ_HOST", "b", "")}, "spring.rabbitmq.host", []string{"b"}},
		{"a named host beats localhost", []estate.Setting{set("spring", "db.host", "localhost", ""), set("spring", "db.host", "db", "docker")}, "db.host", []string{"db"}},
		{"a test profile is dead", []estate.Setting{set("spring", "db.host", "db", ""), set("spring", "db.host", "fake", "test")}, "db.host", []string{"db"}},
		{"an inactive profile is dead", []estate.Setting{set("compose", "SPRING_PROFILES_ACTIVE", "docker", ""), set("spring", "db.host", "a", "docker"), set("spring", "db.host", "b", "cloud")}, "db.host", []string{"a"}},
		{"an active profile overrules the default", []estate.Setting{set("compose", "SPRING_PROFILES_ACTIVE", "docker", ""), set("spring", "db.host", "a", ""), set("spring", "db.host", "b", "docker")}, "db.host", []string{"b"}},
		{"a placeholder takes the value of its key", []estate.Setting{set("spring", "url", "http://${api.host:x}:1", ""), set("spring", "api.host", "api", "")}, "url", []string{"http://api:1"}},
		{"a placeholder without value takes its default", []estate.Setting{set("spring", "url", "http://${API_HOST:${OTHER:api}}:1", "")}, "url", []string{"http://api:1"}},
		{"a shell default works too", []estate.Setting{set("settings", "url", "http://${API_HOST:-api}:1", "")}, "url", []string{"http://api:1"}},
		{"a placeholder that leads nowhere stays", []estate.Setting{set("spring", "url", "http://${API_HOST}:1", "")}, "url", []string{"http://${API_HOST}:1"}},
		{"placeholders in a circle end", []estate.Setting{set("spring", "a", "${b}", ""), set("spring", "b", "${a}", "")}, "b", nil},
		{"two environments both count", []estate.Setting{{Key: "db.host", Value: "a", Environment: "sg"}, {Key: "db.host", Value: "b", Environment: "my"}}, "db.host", []string{"a", "b"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			e := effectiveSettings(&estate.Component{Settings: c.settings}, nil)
			var got []string
			for _, i := range e.byKey[normKey(c.key)] {
				got = append(got, e.list[i].full)
			}
			if c.want == nil {
				return // only that it ends
			}
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%v, want %v", got, c.want)
				}
			}
		})
	}
}
