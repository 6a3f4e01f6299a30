// Package webhook tells a program of the company's own what teams are told: one signed POST of JSON for each letter. It tries once; whether trying
// again makes sense is said by the kind of its error.
//
// A receiver verifies the header Caravan-Signature: "v1=" and, in hexadecimal, the HMAC-SHA256 of the header Caravan-Timestamp, a dot, and the
// body, under the shared secret. A letter that comes twice has the same Idempotency-Key, and the same body to the byte.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
)

// The headers of a request.
const (
	HeaderTimestamp = "Caravan-Timestamp" // seconds since 1970
	HeaderSignature = "Caravan-Signature"
	HeaderID        = "Idempotency-Key" // of the letter
)

// Options of a webhook. All are required.
type Options struct {
	URL    string
	Secret func() (string, error) // read for every letter
	Now    func() time.Time
}

// Hook posts letters. Its methods may be called from several goroutines.
type Hook struct {
	Options
	client *http.Client
}

const (
	timeout   = 20 * time.Second
	mostReply = 64 << 10  // bytes of an answer that are read, so that the connection can be used again
	mostWait  = time.Hour // that a receiver may ask for
)

// New makes a webhook.
func New(o Options) *Hook {
	return &Hook{Options: o, client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a signature is for whom it was made
	}}
}

// body is what is posted.
type body struct {
	ID       string            `json:"id"`
	Messages []message.Message `json:"messages"`
}

// Send posts a letter. The receipt is the status of the answer.
func (h *Hook) Send(ctx context.Context, l message.Letter) (string, error) {
	text, err := json.Marshal(body{l.ID, l.Messages})
	if err != nil {
		return "", fault.Newf(fault.Internal, "%w", err)
	}
	secret, err := h.Secret()
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(text))
	if err != nil {
		return "", fault.Newf(fault.Invalid, "the webhook's address cannot be used; correct channels.webhook.url")
	}
	at := strconv.FormatInt(h.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Caravan")
	req.Header.Set(HeaderID, l.ID)
	req.Header.Set(HeaderTimestamp, at)
	req.Header.Set(HeaderSignature, Sign(secret, at, text))
	resp, err := h.client.Do(req)
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "the webhook does not answer: %w", bare(err))
	}
	defer resp.Body.Close()                                          //nolint:errcheck // what it said counts
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, mostReply)) // for the connection's sake alone
	return resp.Status, judge(resp, h.Now())
}

// Sign is the signature of a body sent at a time, as its header has it.
func Sign(secret, timestamp string, text []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(text)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// judge says what an answer means.
func judge(resp *http.Response, now time.Time) error {
	status := resp.StatusCode
	switch {
	case status < 300:
		return nil
	case status < 400:
		return fault.Newf(fault.Invalid, "the webhook answers %s, and requests are not redirected; write where it is now in channels.webhook.url", resp.Status)
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return &message.Later{After: after(resp.Header.Get("Retry-After"), now), Err: fault.Newf(fault.Unavailable, "the webhook answers %s", resp.Status)}
	}
	return fault.Newf(fault.Invalid, "the webhook answers %s; mend the receiver, or its secret, then run caravan announce", resp.Status)
}

// after reads a Retry-After header (RFC 9110, 10.2.3), up to an hour.
func after(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		wait = time.Duration(min(seconds, int(mostWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, mostWait))
}

// bare is an error without the address, which may be secret.
func bare(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}
