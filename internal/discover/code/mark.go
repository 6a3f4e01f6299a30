package code

// mark says what a stretch of code may hold, as far as a scan over its bytes can tell.
type mark uint8

const (
	marksURL        mark = 1 << iota // ://
	marksPort                        // a quoted name with a port
	marksHost                        // host, server or broker, as in a key
	marksEnv                         // env, in any case: getenv, process.env, environ, ENV
	marksAnnotation                  // an annotation, or a template of a message client
	marksCall                        // a call that listens, dials or looks somebody up
	marksLiteral                     // a capital name is given a text: a constant
	marksEntry                       // the entry of a program
)

// scan finds the marks of data, and the length of its longest line, in one pass.
func scan(data []byte) (found mark, longest int) {
	start := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\n':
			longest = max(longest, i-start)
			start = i + 1
		case ':':
			found |= atColon(data, i)
		case 'v', 'V':
			if i > 1 && data[i-1]|0x20 == 'n' && data[i-2]|0x20 == 'e' {
				found |= marksEnv
			}
		case 't', 'T':
			if i > 2 {
				found |= atT(data[i-3:])
			}
		case 'k':
			if i > 2 && i+2 < len(data) && data[i+1] == 'e' && data[i+2] == 'r' && data[i-1] == 'o' && data[i-2]|0x20 == 'r' {
				found |= marksHost
			}
		case '@':
			if i+3 < len(data) {
				found |= annotationMarks[string(data[i+1:i+4])]
			}
		case '(':
			if i > 2 && asks(data[:i]) {
				found |= marksCall
			}
		case '=':
			found |= atSign(data, i)
		}
	}
	return found, max(longest, len(data)-start)
}

// annotationMarks are the first letters of the annotations that matter.
var annotationMarks = map[string]mark{
	"Val": marksEnv, "Con": marksEnv, "Ena": marksAnnotation, "Spr": marksAnnotation, "Str": marksAnnotation, "Kaf": marksAnnotation, "Rab": marksAnnotation, "Jms": marksAnnotation,
	"Qua": marksAnnotation, "Inc": marksAnnotation, "Out": marksAnnotation, "Fei": marksAnnotation, "Rib": marksAnnotation, "Reg": marksAnnotation, "Rea": marksAnnotation,
	"Loa": marksAnnotation, "Htt": marksAnnotation, "Grp": marksAnnotation, "Cli": marksAnnotation,
}

// atT tells the words in which a t follows three letters: host, port, which may be a constant, and the templates by which
// Spring sends messages.
func atT(word []byte) mark {
	switch {
	case word[0]|0x20 == 'h' && word[1]|0x20 == 'o' && word[2]|0x20 == 's':
		return marksHost
	case word[0]|0x20 == 'p' && word[1]|0x20 == 'o' && word[2]|0x20 == 'r':
		return marksLiteral
	case word[3] == 'T' && hasPrefix(word[3:], "Template"):
		return marksAnnotation
	}
	return 0
}

// atColon tells the colons of URLs, of host:port, of shell defaults and of Spring's from all others.
func atColon(data []byte, i int) mark {
	if i+2 >= len(data) || i == 0 {
		return 0
	}
	switch next := data[i+1]; {
	case next == '/' && data[i+2] == '/':
		return marksURL
	case next == '-' || next == '=' && data[i-1] != ' ':
		return marksEnv
	case next >= '0' && next <= '9' && data[i+2] >= '0' && data[i+2] <= '9':
		return marksPort
	}
	return 0
}

// atSign tells the constants, whose capital names are given a text.
func atSign(data []byte, i int) mark {
	j := i - 1
	for j > 0 && (data[j] == ' ' || data[j] == ':') {
		j--
	}
	k := i + 1
	for k < len(data) && data[k] == ' ' {
		k++
	}
	if j < 0 || k >= len(data) || data[k] != '"' && data[k] != '\'' && data[k] != '`' {
		return 0
	}
	return marksLiteral
}

// asking are the ends of calls that are worth a look, by their last letter.
var asking = map[byte][]string{
	'n': {"listen", "Listen", ".run", ".Run"},
	'l': {"Dial", "_channel"},
	'e': {"choose", "ListenAndServe", "health.service", "health().service", "do_service", "NestFactory.create", "Javalin.create"},
	's': {"getInstances", "Address", "UseUrls", "service.nodes", "Redis", "Jedis", "ByVipAddress", "Parameters"},
	't': {"forTarget", "Client", "DialContext", "connect", "Connect"},
	'a': {"FromEureka"},
	'd': {"getInstancesById", "ByAppId"},
	'r': {"CreateBuilder", "DefaultBuilder", "createServer", "grpc.server"},
	'k': {"Flask"},
	'g': {"config"},
	'y': {"getProperty"},
	'I': {"FastAPI"},
	'S': {"AndServeTLS"},
	'i': {".uri"},
	'p': {"run_app"},
}

// asks reports whether what stands before a parenthesis is a call worth a look.
func asks(before []byte) bool {
	for _, end := range asking[before[len(before)-1]] {
		if n := len(before) - len(end); n >= 0 && string(before[n:]) == end {
			return true
		}
	}
	return false
}

// entryMark is what starts the line that makes a file a program's entry, which no single byte tells; nil in languages
// where calls tell.
func entryMark(ext string) []byte {
	switch ext {
	case ".go":
		return []byte("package main")
	case ".py":
		return []byte("if __name__")
	}
	return nil
}
