package code

import (
	"regexp"
	"strings"

	"example.org/caravan/internal/estate"
)

var (
	roleName = regexp.MustCompile(`@(SpringBootApplication|SpringCloudApplication|QuarkusMain|KafkaListener|KafkaHandler|RabbitListener|StreamListener|JmsListener|Incoming|Outgoing|` +
		`Enable(?:EurekaServer|EurekaClient|DiscoveryClient|ConfigServer|AdminServer|ZuulProxy|ZuulServer|AuthorizationServer|ResourceServer|OAuth2Sso|OAuth2Client|` +
		`HystrixDashboard|Turbine|TurbineStream|TurbineAmqp|FeignClients|Binding|Kafka|KafkaStreams|Rabbit|Jms|ZipkinServer|ZipkinStreamServer|Sidecar))\b`)
	template   = regexp.MustCompile(`\b(KafkaTemplate|RabbitTemplate|JmsTemplate|AmqpTemplate|StreamBridge)\b`)
	clientCall = regexp.MustCompile(`@(FeignClient|RibbonClient|RegisterRestClient|LoadBalancerClient|HttpExchange|GrpcClient|Client|ReactiveFeignClient)\s*\(`)
	argument   = regexp.MustCompile(`^(?:(\w+)\s*=\s*)?(.+)$`)
	aText      = regexp.MustCompile(`^"([^"]*)"$`)

	lookUp = regexp.MustCompile(`(?:getInstances|getInstancesById|\.choose|getNextServerFromEureka|getInstancesByVipAddress|getInstancesByAppId|reconstructURI|do_service|health\.service|health\(\)\.service|` +
		`service\.nodes|Health\(\)\.Service|getHealthServiceInstances)\(\s*(?:(?:service|service_name|app_name|serviceName)\s*[:=]\s*)?(?:["']([\w.-]+)["']|([A-Za-z_][\w.]*))`)
	forTarget = regexp.MustCompile(`(?:forTarget|ForAddress|grpc\.Dial|grpc\.DialContext|grpc\.NewClient|insecure_channel|secure_channel)\(\s*(?:\w+\s*,\s*)?(?:["'](?:dns:///|static://|discovery:///)?([\w.-]+(?::\d+)?)["']|([A-Za-z_][\w.]*))`)
)

// annotations finds declarative clients, and the roles a program is given. It reports whether the line was a client's.
func (s *source) annotations(text string) bool {
	for _, g := range roleName.FindAllStringSubmatch(text, 4) {
		s.see(estate.CodeAnnotation, g[1])
		if starters[g[1]] {
			s.runs()
		}
	}
	if g := template.FindStringSubmatch(text); g != nil && !strings.HasPrefix(text, "import ") {
		s.see(estate.CodeAnnotation, g[1])
	}
	if at := clientCall.FindStringSubmatchIndex(text); at != nil {
		s.call, s.arguments, s.callLine = text[at[2]:at[3]], "", s.number
		s.moreArguments(text[at[1]:])
		return true
	}
	return false
}

// starters are annotations that only the class has that starts a program.
var starters = map[string]bool{
	"SpringBootApplication": true, "SpringCloudApplication": true, "QuarkusMain": true, "EnableEurekaServer": true, "EnableConfigServer": true, "EnableZuulProxy": true,
	"EnableAdminServer": true, "EnableZipkinServer": true, "EnableZipkinStreamServer": true, "EnableHystrixDashboard": true, "EnableTurbine": true, "EnableTurbineStream": true,
}

// maxCallLines bounds the arguments of an annotation.
const maxCallLines = 12

// moreArguments gathers the arguments of a client's annotation, which may go on over several lines.
func (s *source) moreArguments(text string) {
	end := argumentsEnd(text)
	if end < 0 {
		s.arguments += text + " "
		if s.number-s.callLine > maxCallLines {
			s.call = ""
		}
		return
	}
	call, all, here := s.call, s.arguments+text[:end], s.number
	s.call, s.arguments, s.number = "", "", s.callLine
	for _, one := range splitArguments(all) {
		s.clientArgument(call, one)
	}
	s.number = here
}

// argumentsEnd is where the parenthesis that is already open closes, -1 when it does not in this line.
func argumentsEnd(text string) int {
	depth, inText := 1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inText = !inText
		case inText:
		case c == '(' || c == '{' || c == '[':
			depth++
		case c == ')' || c == '}' || c == ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// splitArguments cuts at the commas outside texts and brackets.
func splitArguments(text string) []string {
	var out []string
	depth, inText, from := 0, false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inText = !inText
		case inText:
		case c == '(' || c == '{' || c == '[':
			depth++
		case c == ')' || c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}

// clientArgument reads one argument: the name a client is known by in a registry, or its address.
func (s *source) clientArgument(call, text string) {
	g := argument.FindStringSubmatch(text)
	if g == nil {
		return
	}
	value, ok := s.textOf(g[2])
	if !ok || value == "" {
		return
	}
	switch name := g[1]; name {
	case "url", "baseUri", "uri":
		s.clientURL(value)
	case "", "name", "value", "serviceId", "id", "configKey":
		switch {
		case strings.Contains(value, "://"):
			s.clientURL(value)
		case strings.HasPrefix(value, "/") || call == "HttpExchange":
		default:
			s.see(estate.CodeClient, "lb://"+value)
		}
	}
}

func (s *source) clientURL(value string) {
	scheme, rest, ok := strings.Cut(value, "://")
	switch {
	case strings.HasPrefix(value, "${"):
		s.see(estate.CodeClient, value) // the whole address is configured
	case !ok:
		s.see(estate.CodeClient, "http://"+authority(value))
	default:
		if host, known := s.host(rest); known && !public(host) {
			s.see(estate.CodeClient, strings.ToLower(scheme)+"://"+host)
		}
	}
}

// textOf is the text an expression stands for: a literal, a constant of the file, or parts joined with plus signs.
func (s *source) textOf(expression string) (string, bool) {
	var b strings.Builder
	for _, part := range strings.Split(expression, "+") {
		part = strings.TrimSpace(part)
		if g := aText.FindStringSubmatch(part); g != nil {
			b.WriteString(g[1])
			continue
		}
		value, ok := s.constant(part)
		if !ok {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// lookUps finds calls that ask a registry for a service, or dial one by name. It reports whether the line is such a call.
func (s *source) lookUps(text string) bool {
	found := false
	for _, g := range lookUp.FindAllStringSubmatch(text, 4) {
		if name, ok := s.nameOf(g[1], g[2]); ok {
			s.see(estate.CodeClient, "lb://"+name)
			found = true
		}
	}
	for _, g := range forTarget.FindAllStringSubmatch(text, 4) {
		if name, ok := s.nameOf(g[1], g[2]); ok && !strings.Contains(name, "://") {
			s.see(estate.CodeClient, "grpc://"+name)
			found = true
		}
	}
	return found
}

// nameOf is a literal, or the constant of the file that an identifier stands for.
func (s *source) nameOf(literal, identifier string) (string, bool) {
	if literal != "" {
		return literal, literal != "localhost"
	}
	return s.constant(identifier)
}
