package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

type scanID struct {
	ID string `path:"id" doc:"As the start of the scan answered it, for as long as that program runs."`
}

type scanAnswer struct{ Body app.ScanState }

// scans adds the routes that read the estate.
func (r routes) scans(a huma.API) {
	huma.Register(a, asking(rights.Scan, huma.Operation{OperationID: "start-scan", Method: http.MethodPost, Path: Prefix + "/scans", Summary: "Start a scan", DefaultStatus: http.StatusAccepted, Tags: []string{"scans"}}),
		func(_ context.Context, in *struct{ Body app.ScanRequest }) (*scanAnswer, error) {
			state, err := r.App.StartScan(in.Body)
			return answered(&scanAnswer{r.told(state)}, err)
		})
	huma.Register(a, asking(rights.Read, huma.Operation{OperationID: "list-scans", Method: http.MethodGet, Path: Prefix + "/scans", Summary: "Scans that have ended, the last first, with what became of them", Tags: []string{"scans"}}),
		func(ctx context.Context, _ *struct{}) (*of[[]store.Scan], error) {
			list, err := r.App.Scans(ctx, historyLength)
			return answered(&of[[]store.Scan]{r.withoutReasons(nonNil(list))}, err)
		})
	huma.Register(a, asking(rights.Read, huma.Operation{OperationID: "get-scan", Method: http.MethodGet, Path: Prefix + "/scans/{id}", Summary: "How a scan is doing", Tags: []string{"scans"}}),
		func(_ context.Context, in *scanID) (*scanAnswer, error) {
			state, err := r.App.Scan(app.ScanID(in.ID))
			return answered(&scanAnswer{r.told(state)}, err)
		})
	huma.Register(a, asking(rights.Read, huma.Operation{OperationID: "follow-scan", Method: http.MethodGet, Path: Prefix + "/scans/{id}/events", Summary: "A scan's states as server-sent events, until it ends", Tags: []string{"scans"}}), r.events)
	huma.Register(a, asking(rights.Scan, huma.Operation{OperationID: "cancel-scan", Method: http.MethodDelete, Path: Prefix + "/scans/{id}", Summary: "Cancel a scan", DefaultStatus: http.StatusNoContent, Tags: []string{"scans"}}),
		func(_ context.Context, in *scanID) (*struct{}, error) {
			return answered[struct{}](nil, r.App.CancelScan(app.ScanID(in.ID)))
		})
}

// withoutReasons takes out why scans failed inside, which the log of the program that ran them has.
func (r routes) withoutReasons(list []store.Scan) []store.Scan {
	for i := range list {
		if list[i].Kind == fault.Internal.String() && !r.Private {
			list[i].Error = internalDetail
		}
	}
	return list
}

// told is what an answer says of a scan: why it failed inside is for the log.
func (r routes) told(state app.ScanState) app.ScanState {
	if state.Kind == fault.Internal.String() && !r.Private {
		r.log().Error("scan failed", "scan", state.ID, "error", state.Err)
		state.Error = internalDetail
	}
	return state
}

// answered gives the answer, or the error as a problem.
func answered[T any](answer *T, err error) (*T, error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return answer, nil
}

// events streams a scan's states as server-sent events until it ends or the client goes.
func (r routes) events(_ context.Context, in *scanID) (*huma.StreamResponse, error) {
	state, changed, err := r.App.Watch(app.ScanID(in.ID))
	if err != nil {
		return nil, problemOf(err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "text/event-stream")
		ctx.SetHeader("Cache-Control", "no-store")
		for {
			if !send(ctx.BodyWriter(), r.told(state)) || !state.Running() {
				return
			}
			select {
			case <-ctx.Context().Done():
				return
			case <-changed:
			}
			if state, changed, err = r.App.Watch(state.ID); err != nil {
				return
			}
		}
	}}, nil
}

// send writes one event; false when the client is gone.
func send(w io.Writer, state app.ScanState) bool {
	data, err := json.Marshal(state)
	if err != nil {
		return false
	}
	if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
		return false
	}
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	return true
}
