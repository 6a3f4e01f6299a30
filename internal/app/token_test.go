package app

import (
	"testing"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/rights"
)

// token is one that a person of the platform made for one team.
func token(right rights.Right, team estate.TeamName) rights.Person {
	p := ayu
	p.Token, p.Scopes = "pipeline", []rights.Scope{{Right: right, Team: team}}
	return p
}

func TestATokenForOneTeamReachesNoOther(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	saw(t, a, time.Now(), scaledByHand()) // of orders
	edge := []expansion.Decision{{To: "orders"}}
	for name, does := range map[string]func(by rights.Person) error{
		"deploys": func(by rights.Person) error {
			_, err := a.PreviewDeploy(t.Context(), "orders", DeployRequest{Version: "1"}, by)
			return err
		},
		"goes back": func(by rights.Person) error {
			_, err := a.StartBack(t.Context(), "orders", BackRequest{}, by)
			return err
		},
		"pauses": func(by rights.Person) error {
			_, err := a.PauseDelivery(t.Context(), "orders", PauseRequest{Only: []string{"vm"}, Why: "x"}, by)
			return err
		},
		"sets": func(by rights.Person) error {
			_, err := a.SetConfig(t.Context(), "orders", Setting{Key: "MODE", Value: "fast"}, by)
			return err
		},
		"accepts": func(by rights.Person) error {
			_, err := a.AcceptDrift(t.Context(), "0123456789ab", AcceptDrift{Why: "x", Until: time.Now().Add(time.Hour)}, by)
			return err
		},
		"mends": func(by rights.Person) error {
			_, err := a.MendDrift(t.Context(), "0123456789ab", MendDrift{Dry: true}, by)
			return err
		},
		"decides": func(by rights.Person) error { return a.mayDecide(t.Context(), edge, by) },
	} {
		right := rights.Decide
		if name == "deploys" || name == "goes back" || name == "pauses" {
			right = rights.Deploy
		}
		if err := does(token(right, "payments")); fault.KindOf(err) != fault.Denied {
			t.Errorf("a token for payments %s of orders: %v", name, err)
		}
		for _, by := range []rights.Person{token(right, "orders"), token(right, ""), ayu} {
			if err := does(by); fault.KindOf(err) == fault.Denied {
				t.Errorf("%+v %s: %v", by.Scopes, name, err)
			}
		}
	}
}

func TestADifferenceIsNotSignedWithoutAReason(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	if _, err := a.SignConfig(t.Context(), "orders", SignRequest{Environment: "production-sg", Key: "MODE", Why: " \n"}, of("orders")); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestWhatBecomesASecretIsNotShownAsItWas(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	if _, err := a.SetConfig(t.Context(), "orders", Setting{Key: "PARTNER", Value: "canary"}, of("orders")); err != nil {
		t.Fatal(err)
	}
	out, err := a.SetConfig(t.Context(), "orders", Setting{Key: "PARTNER", Secret: &config.Reference{Kubernetes: "orders-keys", Key: "partner"}}, of("orders"))
	if err != nil || out.Was == nil || out.Was.Value.Text != redact.Mask {
		t.Errorf("%+v %v", out.Was, err)
	}
}
