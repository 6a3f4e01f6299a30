package process

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/estate"
)

// none is what a reading that says nothing for certain is written as.
const none = "-"

func said(value string, ok bool) string {
	if !ok {
		return none
	}
	return value
}

func TestAmounts(t *testing.T) {
	tests := []struct {
		name string
		read func(string) (string, bool)
		text string
		want string
	}{
		{"a bare number is bytes", Bytes, "1024", "1024"},
		{"letters are powers of 1024 to systemd", Bytes, "512M", "536870912"},
		{"and to Docker, in lower case and with fractions", Bytes, "1.5gb", "1610612736"},
		{"no limit is no amount", Bytes, "infinity", none},
		{"0 is no limit to Docker", Bytes, "0", none},
		{"a share of the machine is no amount", Bytes, "50%", none},
		{"no machine has as much", Bytes, "99999t", none},
		{"Kubernetes has powers of 1000", Quantity, "1G", "1000000000"},
		{"and of 1024", Quantity, "512Mi", "536870912"},
		{"Kubernetes tells small letters from large ones", Quantity, "512g", none},
		{"cores may be a fraction", Cores, "0.5", "500"},
		{"or thousandths", Cores, "250m", "250"},
		{"but not a word", Cores, "all", none},
		{"a quota is a share of one core", Quota, "150%", "1500"},
		{"a quota without its sign is none", Quota, "2", none},
		{"seconds stand alone", Seconds, "90", "90"},
		{"systemd adds up units", Seconds, "1min 30s", "90"},
		{"so do Go's durations", Seconds, "1m30s", "90"},
		{"parts of a second are rounded up", Seconds, "1500ms", "2"},
		{"for ever is no time", Seconds, "infinity", none},
		{"nor is more than a day", Seconds, "48h", none},
		{"nor is nothing", Seconds, "", none},
		{"a count is a whole number", Count, "03", "3"},
		{"a template is no count", Count, "{{ .Values.replicas }}", none},
		{"fewer than none is no count", Count, "-1", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(tt.read(tt.text)); got != tt.want {
				t.Errorf("%q gives %s, want %s", tt.text, got, tt.want)
			}
		})
	}
}

