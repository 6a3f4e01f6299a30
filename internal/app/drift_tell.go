package app

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/message"
)

// tellDrift tells each team of what is new of its differences, all of it in one message.
func (a *App) tellDrift(ctx context.Context) error {
	if !a.speaks() {
		return nil
	}
	records, looks, exceptions, err := a.store.Drift(ctx)
	if err != nil {
		return err
	}
	now := a.judged(records, looks, exceptions)
	untold := drift.Untold(records, now.Differences)
	reach := a.reach(ctx)
	var messages []message.Message
	var told []drift.ID
	for _, team := range slices.Sorted(maps.Keys(untold)) {
		to := reach(string(team))
		if len(to) == 0 {
			continue // it is told once it can be
		}
		some, err := message.OfDrift(a.drifted(team, untold[team], now.Differences), a.declared.Templates()).Over(to, a.now(), a.declared.Timing())
		if err != nil {
			return err
		}
		messages = append(messages, some...)
		for _, d := range untold[team] {
			told = append(told, d.ID)
		}
	}
	if _, err := a.store.Tell(ctx, messages); err != nil {
		return err
	}
	return a.store.ToldDrift(ctx, told, a.now())
}

func (a *App) drifted(team estate.TeamName, found, all []drift.Difference) consent.Drifted {
	budget := a.driftBudget()
	out := consent.Drifted{Team: team, All: len(drift.Accidents(team, all)), Contact: cmp.Or(a.declared.Consent.Contact, string(a.declared.Consent.Unowned))}
	if out.Over = len(budget.Over(team, all)) > 0; out.Over {
		out.Most, _ = budget.Of(team)
	}
	if portal := strings.TrimRight(a.declared.Channels.Portal, "/"); portal != "" {
		out.Link = portal + "/drift?team=" + url.QueryEscape(string(team))
	}
	for _, d := range found {
		out.Found = append(out.Found, consent.DriftedThing{ID: string(d.ID), Service: d.Service, Environment: d.Environment, What: d.What, Since: d.Since})
	}
	return out
}
