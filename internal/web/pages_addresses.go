package web

import (
	"net/http"
	"net/netip"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web/addresses"
)

func (p *portal) showAddresses(w http.ResponseWriter, r *http.Request) error {
	f, err := p.around(r, "addresses")
	if err != nil {
		return err
	}
	all, err := p.Backend.Addresses(r.Context())
	if err != nil {
		return err
	}
	asked := r.URL.Query().Get("at")
	if asked == "" {
		p.render(w, r, http.StatusOK, addresses.Page(f.Titled("Addresses"), addresses.Of(all.Pools, all.Outside, all.Findings)))
		return nil
	}
	at, err := netip.ParsePrefix(asked)
	if err != nil {
		return fault.Newf(fault.Usage, "%q is no range of addresses: write one like 10.64.0.0/10", asked)
	}
	view, ok := addresses.Zoom(all.Pools, all.Findings, at.Masked())
	if !ok {
		return fault.Newf(fault.NotFound, "%s is in no pool: begin at the page of all addresses", at)
	}
	p.render(w, r, http.StatusOK, addresses.Page(f.Titled(at.Masked().String()), view))
	return nil
}
