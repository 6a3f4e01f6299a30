package how

import (
	"strings"
	"testing"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render/kube"
)

func TestAnActionHasManyWords(t *testing.T) {
	for word, want := range map[string]Action{"logs": Logs, "journalctl": Logs, "SSH": Shell, "top": CPU, "cron": Jobs, "psql": Database, "undo": Rollback, "start": Stop} {
		if got, err := Find(word); err != nil || got != want {
			t.Errorf("%s is %s, %v", word, got, err)
		}
	}
	for word, hint := range map[string]string{"lgos": "did you mean logs?", "restrat": "did you mean restart?", "debug-dsn": "did you mean debug-dns?", "espresso": "choose one of logs, status"} {
		if _, err := Find(word); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestNoWordMeansTwoActions(t *testing.T) {
	seen := map[string]Action{}
	for _, topic := range Topics(estate.Service) {
		for _, word := range append([]string{string(topic.Action)}, topic.Also...) {
			if other, taken := seen[word]; taken {
				t.Errorf("%s is %s and %s", word, other, topic.Action)
			}
			seen[word] = topic.Action
		}
	}
}

func TestEveryActionHasARecipeInBothWorlds(t *testing.T) {
	for _, topic := range Topics(estate.Service) {
		if inClusters[topic.Action] == nil || ons[topic.Action] == nil {
			t.Errorf("%s has no recipe", topic.Action)
		}
	}
	if len(inClusters) != len(topics) || len(ons) != len(topics) {
		t.Errorf("%d and %d recipes for %d actions", len(inClusters), len(ons), len(topics))
	}
}

func TestOnlyProductionIsWarnedOf(t *testing.T) {
	for env, want := range map[estate.EnvironmentName]bool{
		"production-sg": true, "indonesia": true, "": true, "latest": true, "staging": false, "eu-test-1": false, "DEV": false, "preprod.sg": false,
	} {
		p := Place{Environment: env, Machines: &Machines{Hosts: []string{"app-1"}, Units: []Known{{Value: "orders.service"}}}}
		s := Subject{Name: "orders", Kind: estate.Service}
		if got := recipe(s, p, Restart).Warning != ""; got != want {
			t.Errorf("%q: warned %v", env, got)
		}
		if r := recipe(s, p, Logs); r.Warning != "" {
			t.Errorf("%q: looking is warned of: %s", env, r.Warning)
		}
	}
}

func TestWhatIsNotDoneSaysSo(t *testing.T) {
	for _, tt := range []struct {
		s    Subject
		a    Action
		want string
	}{
		{Subject{Name: "maps", Kind: estate.External}, Logs, "maps is run by others"},
		{Subject{Name: "app-1", Kind: estate.Host}, Logs, "app-1 is a machine"},
		{Subject{Name: "pg main", Kind: estate.Datastore}, Deploy, "pg main is a datastore, to which deploy is not done; caravan how 'pg main'"},
	} {
		if _, err := Do(tt.s, tt.a); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v", err)
		}
	}
	if g := Tell(Subject{Name: "maps", Kind: estate.External}); len(g.Answers) > 0 {
		t.Errorf("%d answers for what others run", len(g.Answers))
	}
}

func TestAnAnswerIsNarrowedToAnEnvironment(t *testing.T) {
	place := func(env estate.EnvironmentName) Place {
		return Place{Environment: env, Machines: &Machines{Hosts: []string{"app-1"}}}
	}
	g := Tell(Subject{Name: "orders", Kind: estate.Service, Places: []Place{place("sg"), place("my")}})
	one, err := g.In("my")
	if err != nil || len(one.Answers) != len(g.Answers) || len(one.Answers[0].Recipes) != 1 || one.Answers[0].Recipes[0].Environment != "my" || len(g.Answers[0].Recipes) != 2 {
		t.Errorf("%v, %v", one, err)
	}
	if _, err := g.In("id"); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "it does in sg, my") {
		t.Errorf("%v", err)
	}
	nowhere := Tell(Subject{Name: "orders", Kind: estate.Service}.WithoutPlaces())
	if _, err := nowhere.In("id"); fault.KindOf(err) != fault.NotFound || len(nowhere.Notes) != 1 {
		t.Errorf("%v, %q", err, nowhere.Notes)
	}
}

