package web

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/gate"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/web/gallery"
	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

func fetch(t *testing.T, h http.Handler, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func shown(t *testing.T, h http.Handler, target string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(fetch(t, h, "GET", target).Body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// ownGate is the gate of somebody who runs the portal for themselves.
func ownGate(t *testing.T) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Options{Door: signin.New(signin.Options{Now: time.Now}), Nobody: visitor("small"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func galleryHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := Gallery()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestPagesShowWhatTheyAreFor(t *testing.T) {
	h := galleryHandler(t)
	between := "/small/diff?old=" + url.QueryEscape(string(gallery.Earlier().Digest)) + "&new=" + url.QueryEscape(string(gallery.Small().Digest))
	for _, tt := range []struct {
		name, path, selector string
		status, count        int
		text                 string
	}{
		{"the map names its data", "/small/", `#map[data-src^="/small/map.json?snapshot=sha256"]`, 200, 1, ""},
		{"the map says when it was read", "/small/", `.read-at time[datetime="2026-03-02T09:27:00Z"]`, 200, 1, "3 minutes ago"},
		{"old data says so", "/large/", `.read-at.old`, 200, 1, "Read 2 days ago, may have changed"},
		{"the map can be taken along in five formats", "/small/", `.menu a[download]`, 200, 5, ""},
		{"without a scan the map tells how to make one", "/empty/", `[data-empty] form[action="/empty/scan"] button`, 200, 1, "Scan now"},
		{"an error is told in one line", "/broken/", `[data-problem=unavailable] .state-text`, 503, 1, "open the store: caravan.db is locked by another program: stop it and load the page again"},
		{"what is not there has a page of its own", "/small/nowhere", `[data-problem="not found"] h1`, 404, 1, "Not found"},
		{"an unknown service is not found", "/small/services/latte", `[data-problem="not found"]`, 404, 1, ""},
		{"an unknown snapshot is not found", "/small/?snapshot=sha256:0000", `[data-problem="not found"]`, 404, 1, ""},
		{"an earlier snapshot says that it is one", "/small/?snapshot=" + string(gallery.Earlier().Digest), `.notice a`, 200, 1, "Go to the newest"},
		{"a service shows who owns it", "/small/services/orders", `.facts dd a[href="/small/?team=shop"]`, 200, 1, "shop"},
		{"a service without owner says so", "/small/services/monolith", `.facts .missing`, 200, 1, "no team owns it"},
		{"a service shows each edge's proof", "/small/services/orders", `[data-list=needs] [data-neighbour="kopi-orders-db"] .evidence .where`, 200, 2, ""},
		{"a service shows who breaks directly", "/small/services/orders", `[data-list=breaks] > [data-neighbour]`, 200, 4, ""},
		{"a service shows the path to who breaks further", "/small/services/orders", `.paths li:contains("barista-app") .path`, 200, 1, "orders ← edge ← barista-app"},
		{"a service's page asks for what can be done when that is looked at", "/small/services/orders", `#how[hx-get="/small/how/orders"][hx-trigger=revealed] a[href="/small/how/orders"]`, 200, 1, ""},
		{"a service's page offers to say why it does not work", "/small/services/orders", `#why[hx-get="/small/why/orders"][hx-trigger=revealed] a[href="/small/why/orders"]`, 200, 1, ""},
		{"each environment that can be looked at has a button", "/small/why/orders", `#why .look a.button[hx-get*="environment="]`, 200, 2, ""},
		{"one that cannot says why", "/small/why/orders", `[data-environment="jakarta-vm"] .unknown`, 200, 1, "jakarta-vm has no target: name its cluster or machines under targets in caravan.yaml"},
		{"the cause comes first", "/small/why/orders?environment=malaysia", `[data-verdict=ill] .first`, 200, 1, "orders cannot reach kopi-orders-db: connection refused at pg-orders.my.kopi.internal:5432, tried from its pod"},
		{"a diagnosis says when it was read", "/small/why/orders?environment=malaysia", `[data-verdict=ill] .where-it-runs:contains("2026-03-02 09:30:00 UTC")`, 200, 1, ""},
		{"and which command comes next", "/small/why/orders?environment=malaysia", `[data-verdict=ill] > .commands code:contains("caravan how orders debug-dns -e malaysia")`, 200, 1, ""},
		{"what is well says so", "/small/why/orders?environment=singapore-vm", `[data-verdict=well] .first`, 200, 1, "nothing is wrong with orders that can be seen from here"},
		{"a service's page leads to how it is configured", "/small/services/orders", `a[href="/small/config/orders"]`, 200, 1, ""},
		{"every value has its layer and its line", "/small/config/orders", `.keys tbody tr:contains("POOL_SIZE"):contains("environment singapore-vm"):contains("services/orders/config/environment/singapore-vm.yaml:2")`, 200, 1, ""},
		{"of a secret only where it is kept is said", "/small/config/orders", `.keys tbody tr:contains("CARD_API_KEY") td:contains("secrets/orders.yaml, key card.key") .tag`, 200, 1, "secret"},
		{"another environment is a link away", "/small/config/orders?environment=malaysia", `.places-nav a[aria-current=page]`, 200, 1, "malaysia"},
		{"what is planned cannot be asked", "/small/config/orders?environment=malaysia", `#told`, 200, 0, ""},
		{"what differs comes first", "/small/config/orders?environment=singapore-vm&ask=machines", `#told .parity > .scrolls tr[data-verdict=unexplained]`, 200, 2, ""},
		{"a machine that was not read is named", "/small/config/orders?environment=singapore-vm&ask=machines", `#told .failure:contains("app-sin-3 was not read")`, 200, 1, ""},
		{"and how it is mended", "/small/config/orders?environment=singapore-vm&ask=machines", `#told code:contains("caravan config shadow orders -e singapore-vm --adopt")`, 200, 1, ""},
		{"who is nobody has no configuration", "/small/config/nobody", `[data-problem]`, 404, 1, ""},
		{"where nothing reaches it is a problem", "/small/why/orders?environment=jakarta-vm", `[data-problem]`, 422, 1, ""},
		{"why of nothing is not found", "/small/why/latte", `[data-problem="not found"]`, 404, 1, ""},
		{"what others run has nothing to be done", "/small/services/stripe", `#how`, 200, 0, ""},
		{"an earlier snapshot says nothing of what to do today", "/small/services/orders?snapshot=" + string(gallery.Earlier().Digest), `#how`, 200, 0, ""},
		{"what can be done is closed until it is asked for", "/small/how/orders", `details.how:not([open])`, 200, 18, ""},
		{"an action has machines beside clusters", "/small/how/orders", `[data-action=logs] .recipes.two > .side`, 200, 2, ""},
		{"names are filled in", "/small/how/orders", `[data-action=stop] [data-environment="singapore-vm"] .commands li:first-child code`, 200, 1, "ssh app-sin-1 'sudo systemctl stop kopi-orders.service'"},
		{"a cluster's too", "/small/how/orders", `[data-action=restart] [data-environment=malaysia] pre.acts code:contains("rollout restart")`, 200, 1, "kubectl -n shop rollout restart deployment/orders"},
		{"what changes production warns", "/small/how/orders", `[data-action=restart] [data-environment=malaysia] .warning`, 200, 1, ""},
		{"what is filled in names its line", "/small/how/orders", `[data-action=shell] [data-environment="singapore-vm"] .rests li`, 200, 2, "folder /srv/kopi/orders/current from chef/cookbooks/orders/templates/kopi-orders.service.erb:7"},
		{"what is unknown says so", "/small/how/menu", `[data-action=logs] [data-environment="jakarta-vm"] .unknown`, 200, 2, ""},
		{"a datastore is not deployed", "/small/how/kopi-orders-db", `[data-action=deploy]`, 200, 0, ""},
		{"what others run says so", "/small/how/stripe", `#how > .quiet`, 200, 1, "Others run it, so there is nothing to do to it from here."},
		{"how to do nothing is not found", "/small/how/latte", `[data-problem="not found"]`, 404, 1, ""},
		{"a service is found by another of its names", "/small/services/rabbitmq.kopi.internal", `h1`, 200, 1, "rabbitmq"},
		{"a service shows its cycle", "/small/services/loyalty", `.facts a[href="/small/services/promotions"]`, 200, 1, ""},
		{"a service shows all its names", "/small/services/kopi-orders-db", `.names tbody tr`, 200, 3, ""},
		{"doubts are grouped by topic", "/small/doubts", `#found section[data-topic]`, 200, 7, ""},
		{"doubts are filtered by topic", "/small/doubts?topic=unowned", `#found .doubt`, 200, 2, ""},
		{"doubts are filtered by words", "/small/doubts?q=payments+9092", `#found .doubt`, 200, 1, ""},
		{"a filter nothing fits says so", "/small/doubts?q=espresso", `#found .state`, 200, 1, ""},
		{"no doubts is good news", "/large/doubts", `[data-empty] h2`, 200, 1, "No doubts"},
		{"expansions are listed", "/small/expansions", `[data-expansion]`, 200, 3, ""},
		{"an expansion says what it waits for", "/small/expansions", `[data-expansion=malaysia] .verdict-mark.open`, 200, 1, "5 edges to decide"},
		{"an expansion that cannot be planned says why", "/small/expansions", `[data-expansion=laos] .failure:contains("expansions/laos.yaml:5")`, 200, 1, ""},
		{"without an expansion the page says how to begin", "/empty/expansions", `[data-empty] .command`, 200, 1, "caravan plan NAME --new --country ID --from ENVIRONMENT --service NAME"},
		{"an error of the list is told in one line", "/broken/expansions", `[data-problem=unavailable] .state-text`, 503, 1, ""},
		{"expansions and addresses are in the navigation", "/small/", `.top nav a`, 200, 7, ""},
		{"a plan leads to its journey", "/small/expansions/malaysia", `a[href="/small/expansions/malaysia/journey"]`, 200, 1, "Journey"},
		{"a journey has a row for each wave", "/small/expansions/malaysia/journey", `[data-wave]`, 200, 6, ""},
		{"a journey has a column for each team", "/small/expansions/malaysia/journey", `.board thead th[scope=col]`, 200, 6, ""},
		{"a journey leads to a page for each team", "/small/expansions/malaysia/journey", `.team-pages a[href^="/small/expansions/malaysia/journey?team="]`, 200, 4, ""},
		{"a journey says why it stopped", "/small/expansions/malaysia/journey", `[data-reason].failure`, 200, 1, ""},
		{"a step that failed looks like it", "/small/expansions/malaysia/journey", `.chip.failed[data-step="malaysia-data/datastore/kopi-orders-db"]`, 200, 1, "datastore kopi-orders-db"},
		{"a stopped journey can be tried again", "/small/expansions/malaysia/journey", `.turns button[value=move]`, 200, 1, "Try again"},
		{"each team is asked in a form of its own", "/small/expansions/malaysia/journey", `[data-team] form[action="/small/expansions/malaysia/answer"]`, 200, 3, ""},
		{"a team's page opens what it is asked", "/small/expansions/malaysia/journey?team=shop", `[data-team=shop][open] [data-asked] input[type=checkbox][checked]`, 200, 3, ""},
		{"a team's page says what changed", "/small/expansions/malaysia/journey?team=shop", `#changed [data-step]`, 200, 3, ""},
		{"a team's page leads to what it can do", "/small/expansions/malaysia/journey?team=shop", `#yourself a[href="/small/services/orders#how"]`, 200, 1, "orders"},
		{"a journey says how far each service is from going live", "/small/expansions/malaysia/journey", `#ready [data-ready] .chip`, 200, 7, ""},
		{"a team's page says it of its own", "/small/expansions/malaysia/journey?team=shop", `#ready [data-ready] .light-red`, 200, 3, ""},
		{"a journey says who was told, what failed first", "/small/expansions/malaysia/journey", `#told tbody tr:first-child[data-told=finance] .chip.failed`, 200, 1, "2 failed"},
		{"a failure is said once for each recipient", "/small/expansions/malaysia/journey", `#told [data-told=finance] .missing`, 200, 1, "mail.kopi.example.org:587 refuses it: 550 5.1.1 no such user; mend that, then run caravan announce"},
		{"a journey has a line for each recipient and channel", "/small/expansions/malaysia/journey", `#told tbody tr`, 200, 8, ""},
		{"a team's page says what it was told", "/small/expansions/malaysia/journey?team=shop", `#told [data-told=shop]`, 200, 2, ""},
		{"a team that owns nothing is not found", "/small/expansions/malaysia/journey?team=espresso", `[data-problem="not found"]`, 404, 1, ""},
		{"a journey to nowhere is not found", "/small/expansions/mars/journey", `[data-problem="not found"]`, 404, 1, ""},
		{"a journey that cannot be planned says why", "/small/expansions/laos/journey", `[data-problem=invalid] .problem-line`, 422, 2, ""},
		{"an expansion nobody wrote is not found", "/small/expansions/mars", `[data-problem="not found"]`, 404, 1, ""},
		{"what cannot be planned has a line for each problem", "/small/expansions/laos", `[data-problem=invalid] .problem-line`, 422, 2, ""},
		{"a plan says what blocks it", "/small/expansions/malaysia", `[data-blocks] b`, 200, 1, "5 edges to decide before it can move."},
		{"a plan that waits for nothing says so", "/small/expansions/brunei", `[data-blocks].good b`, 200, 1, "Nothing is left to decide."},
		{"a plan has a section for each question it answers", "/small/expansions/malaysia", `.sections a[href^="#"]`, 200, 10, ""},
		{"a member says why it comes, with the line", "/small/expansions/malaysia", `[data-member=shipping] .reasons`, 200, 1, "wanted expansions/malaysia.yaml:17"},
		{"a member shows the way to it", "/small/expansions/malaysia", `[data-member=config-server] .path`, 200, 1, "menu → config-server"},
		{"a member shows which routes of it come", "/small/expansions/malaysia", `[data-member=monolith] td:contains("only checkout")`, 200, 1, ""},
		{"members are filtered by team", "/small/expansions/malaysia?team=shop", `[data-member]`, 200, 3, ""},
		{"a team without members says so", "/small/expansions/malaysia?team=espresso", `#member-list .quiet`, 200, 1, "Team espresso owns nothing that comes along."},
		{"edges to decide come with a form", "/small/expansions/malaysia", `[data-undecided] form[method=post][action="/small/expansions/malaysia/decide"]`, 200, 5, ""},
		{"an edge shows its proof", "/small/expansions/malaysia", `[data-undecided="orders → inventory"] .evidence .where`, 200, 1, "orders/src/main/resources/application.yml:33"},
		{"an edge shows what it costs", "/small/expansions/malaysia", `[data-undecided="orders → inventory"] dd:contains("42")`, 200, 1, "42"},
		{"an edge shows the round trip it would add", "/small/expansions/malaysia", `[data-undecided="monolith → invoices"] dd:contains("+ 9ms")`, 200, 1, ""},
		{"an edge shows what cloning brings", "/small/expansions/malaysia", `[data-undecided="orders → inventory"] dd:contains("inventory, beans, consul")`, 200, 1, ""},
		{"what is forbidden cannot be chosen and says why", "/small/expansions/malaysia", `[data-undecided="payments → wallet"] .fate.forbidden:has(input[value="call-back"][disabled]) .under`, 200, 1, "Not allowed: data of payments may not leave MY (payment data is kept in the country)"},
		{"what is allowed on a condition says so", "/small/expansions/malaysia", `[data-decided="payments → stripe"] .fate:has(input[value="call-back"]:not([disabled])) .under:contains("Only if it keeps its data in the country")`, 200, 1, ""},
		{"what is allowed can be chosen", "/small/expansions/malaysia", `[data-undecided="payments → wallet"] input[name=decide]:not([disabled])`, 200, 4, ""},
		{"decided edges say who, when and why", "/small/expansions/malaysia", `[data-decided="orders → loyalty"] > .quiet`, 200, 1, "shop, 25 February 2026: no loyalty programme in the first year expansions/malaysia.yaml:40"},
		{"a decision that nothing heeds says what it lacks", "/small/expansions/malaysia", `[data-lacks]`, 200, 3, ""},
		{"all that lack something are on top", "/small/expansions/malaysia", `[data-lacking] li`, 200, 3, ""},
		{"a replacement says with what", "/small/expansions/malaysia", `[data-decided="payments → stripe"] .verdict b`, 200, 1, "replaced with bayar.example.org"},
		{"optional edges name their routes", "/small/expansions/malaysia", `[data-optional="monolith → reports"] b`, 200, 1, "admin"},
		{"a datastore says what it holds and why", "/small/expansions/malaysia", `[data-datastore=kopi-stock-db] dd:contains("seeded: recipes and prices of Singapore are the start")`, 200, 1, ""},
		{"a datastore shows points for both placements", "/small/expansions/malaysia", `[data-datastore=redis-sessions] .points-for.kubernetes`, 200, 2, ""},
		{"a datastore names the way back", "/small/expansions/malaysia", `.way-back`, 200, 5, ""},
		{"ranges of the expansion lead to the picture", "/small/expansions/malaysia", `#addresses a[href="/small/addresses?at=10.64.0.0/18"]`, 200, 1, "10.64.0.0/18"},
		{"steps are shown by wave", "/small/expansions/malaysia", `[data-wave]`, 200, 6, ""},
		{"a step leads to its files", "/small/expansions/malaysia", `[data-step="malaysia/service/orders"] a[href^="/small/expansions/malaysia/files?path="]`, 200, 4, ""},
		{"questions are grouped by service", "/small/expansions/malaysia", `[data-questions=orders]`, 200, 1, ""},
		{"substituted variables say why", "/small/expansions/malaysia", `[data-variable="PROVIDER_MERCHANT"] td`, 200, 3, ""},
		{"many edges are shown in part", "/large/expansions/thailand", `[data-undecided]`, 200, 50, ""},
		{"many edges say how many are left out", "/large/expansions/thailand", `#undecided [data-more]`, 200, 1, "397 edges more: name a service above to see its edges."},
		{"edges are filtered by the names of their ends", "/large/expansions/thailand?edge=account-00-api-0+delivery", `[data-undecided]`, 200, 1, ""},
		{"files are a tree", "/small/expansions/malaysia/files", `[data-tree] [data-path]`, 200, 45, ""},
		{"folders are closed until they are needed", "/large/expansions/thailand/files", `[data-tree] > ul > li > details[open] > ul > li > details:not([open])`, 200, 3, ""},
		{"the folders of the open file are open", "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml", `[data-tree] details[open] a[aria-current] .name`, 200, 1, "deployment.yaml"},
		{"a file has line numbers", "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml", `.code tr[id] [data-line="24"]`, 200, 1, ""},
		{"keys are marked", "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml", `#L3 .y-key`, 200, 1, "kind"},
		{"a difference has lines added and removed", "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml&view=diff", `[data-diff=changed]`, 200, 1, "+1 −1 lines added and removed"},
		{"an unchanged file is said to be so", "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/configmap.yaml&view=diff", `[data-diff=unchanged]`, 200, 1, "Unchanged since the proposal before."},
		{"a file that is gone is shown as it was", "/small/expansions/malaysia/files?path=malaysia/retired/cronjob.yaml", `.code.diff tr.removed`, 200, 4, ""},
		{"without an open file what changed is listed", "/small/expansions/malaysia/files", `[data-files=changed] a`, 200, 7, ""},
		{"a file nobody renders is not found", "/small/expansions/malaysia/files?path=../web.go", `[data-problem="not found"]`, 404, 1, ""},
		{"files of what cannot be planned say why", "/small/expansions/laos/files", `[data-problem=invalid]`, 422, 1, ""},
		{"pools have a picture each", "/small/addresses", `.space-map`, 200, 3, ""},
		{"a pool says how much is taken and what is left", "/small/addresses", `[data-range="10.0.0.0/8"] dd:contains("10.128.0.0/9")`, 200, 1, ""},
		{"findings are on top", "/small/addresses", `.findings [data-finding]`, 200, 2, ""},
		{"what is in use without a lease is marked", "/small/addresses", `[data-block="10.20.0.0/16"] .block.in-use title`, 200, 1, "10.20.0.0/16, jakarta-vm, in use without a lease, 65,536 addresses, chef/nodes/db-jkt-1.json:12"},
		{"quarantine has a pattern", "/small/addresses", `[data-block="10.96.0.0/12"] rect[fill="url(#quarantined)"]`, 200, 1, ""},
		{"what is in use outside of the pools is listed", "/small/addresses", `[data-elsewhere] [data-row="172.16.0.0/20"] td`, 200, 3, "office"},
		{"zoomed in, what is elsewhere is not", "/small/addresses?at=10.64.0.0/10", `[data-elsewhere]`, 200, 0, ""},
		{"free space can be seen", "/small/addresses?at=10.64.0.0/10", `.block.free title:contains("free: 10.80.0.0/12")`, 200, 1, ""},
		{"every block has a title", "/small/addresses?at=10.64.0.0/10", `.block:not(:has(> title))`, 200, 0, ""},
		{"every block that leads on is in the table", "/small/addresses?at=10.64.0.0/15", `[data-row="10.64.0.0/17"] a[href="/small/addresses?at=10.64.0.0/17"]`, 200, 1, ""},
		{"a zoomed range shows the way out", "/small/addresses?at=10.66.128.0/26", `nav.crumb a`, 200, 4, ""},
		{"a range is aligned to its length", "/small/addresses?at=10.66.128.7/26", `h1`, 200, 1, "10.66.128.0/26"},
		{"IPv6 is drawn too", "/small/addresses?at=fd4b:6f70:6900::/48", `[data-block="fd4b:6f70:6900::/56"]`, 200, 1, ""},
		{"without a pool the page says how to declare one", "/empty/addresses", `[data-empty]`, 200, 1, ""},
		{"three thousand leases are one small picture", "/large/addresses?at=10.0.0.0/8", `.space-map .block:not(.free)`, 200, 384, ""},
		{"a range in no pool is not found", "/small/addresses?at=11.0.0.0/8", `[data-problem="not found"]`, 404, 1, ""},
		{"what is no range is refused", "/small/addresses?at=ten", `.state-text`, 400, 1, `"ten" is no range of addresses: write one like 10.64.0.0/10`},
		{"drift has a cell for each service in each environment", "/small/drift", `[data-cell]`, 200, 8, ""},
		{"a cell says what its colour says", "/small/drift", `[data-cell="orders brunei"].drifted.days`, 200, 1, "1 accident, 3 d"},
		{"what nobody looked at for too long is never in sync", "/small/drift", `[data-cell="menu singapore-vm"].stale`, 200, 1, "stale"},
		{"a place that cannot be reached says why", "/small/drift", `[data-looked=malaysia-vm].failure`, 200, 1, "malaysia-vm last looked at 30 min ago; since then it could not be: my-app2: no route to host"},
		{"a cell explains itself", "/small/drift?service=orders&environment=brunei", `[data-difference][open] .mend .added`, 200, 1, "+ replicas: 2"},
		{"a cell shows what is intended, too", "/small/drift?service=menu&environment=brunei", `[data-difference] dd:contains("country layer of BN")`, 200, 1, ""},
		{"an accident can be accepted and mended", "/small/drift?service=orders&environment=brunei", `[data-difference] form[method=post]`, 200, 2, ""},
		{"a member of another team may do neither", "/member/drift?service=payments", `[data-refused=decide]`, 200, 1, ""},
		{"a team over its budget is named", "/small/drift", `[data-team=shop] .over`, 200, 1, "2 of 1, waits with what is new"},
		{"many services show those that drifted", "/large/drift", `tr[data-service]`, 200, 125, ""},
		{"without a look the page says what looking does", "/empty/drift", `[data-empty]`, 200, 1, ""},
		{"each database is there with its instances", "/small/standbys", `[data-member]`, 200, 5, ""},
		{"how warm a standby is stands there", "/small/standbys", `[data-member=bn-pg2] td:nth-of-type(4)`, 200, 1, "98 %"},
		{"a backup counts once it was restored", "/small/standbys", `[data-datastore="orders-db@brunei-data"] p:contains("restored and checked 2 days ago")`, 200, 1, ""},
		{"a cold standby is a finding", "/small/standbys", `[data-datastore="orders-db@brunei-data"] [data-finding=standby-cold]:contains("bn-pg3 has 41 %")`, 200, 1, ""},
		{"the gate says why one may not be primary", "/small/standbys", `[data-member=bn-pg3] [data-against]`, 200, 1, "bn-pg3 has 41 % of the primary's hot blocks (at least 90 %)"},
		{"one that is warm may be made primary", "/small/standbys", `[data-member=bn-pg2] form[method=post] button:contains("takes over best")`, 200, 1, ""},
		{"an instance that cannot be asked says why", "/small/standbys", `[data-member=keeper1]:contains("connection refused")`, 200, 1, ""},
		{"how warm they were is a chart that is told in words", "/small/standbys", `svg[aria-label*="bn-pg3 at least 8 %"]`, 200, 1, ""},
		{"what nobody looked at says so", "/small/standbys", `[data-datastore="sessions@brunei-data"]:contains("never looked at")`, 200, 1, ""},
		{"where a database is better off stands there with its reasons", "/small/standbys", `[data-datastore="orders-db@brunei-data"] [data-advice=move] [data-for=vm]:contains("5 occasions in 26 days")`, 200, 1, ""},
		{"and whether the way back was rehearsed", "/small/standbys", `[data-advice=move] [data-way-back]:contains("brunei-vm was never rehearsed")`, 200, 1, ""},
		{"whoever speaks for its team is asked for a move", "/small/standbys", `[data-move="store:orders-db:brunei-data"] form.agree input[name=step]`, 200, 2, ""},
		{"a move that is done says how long clients were held, and the way back", "/small/standbys", `[data-move="store:payments-db:malaysia-vm"]:contains("held for 261ms"):contains("caravan standby back payments-db --to malaysia-vm")`, 200, 1, ""},
		{"a member agrees for the own team", "/member/standbys", `[data-move="store:orders-db:brunei-data"] form button:contains("Agree for shop")`, 200, 1, ""},
		{"a member of another team switches nothing over", "/member/standbys", `[data-datastore="payments-db@malaysia-vm"] form`, 200, 0, ""},
		{"many databases are all there", "/large/standbys", `[data-datastore]`, 200, 60, ""},
		{"without a database the page says where they are declared", "/empty/standbys", `[data-empty]:contains("under standby in caravan.yaml")`, 200, 1, ""},
		{"databases that cannot be read say why", "/broken/standbys", `[data-problem]`, 503, 1, ""},
		{"drift that cannot be read says why", "/broken/drift", `[data-problem]`, 503, 1, ""},
		{"snapshots are listed", "/small/scan", `tr[data-snapshot]`, 200, 2, ""},
		{"a failed scan tells why", "/large/scan", `[data-scan=failed] .failure`, 200, 1, "read chef repository: no such directory /srv/chef: mend sources in caravan.yaml"},
		{"a running scan renews itself", "/running/scan", `[data-scan=running][hx-get="/running/scan/progress"]`, 200, 1, ""},
		{"two snapshots are compared", between, `h1`, 200, 1, "What changed"},
		{"comparing needs two snapshots", "/small/diff?old=1", `[data-problem]`, 400, 1, ""},
		{"an unknown export format says which there are", "/small/export?format=png", `.state-text`, 400, 1, `a map cannot be exported as "png": use html, svg, json, dot or mermaid`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := fetch(t, h, "GET", tt.path)
			doc, err := goquery.NewDocumentFromReader(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			found := doc.Find(tt.selector)
			if answer.StatusCode != tt.status || found.Length() != tt.count {
				t.Fatalf("status %d, %d × %s; want %d and %d", answer.StatusCode, found.Length(), tt.selector, tt.status, tt.count)
			}
			if text := strings.Join(strings.Fields(found.First().Text()), " "); tt.text != "" && text != tt.text {
				t.Errorf("%s says %q, want %q", tt.selector, text, tt.text)
			}
		})
	}
}

func TestAServicesPageIsGivenThePartThatItAsksFor(t *testing.T) {
	body, err := io.ReadAll(fetch(t, galleryHandler(t), "GET", "/small/how/orders", "HX-Request", "true").Body)
	if text := string(body); err != nil || !strings.HasPrefix(text, `<section id="how"`) || strings.Contains(text, "hx-get") {
		t.Errorf("%v: %.200s", err, text)
	}
}

func TestEveryLinkOfThePortalLeadsSomewhere(t *testing.T) {
	h := galleryHandler(t)
	seen := map[string]bool{"/small/": true}
	for queue := []string{"/small/"}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		answer := fetch(t, h, "GET", at)
		if answer.StatusCode != http.StatusOK && at != "/small/expansions/laos" {
			t.Errorf("%s answers %s", at, answer.Status)
			continue
		}
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			continue
		}
		doc, err := goquery.NewDocumentFromReader(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		doc.Find("a[href], link[href], script[src]").Each(func(_ int, s *goquery.Selection) {
			to, part, _ := strings.Cut(s.AttrOr("href", s.AttrOr("src", "")), "#")
			if part != "" && to == "" && doc.Find("#"+part).Length() != 1 {
				t.Errorf("%s leads to its part %s, which is not there", at, part)
			}
			if strings.HasPrefix(to, "/") && !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		})
		if n := doc.Find("[style], [onclick], script:not([src]), style").Length(); n > 0 && !strings.Contains(at, "export") {
			t.Errorf("%s has %d inline styles or scripts", at, n)
		}
		if ids := repeated(doc); len(ids) > 0 {
			t.Errorf("%s uses an id twice: %v", at, ids)
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d pages were found", len(seen))
	}
}

func repeated(doc *goquery.Document) []string {
	seen, out := map[string]bool{}, []string(nil)
	doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		if id := s.AttrOr("id", ""); seen[id] {
			out = append(out, id)
		} else {
			seen[id] = true
		}
	})
	return out
}

func TestEveryAnswerIsProtected(t *testing.T) {
	h := galleryHandler(t)
	for _, target := range []string{"/small/", "/small/map.json", "/small/nowhere", "/broken/", "/small/export?format=svg"} {
		header := fetch(t, h, "GET", target).Header
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'; script-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", target, policy)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", target, header)
		}
	}
}

func TestAScanCannotBeStartedFromAnotherSite(t *testing.T) {
	answer := fetch(t, galleryHandler(t), "POST", "/small/scan", "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example.org")
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("answered %s", answer.Status)
	}
}

func TestStartingAScanThatRunsAlreadyShowsIt(t *testing.T) {
	h := galleryHandler(t)
	answer := fetch(t, h, "POST", "/running/scan")
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/running/scan" {
		t.Errorf("answered %s to %q", answer.Status, answer.Header.Get("Location"))
	}
}

