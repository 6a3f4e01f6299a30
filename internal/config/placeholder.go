package config

import (
	"regexp"
	"strings"

	"example.org/caravan/internal/estate"
)

var (
	placeholderKey = regexp.MustCompile(`\$\{(?:env:)?([A-Za-z_][\w.-]*)(?::?[-:]?([^{}]*))?\}`)
	rubyVariable   = regexp.MustCompile(`ENV(?:\.fetch\(\s*|\[)["'](\w+)["']\s*[\])]?(?:\s*(?:,|\|\||\)?\s*\{)\s*(?:["']([^"']*)["']|(\w+)))?`)
	symfonyKey     = regexp.MustCompile(`%env\((?:\w+:)*(\w+)\)%`)
)

// PlaceholdersIn are the keys that a value of a file takes from elsewhere where the service runs: ${NAME:default}, <%= ENV["NAME"] %>,
// %env(NAME)%.
func PlaceholdersIn(value string, at estate.Place) []Reading {
	var out []Reading
	add := func(name string, fallback *string) {
		out = append(out, Reading{Key: name, Default: fallback, Place: at})
	}
	for _, g := range placeholderKey.FindAllStringSubmatchIndex(value, 16) {
		name := value[g[2]:g[3]]
		if name == "secret" || name == "configmap" {
			continue // says where a cluster keeps it
		}
		var fallback *string
		if g[4] >= 0 && g[5]+1 == g[1] && strings.ContainsAny(value[g[3]:g[4]], ":-") {
			text := value[g[4]:g[5]]
			fallback = &text
		}
		add(name, fallback)
	}
	if strings.Contains(value, "<%") {
		for _, g := range rubyVariable.FindAllStringSubmatch(value, 16) {
			var fallback *string
			if text := g[2] + g[3]; text != "" {
				fallback = &text
			}
			add(g[1], fallback)
		}
	}
	for _, g := range symfonyKey.FindAllStringSubmatch(value, 16) {
		add(g[1], nil)
	}
	return out
}
