package chef

import "strings"

// searchFields are the fields of a search that say which nodes are meant by what they run or are called.
var searchFields = map[string]bool{
	"role": true, "roles": true, "recipe": true, "recipes": true, "run_list": true, "name": true, "fqdn": true, "hostname": true,
	"policy_name": true, "ipaddress": true, "expanded_run_list": true,
}

// soughtBy lists the roles, recipes and names that a node search asks for. Terms behind NOT, wildcards and fields that
// say nothing about what a node runs are left out.
func soughtBy(query string) []string {
	var out []string
	query = strings.NewReplacer("(", " ", ")", " ", `\:`, "\x00", `\[`, "[", `\]`, "]", `"`, "", ": ", ":").Replace(query)
	not := false
	for _, term := range strings.Fields(query) {
		if term == "NOT" || term == "!" {
			not = true
			continue
		}
		negated := not || term[0] == '-' || term[0] == '!'
		not = false
		field, want, ok := strings.Cut(term, ":")
		if !ok || negated || !searchFields[field] {
			continue
		}
		want = strings.ReplaceAll(strings.Trim(want, "*"), "\x00", ":")
		if e, isEntry := parseEntry(want, noPlace); isEntry && (field == "run_list" || field == "expanded_run_list" || strings.HasPrefix(field, "recipe")) {
			want = e.name
		}
		if want != "" && !strings.ContainsAny(want, "*?") {
			out = append(out, want)
		}
	}
	return out
}
