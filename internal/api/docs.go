package api

import (
	_ "embed" // for the page's script
	"net/http"
)

//go:embed assets/rapidoc-min.js
var rapidoc []byte

// wayBack leads from the page to the portal.
const wayBack = `<a slot="nav-logo" class="back" href="/">‹ Caravan</a>`

// docsPage shows the OpenAPI document and lets its reader try it. It follows the system's light or dark.
const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Caravan API</title>
<style>
  :root { color-scheme: light dark; }
  body { margin: 0; }
  .dark { display: none; }
  .back { padding: 1rem; font: 600 1rem system-ui, sans-serif; color: inherit; }
  @media (prefers-color-scheme: dark) { .dark { display: block; } .light { display: none; } }
</style>
<script type="module" src="` + Prefix + `/docs/rapidoc-min.js"></script>
</head>
<body>
<rapi-doc class="light" spec-url="` + Prefix + `/openapi.json" theme="light" render-style="read" show-header="false" allow-authentication="false" load-fonts="false" regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace">` + wayBack + `</rapi-doc>
<rapi-doc class="dark" spec-url="` + Prefix + `/openapi.json" theme="dark" render-style="read" show-header="false" allow-authentication="false" load-fonts="false" regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace">` + wayBack + `</rapi-doc>
</body>
</html>
`

func docs(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(docsPage))
}

func docsScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write(rapidoc)
}