func TestAClusterOfTodayIsKnownByItsManifests(t *testing.T) {
	s := depmap.Service{Name: "orders", Kind: estate.Service, Environments: []estate.EnvironmentName{"sg"}, Names: []estate.Alias{
		{Kind: estate.NameWorkload, Value: "orders-api"}, {Kind: estate.NameService, Value: "orders.shop.svc.cluster.local"},
	}}
	kinds := map[estate.EnvironmentName]string{"sg": "kubernetes"}
	r := Tell(Today(Estate{Kinds: kinds}, s)).Answers[0].Recipes[0]
	if want := "kubectl -n shop logs deployment/orders-api --since=1h"; r.Commands[0].Line != want {
		t.Errorf("%v", r.Commands)
	}
	s.Names = append(s.Names, estate.Alias{Kind: estate.NameService, Value: "orders.shop-staging.svc.cluster.local"})
	r = Tell(Today(Estate{Kinds: kinds}, s)).Answers[0].Recipes[0]
	if want := "kubectl logs deployment/orders-api --since=1h"; r.Commands[0].Line != want || !strings.Contains(strings.Join(r.Unknown, " "), "Its namespace is in no configuration") {
		t.Errorf("%v, %q", r.Commands, r.Unknown)
	}
}

func TestAnEnvironmentOfAnUnknownKindSaysSo(t *testing.T) {
	s := depmap.Service{Name: "orders", Kind: estate.Service, Environments: []estate.EnvironmentName{"sg"}}
	r := Tell(Today(Estate{}, s)).Answers[0].Recipes[0]
	if r.Kind != "" || len(r.Commands) > 0 || len(r.Unknown) != 1 || !strings.Contains(r.Unknown[0], "under environments in caravan.yaml") {
		t.Errorf("%+v", r)
	}
}

func TestWhatAScalerOwnsIsNotScaledByHand(t *testing.T) {
	p := Place{Environment: "id", Expansion: "indonesia", Cluster: &Cluster{Names: kube.Names{Namespace: "orders", Kind: "deployment", Name: "orders", Least: 2, Most: 6}, Rendered: true}}
	for _, c := range recipe(Subject{Name: "orders", Kind: estate.Service}, p, Scale).Commands {
		if c.Changes || strings.Contains(c.Line, " scale ") {
			t.Errorf("%s", c.Line)
		}
	}
}

func TestAUnitThatIsStartedByInstanceStandsForAll(t *testing.T) {
	e := Estate{Kinds: map[estate.EnvironmentName]string{"sg": "vm"}, Components: []estate.Component{{Name: "worker", Process: []estate.Trait{{Key: estate.ProcessUnit, Value: "worker@", By: "systemd"}}}}}
	s := depmap.Service{Name: "worker", Kind: estate.Service, Environments: []estate.EnvironmentName{"sg"}, Hosts: []estate.ServiceName{"app-1"}}
	a, err := Do(Today(e, s), Stop)
	if want := `ssh app-1 'sudo systemctl stop '\''worker@*.service'\'''`; err != nil || a.Recipes[0].Commands[0].Line != want {
		t.Errorf("%v, %v", a, err)
	}
}

func TestAmountsAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int64]string{512 << 20: "512 MiB", 2560 << 20: "2.5 GiB", 1 << 30: "1 GiB", 1000: "1000 bytes", 100 << 20: "100 MiB"} {
		if got := bytes(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{1000: "1 processor", 500: "0.5 processors", 2000: "2 processors", 10000: "10 processors"} {
		if got := processors(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