func TestAssetsAreKeptForEverUnderTheirDigestAndPacked(t *testing.T) {
	h := galleryHandler(t)
	src, _ := shown(t, h, "/small/").Find(`script[src*="cytoscape"]`).Attr("src")
	answer := fetch(t, h, "GET", src, "Accept-Encoding", "br, gzip")
	if got := answer.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q", got)
	}
	z, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || len(body) < 400_000 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if again := fetch(t, h, "GET", src, "If-None-Match", answer.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: %s", again.Status)
	}
	old := fetch(t, h, "GET", "/assets/0123456789abcdef/js/map.js")
	if old.StatusCode != http.StatusOK || strings.Contains(old.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("with an old digest: %s, %v", old.Status, old.Header)
	}
	if none := fetch(t, h, "GET", "/assets/x/../../web.go"); none.StatusCode == http.StatusOK {
		t.Errorf("a file beside the assets was served")
	}
}

func TestVendoredScriptsAreThePublishedOnesAndHaveTheirLicences(t *testing.T) {
	list, err := embedded.ReadFile("assets/vendor/VERSIONS")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, line := range strings.Split(string(list), "\n") {
		if f := strings.Fields(line); len(f) == 5 && strings.HasSuffix(f[0], ".js") {
			want[f[0]] = f[4]
		}
	}
	got := map[string]string{}
	err = fs.WalkDir(embedded, "assets/vendor", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".js" {
			return err
		}
		body, err := embedded.ReadFile(name)
		sum := sha256.Sum256(body)
		got[strings.TrimPrefix(name, "assets/vendor/")] = hex.EncodeToString(sum[:])
		if _, missing := embedded.ReadFile(path.Dir(name) + "/LICENSE"); missing != nil {
			t.Error(missing)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("VERSIONS (-) and files (+) differ:\n%s", diff)
	}
}

func TestMapDataHasEveryServiceAndEdgeAndNoEvidence(t *testing.T) {
	g := gallery.Small()
	answer := fetch(t, galleryHandler(t), "GET", "/small/map.json?snapshot="+string(g.Digest))
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var data mapData
	if err := json.Unmarshal(body, &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Services) != len(g.Services) || len(data.Edges) != len(g.Edges) {
		t.Errorf("%d services and %d edges, want %d and %d", len(data.Services), len(data.Edges), len(g.Services), len(g.Edges))
	}
	if strings.Contains(string(body), "***") || strings.Contains(string(body), "application.yml") {
		t.Error("the map's data holds evidence")
	}
	for i, e := range data.Edges {
		if want := g.Edges[i]; data.Services[e[0]].Name != string(want.From) || data.Services[e[1]].Name != string(want.To) || data.EdgeKinds[e[2]] != string(want.Kind) {
			t.Errorf("edge %d is %v, want %s → %s", i, e, want.From, want.To)
		}
	}
	if !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") {
		t.Error("the data of a digest never changes, but may not be kept")
	}
}

