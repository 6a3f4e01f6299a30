package code

import (
	"bytes"
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
)

// javaFile is a source file of about two KiB, with a licence and documentation, in which nothing is to be found.
func javaFile() []byte {
	var b strings.Builder
	b.WriteString("/*\n * Licensed under the terms at http://www.apache.org/licenses/LICENSE-2.0\n */\npackage org.example.kopi.orders.model;\n\nimport java.util.List;\nimport java.util.Objects;\n\n/**\n * An order, see https://wiki.example.org/orders.\n */\npublic final class Order {\n")
	for _, field := range []string{"number", "outlet", "customer", "amount", "currency"} {
		upper := strings.ToUpper(field[:1]) + field[1:]
		b.WriteString("    private final String " + field + ";\n\n    /** The " + field + " as the customer knows it. */\n    @Override\n    public String get" + upper + "() {\n        return Objects.requireNonNull(" + field + ", \"" + field + " is missing\");\n    }\n\n    public Order with" + upper + "(String value) {\n        return new Order(this, value); // a copy\n    }\n\n")
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

func BenchmarkRead(b *testing.B) {
	plain := javaFile()
	bare := bytes.Repeat([]byte("    public int value(int x) { return x * 31 + offset; }\n"), 38)
	speaking := []byte(strings.Replace(string(plain), "public final class", "@FeignClient(name = \"accounts\", url = \"http://accounts.kopi.internal:8250\")\npublic final class", 1))
	for _, c := range []struct {
		name string
		data []byte
	}{{"no mark at all", bare}, {"marks only in comments", plain}, {"one client", speaking}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				read(discover.File{Path: "orders/src/main/java/Order.java", Data: c.data}, discover.NewReport("code"))
			}
		})
	}
}
