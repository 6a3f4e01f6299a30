package depmap

import "strings"

// kindOf says what an edge is for, from what its provider is, how it is addressed and what the key says.
func kindOf(n *node, q question) EdgeKind {
	switch n.technology {
	case "redis", "valkey", "memcached", "hazelcast":
		return Cache
	case "elasticsearch", "opensearch", "solr", "meilisearch", "typesense":
		return Search
	}
	if k, ok := roleKinds[n.role]; ok {
		return k
	}
	switch q.e.Scheme {
	case "grpc", "grpcs", "dubbo", "thrift":
		return RPC
	case "http", "https", "lb", "ws", "wss":
		return httpKind(q.key)
	}
	if q.e.Bare || q.e.Port == 0 && q.e.Scheme == "" {
		if q.key == "" {
			return Unknown
		}
	}
	return httpKind(q.key)
}

func httpKind(key string) EdgeKind {
	k := strings.ToLower(key)
	if strings.Contains(k, "zuul.routes") || strings.Contains(k, "gateway.routes") {
		return Route
	}
	return HTTP
}

var roleKinds = map[string]EdgeKind{
	"store": Database, "broker": Messaging, "registry": Discovery, "config": Configuration, "tracing": Tracing, "logging": Logging,
	"monitoring": Monitoring, "identity": Identity, "mail": Mail, "coordination": Coordination,
}