func TestTheDataOfTwoThousandServicesIsSmall(t *testing.T) {
	answer := fetch(t, galleryHandler(t), "GET", "/large/map.json", "Accept-Encoding", "gzip")
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 200_000 {
		t.Errorf("%d bytes packed, want at most 200,000", len(body))
	}
}

func TestDetailsHoldBothSidesWithEvidence(t *testing.T) {
	var d detail
	if err := json.NewDecoder(fetch(t, galleryHandler(t), "GET", "/small/detail.json?service=mailer").Body).Decode(&d); err != nil {
		t.Fatal(err)
	}
	if len(d.Needs) != 3 || len(d.Needed) != 1 || len(d.Doubts) != 1 || d.Needs[0].Evidence[0].Place.Line == 0 || d.Page != "/small/services/mailer" {
		t.Errorf("details of mailer: %+v", d)
	}
}

func TestThePanelOfAnEarlierSnapshotLinksToItsOwnPages(t *testing.T) {
	h := galleryHandler(t)
	address, _ := shown(t, h, "/small/?snapshot="+string(gallery.Earlier().Digest)).Find("#map").Attr("data-detail")
	var d detail
	if err := json.NewDecoder(fetch(t, h, "GET", address+"orders").Body).Decode(&d); err != nil {
		t.Fatal(err)
	}
	if want := "/small/services/orders?snapshot=" + url.QueryEscape(string(gallery.Earlier().Digest)); d.Page != want {
		t.Errorf("the panel links to %q, want %q", d.Page, want)
	}
}

