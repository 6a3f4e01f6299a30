package commandline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		line string
		want Reading
	}{
		{"wait-for-it holds back the command behind --", "./wait-for-it.sh db:5432 -t 60 -- java -jar app.jar --kafka=broker:9092",
			Reading{Waits: []string{"db:5432"}, Flags: []Flag{{"kafka", "broker:9092"}}}},
		{"wait-for-it takes host and port as flags", "wait-for-it --timeout=0 -h db -p 5432 -- npm start", Reading{Waits: []string{"db:5432"}}},
		{"dockerize waits for several and then starts", "dockerize -wait tcp://db:5432 -wait http://config:8888/health -timeout 60s java -Deureka.host=registry -jar app.jar",
			Reading{Waits: []string{"tcp://db:5432", "http://config:8888/health"}, Flags: []Flag{{"eureka.host", "registry"}}}},
		{"dockerize takes its targets behind an equals sign", "dockerize -wait=tcp://config:8888 -timeout=60s -- java -jar app.jar", Reading{Waits: []string{"tcp://config:8888"}}},
		{"wait-on has its own spelling", "wait-on tcp:rabbit:5672 http://api:8080/health", Reading{Waits: []string{"rabbit:5672", "http://api:8080/health"}}},
		{"a script named for what it waits for takes a lone name", "./wait-for-postgres.sh orders-db python app.py", Reading{Waits: []string{"orders-db"}}},
		{"host and port may stand apart", "wait-for-it.sh db 5432 -- ./app", Reading{Waits: []string{"db:5432"}}},
		{"a loop around nc is a wait", `sh -c "while ! nc -z config 8888; do sleep 3; done; java -jar /app.jar"`, Reading{Waits: []string{"config:8888"}}},
		{"a loop around curl is a wait", `/bin/bash -c 'until curl -s http://registry:8761/ ; do sleep 1; done'`, Reading{Waits: []string{"http://registry:8761/"}}},
		{"a loop around pg_isready is a wait", `sh -c 'until pg_isready -h orders-db -p 5433; do sleep 1; done'`, Reading{Waits: []string{"orders-db:5433"}}},
		{"a loop around nslookup waits for a name", `sh -c 'until nslookup mydb; do echo waiting; sleep 2; done'`, Reading{Waits: []string{"mydb"}}},
		{"clients name their server", "psql -h orders-db -U kopi", Reading{Addresses: []string{"orders-db"}}},
		{"plain words may be addresses, also in lists", "./gateway http://orders:8080 kafka-1:9092,kafka-2:9092", Reading{Addresses: []string{"http://orders:8080", "kafka-1:9092,kafka-2:9092"}}},
		{"its own machine is no address", "./gateway localhost:8080 0.0.0.0:80", Reading{}},
		{"a version or a time is no address", "run node:18 12:30 key:value", Reading{}},
		{"flags in every spelling", "prometheus --config.file=/p.yml --web.url http://prom:9090 -log=info -Da.b=c --quiet",
			Reading{Flags: []Flag{{"config.file", "/p.yml"}, {"web.url", "http://prom:9090"}, {"log", "info"}, {"a.b", "c"}}}},
		{"a flag with host and port apart", "redis-server --replicaof redis-master 6379", Reading{Flags: []Flag{{"replicaof", "redis-master:6379"}}}},
		{"arguments without their command", "--etcd=http://etcd:2379 --port 80", Reading{Flags: []Flag{{"etcd", "http://etcd:2379"}, {"port", "80"}}}},
		{"variables set before a command", "env DB_HOST=db PORT=1 ./server", Reading{Flags: []Flag{{"DB_HOST", "db"}, {"PORT", "1"}}}},
		{"an unresolved host is left out", "./server http://$HOST:80", Reading{}},
		{"comments are left out", "./server a # http://gone:80", Reading{}},
		{"an empty line says nothing", "", Reading{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ReadScript(tt.line)); diff != "" {
				t.Errorf("ReadScript(%q): -want +got\n%s", tt.line, diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"quotes group and vanish", `a "b c" 'd "e"' f""g`, []string{"a", "b c", `d "e"`, "fg"}},
		{"backslashes keep the next character and join lines", "a\\ b c\\\n d", []string{"a b", "c", "d"}},
		{"operators stand alone", "a&&b;c|d", []string{"a", ";", "b", ";", "c", ";", "d"}},
		{"an ampersand inside a URL belongs to it", "curl http://a:80/?x=1&y=2", []string{"curl", "http://a:80/?x=1&y=2"}},
		{"an open quote takes the rest", `a "b c`, []string{"a", "b c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Words(tt.text)); diff != "" {
				t.Errorf("Words(%q): -want +got\n%s", tt.text, diff)
			}
		})
	}
}

func FuzzReadScript(f *testing.F) {
	for _, seed := range []string{"wait-for-it db:1 -- x", `sh -c "sh -c 'a b'"`, "nc -z a 1", "-D=", "\\", `"`, "--a b 1", "dockerize -wait"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, script string) {
		r := ReadScript(script)
		for _, fl := range r.Flags {
			if fl.Key == "" || fl.Value == "" {
				t.Errorf("empty flag %+v", fl)
			}
		}
	})
}
