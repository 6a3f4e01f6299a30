package idioms

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHowTheSampleCompanysServicesAreStartedAndKeptIsKnown(t *testing.T) {
	tests := []struct {
		name, service string
		want          []string
	}{
		{"orders: the application bag, its Dockerfile and the load balancer", "orders", []string{
			"command: /usr/bin/java -Xmx2g -jar orders.jar (chef/data_bags/apps/orders.json:8)",
			"command: java -jar orders.jar (services/orders/Dockerfile:5)",
			"directory: /app (services/orders/Dockerfile:2)",
			"health: /actuator/health (chef/data_bags/apps/orders.json:5)",
			"health: /actuator/health (platform/lb/haproxy.cfg:30)",
		}},
		{"payments: a unit kept beside the code", "payments", []string{
			"command: /srv/kopi/payments/current/payments -config config/payments.toml (chef/data_bags/apps/payments.json:8)",
			"command: /srv/kopi/payments/current/payments -config config/payments.toml (services/payments/deploy/payments.service:12)",
			"directory: /srv/kopi/payments/current (services/payments/deploy/payments.service:8)",
			"file: /etc/kopi/payments.env (services/payments/deploy/payments.service:10)",
			"file: /etc/kopi/secrets/payments (services/payments/deploy/payments.service:11)",
			"health: /healthz (chef/data_bags/apps/payments.json:5)",
			"unit: payments (services/payments/deploy/payments.service)",
			"user: kopi (services/payments/deploy/payments.service:7)",
		}},
		{"shop: a unit that Chef renders, in each environment, and not its worker's", "shop", []string{
			"command: /usr/local/bin/bundle exec puma -C config/puma.rb (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:11) production-my",
			"command: /usr/local/bin/bundle exec puma -C config/puma.rb (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:11) production-sg",
			"command: /usr/local/bin/bundle exec puma -C config/puma.rb (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:11) staging",
			"command: bundle exec puma -C config/puma.rb (chef/data_bags/apps/shop.json:8)",
			"command: bundle exec puma -C config/puma.rb (services/shop/Dockerfile:8)",
			"directory: /srv/kopi/shop/current (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:7) production-my",
			"directory: /srv/kopi/shop/current (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:7) production-sg",
			"directory: /srv/kopi/shop/current (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:7) staging",
			"directory: /app (services/shop/Dockerfile:3)",
			"file: /etc/kopi/shop.env (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:9) production-my",
			"file: /etc/kopi/shop.env (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:9) production-sg",
			"file: /etc/kopi/shop.env (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:9) staging",
			"health: /up (chef/data_bags/apps/shop.json:5)",
			"health: /up (platform/lb/haproxy.cfg:37)",
			"unit: kopi-shop (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb) production-my",
			"unit: kopi-shop (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb) production-sg",
			"unit: kopi-shop (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb) staging",
			"user: kopi (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:6) production-my",
			"user: kopi (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:6) production-sg",
			"user: kopi (chef/cookbooks/kopi-shop/templates/kopi-shop.service.erb:6) staging",
		}},
		{"search: the application bag alone", "search", []string{
			"command: /usr/bin/node dist/index.js (chef/data_bags/apps/search.json:8)",
			"health: /healthz (chef/data_bags/apps/search.json:5)",
		}},
	}
	all := processes(pictureOf(t, filepath.Join(examplesDir, "kopi")))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, line := range all {
				if rest, ok := strings.CutPrefix(line, tt.service+" "); ok {
					got = append(got, rest)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
