// Package patroni asks Patroni over its REST interface: who is primary, who follows and how far; and it has it switch over. Any member that
// answers knows of all.
//
// It asks no PostgreSQL.
package patroni

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Where is where Patroni answers.
type Where struct {
	Addresses []string // host:port, or http(s)://host:port; the first that answers is asked
	// Dial reaches it; the network of this machine when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// patience is how long a member may take to answer; handover how long a switch-over may.
const (
	patience = 5 * time.Second
	handover = 2 * time.Minute
)

// mostAnswer bounds what a member may answer, in bytes.
const mostAnswer = 4 << 20

func (w Where) client() *http.Client {
	t := &http.Transport{DialContext: w.Dial, DisableKeepAlives: true, ResponseHeaderTimeout: handover}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// cluster is what GET /cluster answers.
type cluster struct {
	Pause   bool     `json:"pause"`
	Members []member `json:"members"`
}

type member struct {
	Name     string          `json:"name"`
	Role     string          `json:"role"`
	State    string          `json:"state"`
	Host     string          `json:"host"`
	Port     int             `json:"port"`
	API      string          `json:"api_url"`
	Timeline int             `json:"timeline"`
	Lag      json.RawMessage `json:"lag"` // a number, or "unknown"
	Tags     map[string]any  `json:"tags"`
}

// Read asks for the members and their roles. Unavailable, with what each address said, when nobody answers.
func Read(ctx context.Context, w Where, now time.Time) (standby.Topology, error) {
	t := standby.Topology{Technology: "postgres", Keeper: standby.Patroni, At: now}
	var c cluster
	at, err := w.first(ctx, "/cluster", &c)
	if err != nil {
		return t, err
	}
	t.Paused = c.Pause
	for _, m := range c.Members {
		t.Members = append(t.Members, m.member())
	}
	t.Failover = w.failover(ctx, at)
	return t.Sorted(), nil
}

func (m member) member() standby.Member {
	out := standby.Member{Name: m.Name, State: m.State, Timeline: m.Timeline, Role: role(m.Role), Synchronous: m.Role == "sync_standby" || m.Role == "quorum_standby"}
	if m.Host != "" {
		out.Address = net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
	}
	if lag, err := strconv.ParseInt(string(m.Lag), 10, 64); err == nil {
		out.Lag = &lag
	}
	out.NoFailover = m.Tags["nofailover"] == true
	if p, ok := m.Tags["failover_priority"].(float64); ok {
		n := int(p)
		out.Priority, out.NoFailover = &n, out.NoFailover || n <= 0
	}
	return out
}

func role(text string) standby.Role {
	switch text {
	case "leader", "master", "primary", "standby_leader":
		return standby.Primary
	case "replica", "sync_standby", "quorum_standby":
		return standby.Standby
	}
	return standby.Unknown
}

// failover is when the primary last changed, as the history of timelines says; never for what has had but one.
func (w Where) failover(ctx context.Context, at string) time.Time {
	var lines [][]any
	if w.get(ctx, at, "/history", &lines) != nil || len(lines) == 0 {
		return time.Time{}
	}
	const moment = 3 // timeline, position, reason, time
	last := lines[len(lines)-1]
	if len(last) <= moment {
		return time.Time{}
	}
	text, _ := last[moment].(string)
	when, _ := time.Parse(time.RFC3339Nano, text)
	return when.UTC()
}

// first asks each address until one answers, and says which did.
func (w Where) first(ctx context.Context, path string, into any) (string, error) {
	var said []string
	for _, a := range w.Addresses {
		err := w.get(ctx, a, path, into)
		if err == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		said = append(said, a+": "+fault.Cause(err))
	}
	return "", fault.Newf(fault.Unavailable, "no Patroni answers (%s); see whether it runs and is reached from here", strings.Join(said, "; "))
}

func (w Where) get(ctx context.Context, address, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	data, status, err := w.ask(ctx, http.MethodGet, address, path, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("it answers %d", status)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errors.New("what it answers is none of Patroni's")
	}
	return nil
}

func (w Where) ask(ctx context.Context, method, address, path string, body any) ([]byte, int, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, 0, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(address, "/")+path, content)
	if err != nil {
		return nil, 0, err
	}
	res, err := w.client().Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	return data, res.StatusCode, err
}

// SwitchOver makes a candidate primary in place of the leader, and waits until it is. Patroni itself has the leader write all it has to the
// candidate first. Denied when it asks for an account; Conflict, in its words, when it will not; Unavailable when nobody answers.
func SwitchOver(ctx context.Context, w Where, leader, candidate string) error {
	var c cluster
	at, err := w.first(ctx, "/cluster", &c)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(c.Members, func(m member) bool { return m.Name == candidate }); i < 0 {
		return fault.Newf(fault.NotFound, "Patroni knows no member %q", candidate)
	}
	err = w.tell(ctx, handover, http.MethodPost, at, "/switchover", map[string]string{"leader": leader, "candidate": candidate})
	if fault.KindOf(err) == fault.Unavailable {
		return fault.Newf(fault.Unavailable, "%w; it may have taken the word: see who is primary before saying it again", err)
	}
	return err
}

// Reload has one member read its own configuration again. NotFound when Patroni knows no such member; Denied when it asks for an account;
// Unavailable when nobody answers.
func Reload(ctx context.Context, w Where, name string) error {
	var c cluster
	if _, err := w.first(ctx, "/cluster", &c); err != nil {
		return err
	}
	i := slices.IndexFunc(c.Members, func(m member) bool { return m.Name == name })
	if i < 0 {
		return fault.Newf(fault.NotFound, "Patroni knows no member %q", name)
	}
	at, err := url.Parse(c.Members[i].API)
	if err != nil || at.Host == "" {
		return fault.Newf(fault.Unavailable, "Patroni does not say where %s answers", name)
	}
	return w.tell(ctx, patience, http.MethodPost, at.Scheme+"://"+at.Host, "/reload", nil)
}

// Preference is the text of a configuration file by which a member is told its place among those who may take over: higher numbers go first when they
// have replayed equally much (tags of Patroni, failover_priority from 3.2 and sync_priority from 4.1 on). 1 is the least: with 0 it would never take over.
func Preference(place int) string {
	return fmt.Sprintf("# Written by Caravan: the warmest standby takes over first.\ntags:\n  failover_priority: %[1]d\n  sync_priority: %[1]d\n", max(place, 1))
}

// Prefers reports whether a version of Patroni heeds the failover_priority of its members.
func Prefers(version string) bool {
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 { //nolint:mnd // both of them
		return true // of what is newer than we know
	}
	return major > 3 || major == 3 && minor >= 2 //nolint:mnd // 3.2
}

// Version is what version the first member that answers is of, such as 3.2.0.
func Version(ctx context.Context, w Where) (string, error) {
	var said struct {
		Patroni struct {
			Version string `json:"version"`
		} `json:"patroni"`
	}
	_, err := w.first(ctx, "/patroni", &said)
	return said.Patroni.Version, err
}

// Pause has Patroni fail nothing over, or do so again. Denied when it asks for an account; Unavailable when nobody answers.
func Pause(ctx context.Context, w Where, pause bool) error {
	var c cluster
	at, err := w.first(ctx, "/cluster", &c)
	if err != nil {
		return err
	}
	var value any // takes the key away
	if pause {
		value = true
	}
	return w.tell(ctx, patience, http.MethodPatch, at, "/config", map[string]any{"pause": value})
}

// KeepsSlots reports whether it leaves slots alone by which somebody follows the changes of a database (pgoutput), though it made none of them: ignore_slots of its dynamic
// configuration. Else it drops each as soon as nobody is connected to it, unless it is paused. Unavailable when nobody answers.
func KeepsSlots(ctx context.Context, w Where, database string) (bool, error) {
	type slot struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Database string `json:"database"`
		Plugin   string `json:"plugin"`
	}
	var config struct {
		Ignored []slot `json:"ignore_slots"`
	}
	_, err := w.first(ctx, "/config", &config)
	return slices.ContainsFunc(config.Ignored, func(s slot) bool {
		return s.Name == "" && (s.Type == "" || s.Type == "logical") && (s.Plugin == "" || s.Plugin == "pgoutput") && (s.Database == "" || s.Database == database)
	}), err
}

// tell has a member do something, which may take it so long.
func (w Where) tell(ctx context.Context, longest time.Duration, method, at, path string, body any) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	data, status, err := w.ask(ctx, method, at, path, body)
	switch {
	case err != nil:
		return fault.Newf(fault.Unavailable, "Patroni at %s does not answer: %s", at, fault.Cause(err))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.Newf(fault.Denied, "Patroni at %s takes no word without an account, or from here, and Caravan gives it none: take authentication out of its restapi section and name this machine in its allowlist, or do it with patronictl", at)
	case status != http.StatusOK && status != http.StatusAccepted:
		return fault.Newf(fault.Conflict, "Patroni at %s: %s", at, strings.TrimSpace(string(data)))
	}
	return nil
}