func TestExportsAreWhatTheySay(t *testing.T) {
	h := galleryHandler(t)
	read := func(format string) string {
		answer := fetch(t, h, "GET", "/small/export?format="+format)
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %s %v %v", format, answer.Status, answer.Header, err)
		}
		return string(body)
	}
	var g depmap.Graph
	if err := json.Unmarshal([]byte(read("json")), &g); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(gallery.Small(), g); diff != "" {
		t.Errorf("json is not the graph:\n%s", diff)
	}
	if err := xml.Unmarshal([]byte(read("svg")), new(struct{})); err != nil {
		t.Error(err)
	}
	for format, start := range map[string]string{"dot": "digraph", "mermaid": "flowchart LR", "html": "<!doctype html>"} {
		if !strings.HasPrefix(read(format), start) {
			t.Errorf("%s does not begin with %q", format, start)
		}
	}
}

func TestTheMapAsOneFileIsTheSameBytesForTheSameGraph(t *testing.T) {
	a, err := HTML(gallery.Small())
	if err != nil {
		t.Fatal(err)
	}
	b, err := HTML(gallery.Small())
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Error("two exports of one graph differ")
	}
}

func TestAPortalWithoutBackendIsRefused(t *testing.T) {
	if _, err := Handler(Options{}); err == nil {
		t.Error("no error")
	}
}

// stage is a Backend whose scan is ended by the test.
type stage struct {
	shelf
	sync.Mutex
	now      time.Time
	progress Progress
	kept     []Summary
}

func (s *stage) Snapshot(context.Context, string) (Snapshot, error) {
	return Snapshot{}, fault.Newf(fault.NotFound, "nothing was scanned yet: start a scan")
}

func (s *stage) Snapshots(context.Context) ([]Summary, error) {
	s.Lock()
	defer s.Unlock()
	return s.kept, nil
}

func (s *stage) StartScan(context.Context) error {
	s.Lock()
	defer s.Unlock()
	if s.progress.Running {
		return fault.Newf(fault.Conflict, "a scan is running: wait for it to end")
	}
	s.progress = Progress{Running: true, Phase: "Reading files", Files: 18240, Read: 9120, Started: s.now}
	return nil
}

func (s *stage) Scan(context.Context) (Progress, error) {
	s.Lock()
	defer s.Unlock()
	return s.progress, nil
}

func (s *stage) finish() {
	s.Lock()
	defer s.Unlock()
	s.progress.Running, s.progress.Ended = false, s.now.Add(time.Second)
	s.kept = []Summary{summaryOf(gallery.Small(), s.now)}
}
