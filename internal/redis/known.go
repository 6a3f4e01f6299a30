package redis

import (
	"context"
	"net"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Known are the instances that the Sentinels of a set know, the master first, each called by its address. Replicas that a move hid are of its
// other end, and not among them. The first Sentinel that answers is asked; Unavailable says what each said when none does.
func (s Set) Known(ctx context.Context) ([]Instance, error) {
	var said []string
	for _, address := range s.Sentinels {
		var out []Instance
		err := s.withSentinel(ctx, address, func(c *link) error {
			all, err := c.each(ctx, []string{"SENTINEL", "MASTER", s.Master}, []string{"SENTINEL", "REPLICAS", s.Master})
			if err != nil {
				return err
			}
			if strings.Contains(all[0].refusal, "No such master") {
				return fault.Newf(fault.NotFound, "Sentinel %s watches no %s", c.where, s.Master)
			}
			for i, words := range [][]string{{"SENTINEL", "MASTER"}, {"SENTINEL", "REPLICAS"}} {
				if err := c.refused(words, all[i]); err != nil {
					return err
				}
			}
			for _, one := range append([]reply{all[0]}, all[1].list...) {
				said := one.pairs()
				if said["ip"] == standby.RedisNowhere {
					continue // it follows since a move, and is of the other end of that
				}
				at := net.JoinHostPort(said["ip"], said["port"])
				out = append(out, Instance{Name: at, Address: at})
			}
			return nil
		})
		if err == nil {
			return out, nil
		}
		mend := ""
		if fault.KindOf(err) == fault.Denied {
			mend = " (correct watch of the datastore in caravan.yaml, its password)"
		}
		said = append(said, err.Error()+mend)
	}
	return nil, fault.Newf(fault.Unavailable, "no Sentinel tells who is who: %s", strings.Join(said, "; "))
}
