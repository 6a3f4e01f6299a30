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
