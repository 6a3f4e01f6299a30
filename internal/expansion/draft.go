package expansion

import (
	"fmt"
	"strings"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
)

// Wish is what somebody says to begin an expansion.
type Wish struct {
	Name     string                 `json:"name" doc:"Name of the expansion: lower case letters, digits and dashes."`
	Country  string                 `json:"country" doc:"Two letters of ISO 3166-1."`
	Source   estate.EnvironmentName `json:"source" doc:"Environment to take as the example."`
	Services []string               `json:"services" doc:"Names or globs of what is wanted."`
}

// Draft is the text of the file that begins an expansion: it plans as it stands, with one cluster and one set of machines,
// and explains the rest.
func Draft(w Wish) []byte {
	var services strings.Builder
	for _, name := range w.Services {
		fmt.Fprintf(&services, "  - %s\n", document.Scalar(name))
	}
	return fmt.Appendf(nil, draft, SchemaURL, document.Scalar(w.Country), document.Scalar(string(w.Source)), w.Name, string(w.Source), services.String())
}

const draft = `# yaml-language-server: $schema=%[1]s
country: %[2]s
source: %[3]s

# The environments to be made. Ranges of addresses are sized from these figures.
environments:
  - name: %[4]s
    kind: kubernetes
    nodes: 3
    surge: 1
    # pods: 110                      # most pods on one node
    # peerings:
    #   - {with: %[5]s, kind: vpn, rtt: 20ms}
  - name: %[4]s-data
    kind: vm

# What is wanted. What it needs comes along, or is decided below.
services:
%[6]s  # - team: payments               # everything a team owns
  # - service: shop
  #   routes: [cart, checkout]       # only these parts of it
  #   replicas: 2-6
  #   public: shop.example.org

# What is different here on purpose.
# substitutions:
#   locale: id_ID
#   currency: IDR
#   timezone: Asia/Jakarta
#   providers:
#     - {replaces: api.pay.example.org, with: bayar.example.org, why: cards are cleared in the country}
#   variables:
#     - {service: payments, name: MERCHANT, value: shop-id}

# Data that may not leave the country.
# residency:
#   - data: [pg-payments]
#     because: the payment law

# What datastores hold when they begin, where they run, how large they are.
# datastores:
#   - {name: pg-main, content: seeded, placement: vm, memory: 16Gi, storage: 200Gi, why: price lists}

# What becomes of edges whose far end stays behind; caravan decide %[4]s writes them here.
`
