// Package stolon reads what Stolon keeps of a cluster, from etcd or from the ConfigMap in which it keeps it on Kubernetes: which keeper's
// database is primary and which follow.
package stolon

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Annotation is where the ConfigMap stolon-cluster-NAME has the cluster data (sorintlab/stolon, internal/store/k8s.go).
const Annotation = "stolon-clusterdata"

// ConfigMap is the name of a cluster's ConfigMap.
func ConfigMap(cluster string) string { return "stolon-cluster-" + cluster }

// Where is an etcd that Stolon keeps clusters in. Its API version 3 is asked over its JSON gateway.
type Where struct {
	Addresses []string // host:port, or http(s)://host:port; the first that answers is asked
	Prefix    string   // stolon/cluster, unless its components are started with another
	Cluster   string
	// Dial reaches it; the network of this machine when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	patience   = 5 * time.Second
	mostAnswer = 8 << 20 // bytes
)

// Read reads a cluster from etcd. Unavailable when no address answers, NotFound when there is no such cluster.
func Read(ctx context.Context, w Where) (standby.Topology, error) {
	key := strings.Trim(w.Prefix, "/") + "/" + w.Cluster + "/clusterdata"
	c := &http.Client{Transport: &http.Transport{DialContext: w.Dial, DisableKeepAlives: true}, Timeout: patience}
	var said []string
	for _, a := range w.Addresses {
		data, err := ask(ctx, c, a, key)
		if err == nil && data == nil {
			return standby.Topology{}, fault.Newf(fault.NotFound, "etcd at %s has no cluster %q of Stolon; see its --cluster-name and --store-prefix", a, w.Cluster)
		}
		if err == nil {
			return Parse(data)
		}
		if ctx.Err() != nil {
			return standby.Topology{}, ctx.Err()
		}
		said = append(said, a+": "+fault.Cause(err))
	}
	return standby.Topology{}, fault.Newf(fault.Unavailable, "no etcd of Stolon answers (%s); see whether it runs and is reached from here", strings.Join(said, "; "))
}

// ask gives the value of a key, or nothing when there is none.
func ask(ctx context.Context, c *http.Client, address, key string) ([]byte, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	body, err := json.Marshal(map[string]string{"key": base64.StdEncoding.EncodeToString([]byte(key))})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(address, "/")+"/v3/kv/range", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		KVs []struct{ Value []byte } `json:"kvs"`
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.New("it answers " + res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, mostAnswer)).Decode(&answer); err != nil {
		return nil, errors.New("what it answers is none of etcd's")
	}
	if len(answer.KVs) == 0 {
		return nil, nil
	}
	return answer.KVs[0].Value, nil
}

// clusterData is what is read of Stolon's (internal/cluster/cluster.go there, format 1).
type clusterData struct {
	FormatVersion int `json:"formatVersion"`
	Cluster       struct {
		Status struct {
			Phase  string `json:"phase"`
			Master string `json:"master"`
		} `json:"status"`
	} `json:"cluster"`
	Keepers map[string]struct {
		Status struct {
			Healthy bool `json:"healthy"`
		} `json:"status"`
	} `json:"keepers"`
	DBs   map[string]database `json:"dbs"`
	Proxy struct {
		ChangeTime time.Time `json:"changeTime"`
	} `json:"proxy"`
}

type database struct {
	Spec struct {
		Keeper      string   `json:"keeperUID"`
		Synchronous []string `json:"synchronousStandbys"` // database UIDs
	} `json:"spec"`
	Status struct {
		Healthy  bool   `json:"healthy"`
		Address  string `json:"listenAddress"`
		Port     string `json:"port"`
		Timeline int    `json:"timelineID"`
		Position int64  `json:"xLogPos"`
	} `json:"status"`
}

// format is the format of cluster data that is known.
const format = 1

// Parse reads cluster data. An instance is called by its keeper.
func Parse(data []byte) (standby.Topology, error) {
	t := standby.Topology{Technology: "postgres", Keeper: standby.Stolon}
	var c clusterData
	if err := json.Unmarshal(data, &c); err != nil {
		return t, fault.Newf(fault.Invalid, "what Stolon keeps of the cluster cannot be read; is it Stolon's cluster data?")
	}
	if c.FormatVersion != format {
		return t, fault.Newf(fault.Invalid, "what Stolon keeps of the cluster has format %d, and only %d is known", c.FormatVersion, format)
	}
	t.Failover = c.Proxy.ChangeTime.UTC()
	master := c.DBs[c.Cluster.Status.Master]
	for uid, db := range c.DBs {
		m := standby.Member{Name: db.Spec.Keeper, Role: standby.Standby, State: "running", Timeline: db.Status.Timeline}
		if db.Status.Address != "" {
			m.Address = net.JoinHostPort(db.Status.Address, db.Status.Port)
		}
		m.Synchronous = slices.Contains(master.Spec.Synchronous, uid)
		switch {
		case uid == c.Cluster.Status.Master:
			m.Role = standby.Primary
		case master.Status.Position > 0 && db.Status.Position > 0:
			lag := max(master.Status.Position-db.Status.Position, 0)
			m.Lag = &lag
		}
		if !db.Status.Healthy || !c.Keepers[db.Spec.Keeper].Status.Healthy {
			m.State = "unhealthy"
		}
		t.Members = append(t.Members, m)
	}
	if c.Cluster.Status.Phase != "" && c.Cluster.Status.Phase != "normal" {
		t.Doubts = append(t.Doubts, "Stolon says that the cluster is "+c.Cluster.Status.Phase)
	}
	return t.Sorted(), nil
}
