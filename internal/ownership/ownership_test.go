package ownership

import "testing"

func TestMatchFollowsTheRulesOfCodeowners(t *testing.T) {
	for _, c := range []struct {
		pattern, file string
		want          bool
	}{
		{"*", "orders/main.go", true},
		{"*.js", "web/deep/app.js", true},
		{"*.js", "web/app.ts", false},
		{"/orders/", "orders/main.go", true},
		{"/orders/", "shop/orders/main.go", false},
		{"orders/", "shop/orders/main.go", true},
		{"orders", "shop/orders/main.go", true},
		{"/services/orders", "services/orders/src/Main.java", true},
		{"services/orders", "services/orders/src/Main.java", true},
		{"services/orders", "old/services/orders/Main.java", false},
		{"docs/*", "docs/a.md", true},
		{"docs/*", "docs/deep/a.md", false},
		{"/services/*-gateway/", "services/mobile-gateway/pom.xml", true},
		{"**/logs", "build/logs/x", true},
		{"apps/**/config", "apps/a/b/config/x", true},
		{"", "x", false},
		{"!orders", "orders/x", false},
	} {
		if got := Match(c.pattern, c.file); got != c.want {
			t.Errorf("%q over %q: %v", c.pattern, c.file, got)
		}
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		name, pattern, path string
		want                bool
	}{
		{"a star covers everything", "*", "a/b/c.go", true},
		{"a slash covers everything", "/", "a/b", true},
		{"two stars cover everything", "**", "a/b", true},
		{"an extension is found in every folder", "*.js", "web/src/app.js", true},
		{"an extension does not cover others", "*.js", "web/src/app.ts", false},
		{"a name is found in every folder", "orders", "services/orders/main.go", true},
		{"a name is a whole name", "orders", "services/orders-api/main.go", false},
		{"a leading slash starts at the root", "/orders", "orders/main.go", true},
		{"a leading slash does not look further down", "/orders", "services/orders/main.go", false},
		{"a trailing slash covers what is below a folder anywhere", "orders/", "services/orders/main.go", true},
		{"a trailing slash does not cover the file of that name", "orders/", "services/orders", false},
		{"a slash in the middle starts at the root", "services/orders", "services/orders/a/b.go", true},
		{"a slash in the middle does not look further down", "services/orders", "old/services/orders/b.go", false},
		{"a star at the end stays in its folder", "docs/*", "docs/a.md", true},
		{"a star at the end does not go further down", "docs/*", "docs/a/b.md", false},
		{"a star in the middle is one folder", "services/*/deploy/", "services/orders/deploy/x.yaml", true},
		{"a star in the middle is not two folders", "services/*/deploy/", "services/a/b/deploy/x.yaml", false},
		{"two stars in the middle are any folders", "services/**/deploy", "services/a/b/deploy/x.yaml", true},
		{"two stars in the middle may be no folder", "services/**/deploy", "services/deploy/x.yaml", true},
		{"leading stars look everywhere", "**/logs", "build/logs/debug.log", true},
		{"trailing stars cover the whole folder", "apps/**", "apps/a/b", true},
		{"a question mark is one letter", "/v?", "v1/api.go", true},
		{"a class is one letter", "/v[12]", "v2/api.go", true},
		{"a broken class matches only itself", "/v[1", "v[1", true},
		{"an empty pattern covers nothing", "", "a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Match(tt.pattern, tt.path); got != tt.want {
				t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.path, got)
			}
		})
	}
}

func TestNameIgnoresCase(t *testing.T) {
	if !Name("Pay*", "payments") || Name("pay", "payments") {
		t.Error("globs over names are whole and caseless")
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a/**/b", "a/x/b/c")
	f.Add("[", "x")
	f.Fuzz(func(t *testing.T, pattern, file string) {
		if Match(pattern, file) && pattern == "" {
			t.Error("the empty pattern covers nothing")
		}
	})
}
