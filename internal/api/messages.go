package api

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// HowMany bounds a list of messages.
type HowMany struct {
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"200" doc:"How many, the last first."`
}

// messages adds the routes by which teams are told, and which say what became of it.
func (r routes) messages(a huma.API) {
	change(a, rights.Operate, "announce", http.MethodPost, "/expansions/{name}/announcements", "Tell teams what the waves of an expansion mean for them, or show it", func(ctx context.Context, in *struct {
		ExpansionName
		Body app.AnnounceRequest
	}) (app.Announced, error) {
		return r.App.Announce(ctx, in.Name, in.Body)
	})
	read(a, "list-messages-of-expansion", "/expansions/{name}/messages", "What was told of an expansion, and what became of it, the last first", func(ctx context.Context, in *struct {
		ExpansionName
		HowMany
	}) ([]store.Delivery, error) {
		list, err := r.App.Messages(ctx, in.Name, in.Limit)
		return nonNil(list), err
	})
	read(a, "list-messages", "/messages", "What was told, and what became of it, the last first", func(ctx context.Context, in *HowMany) ([]store.Delivery, error) {
		list, err := r.App.Messages(ctx, "", in.Limit)
		return nonNil(list), err
	})
}

// SlackPath is where Slack sends what people do at messages: the app's Request URL for interactivity. No one signs in there; requests are signed.
const SlackPath = "/slack/interactions"

// slack takes in what somebody did in Slack.
func (r routes) slack(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		writeProblem(w, problemOf(fault.Newf(fault.Invalid, "a request of Slack that is too long or broken off")))
		return
	}
	if err := r.App.TakeSlack(req.Context(), req.Header, body); err != nil {
		p := problemOf(err)
		if p.cause != nil {
			r.log().Error("request failed", "operation", "slack", "error", p.cause)
		}
		writeProblem(w, p)
		return
	}
	w.WriteHeader(http.StatusOK) // an empty body: Slack closes the form
}