func TestNamesAndPaths(t *testing.T) {
	tests := []struct {
		name string
		read func(string) (string, bool)
		text string
		want string
	}{
		{"a check is a path", Path, "/up", "/up"},
		{"or the path of a URL, query and all", Path, "http://localhost:80/up?full=1#top", "/up?full=1"},
		{"which may be missing", Path, "http://localhost:80", "/"},
		{"a word is no path", Path, "enabled", none},
		{"nor is what a template fills in", Path, "/<%= @check %>", none},
		{"a folder is absolute", Directory, "srv", none},
		{"and made clean", Directory, "/srv//a/", "/srv/a"},
		{"a folder known only on the machine is unknown", Directory, "/home/$USER", none},
		{"a file of the release comes with it", File, "/srv/a/current/a.env", none},
		{"a file of the machine does not", File, "/etc/a.env", "/etc/a.env"},
		{"an account without its group", Account, "1000:1000", "1000"},
		{"a variable is no account", Account, "$USER", none},
		{"blanks between words become one", OneLine, " a  b \n c", "a b c"},
		{"blanks between quotes stay", OneLine, "a 'b  c'", "a 'b  c'"},
		{"a script of lines is not one", OneLine, "a 'b\nc'", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(tt.read(tt.text)); got != tt.want {
				t.Errorf("%q gives %s, want %s", tt.text, got, tt.want)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	tests := []struct{ name, command, want string }{
		{"curl with flags", "curl -fsS http://localhost:8080/health", "/health"},
		{"wget without a scheme", "wget -qO- 127.0.0.1/up", "/up"},
		{"a script that ends in another status", "sh -c 'curl --fail http://[::1]:80/ready || exit 1'", "/ready"},
		{"a port from the environment", "curl http://localhost:${PORT:-80}/up", "/up"},
		{"nothing behind the host", "curl localhost:80", "/"},
		{"another machine is not the process", "curl http://gateway/health", none},
		{"a name that only begins like the own one", "curl http://localhosting/health", none},
		{"a query of a database", "pg_isready -h localhost", none},
		{"another protocol", "curl ftp://localhost/health", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(Probe(commandline.Words(tt.command))); got != tt.want {
				t.Errorf("%s asks for %s, want %s", tt.command, got, tt.want)
			}
		})
	}
}

func TestOfUnit(t *testing.T) {
	tests := []struct {
		name, key, value string
		want             []Trait
	}{
		{"marks say how systemd runs a command, not what it is", "ExecStart", "-+/bin/a b", []Trait{{estate.ProcessCommand, "/bin/a b"}}},
		{"with @ the second word is only a name", "ExecStart", "@/bin/a alias b", []Trait{{estate.ProcessCommand, "/bin/a b"}}},
		{"with @ even when nothing follows", "ExecStart", "@/bin/a alias", []Trait{{estate.ProcessCommand, "/bin/a"}}},
		{"a configuration file on the command line", "ExecStart", "/bin/a --config=/etc/a.toml /etc/a.toml /srv/a/current/b.yml", []Trait{{estate.ProcessCommand, "/bin/a --config=/etc/a.toml /etc/a.toml /srv/a/current/b.yml"}, {estate.ProcessFile, "/etc/a.toml"}}},
		{"a container is not the process in it", "ExecStart", "/usr/bin/docker run a", nil},
		{"a template still to be filled in", "ExecStart", "/bin/a <%= @b %>", nil},
		{"a file that may be missing", "EnvironmentFile", "-/etc/a.env", []Trait{{estate.ProcessFile, "/etc/a.env"}}},
		{"a file of the release", "EnvironmentFile", "/srv/a/current/a.env", nil},
		{"many files at once", "EnvironmentFile", "/etc/a/*.env", nil},
		{"no time to stop is for ever", "TimeoutStopSec", "0", nil},
		{"what is no matter of the process", "Restart", "always", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, OfUnit(tt.key, tt.value)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestOfField(t *testing.T) {
	tests := []struct{ name, field, value, want string }{
		{"a command", "start_command", "bin/a  b", "command bin/a b"},
		{"a health check that is nested", "healthcheck.path", "/up", "health /up"},
		{"a health check that is only switched on", "health", "true", none},
		{"memory with its unit", "memory", "2g", "memory 2147483648"},
		{"memory without one may be of any", "memory", "512", none},
		{"names in capitals", "Instances", "3", "replicas 3"},
		{"a field of another matter", "port", "80", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trait, ok := OfField(tt.field, tt.value)
			if got := said(trait.Key+" "+trait.Value, ok); got != tt.want {
				t.Errorf("%s = %q gives %s, want %s", tt.field, tt.value, got, tt.want)
			}
		})
	}
}

func TestALineSplitsIntoTheWordsItWasMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`([a-z]|[ \t"'\\;|&<>()$#*?=\x60\n]){0,8}`)).Draw(t, "words")
		got := commandline.Words(Line(words))
		if strings.Join(got, "\x00") != strings.Join(words, "\x00") || len(got) != len(words) {
			t.Fatalf("%q became %q by way of %s", words, got, Line(words))
		}
	})
}

func FuzzReadings(f *testing.F) {
	for _, seed := range []string{"1.5G", "1min 30s", "@/bin/a b", "curl http://localhost:80/up", "9e9", "-/etc/a"} {
		f.Add(seed)
	}
	number := regexp.MustCompile(`^[0-9]+$`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string) (string, bool){Bytes, Quantity, Cores, Quota, Seconds, Count} {
			if got, ok := read(text); ok && !number.MatchString(got) {
				t.Errorf("%q gives %q, which is no number", text, got)
			}
		}
		if got, ok := Probe(commandline.Words(text)); ok && !strings.HasPrefix(got, "/") {
			t.Errorf("%s asks for %s, which is no path", strconv.Quote(text), got)
		}
		for key := range directives {
			for _, trait := range OfUnit(key, text) {
				if trait.Value == "" {
					t.Errorf("%s=%q gives an empty %s", key, text, trait.Key)
				}
			}
		}
	})
}
