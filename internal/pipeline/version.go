package pipeline

import (
	"regexp"
	"slices"
	"strings"
)

// built is a line that builds an image or an artefact, and what it calls its version.
type built struct {
	version string
	line    int
	job     string
}

// A value is built of variables, expressions, substitutions and plain characters.
const (
	reference = `(?:\$\{\{[^{}]*\}\}|\$\{[^{}]*\}|\$\([^()]*\)|\$\w+)`
	value     = `((?:` + reference + `|[\w.+~-])+)`
)

var (
	keyedVersion = regexp.MustCompile(`(?i)(?:^|[\s"'{,;.]|--?D?|-P)([\w-]*?(?:version|tag|release|revision|sha|commit|build_?number|build_?id))["']?\s?[=:]\s?\\?["']?` + value)
	flagVersion  = regexp.MustCompile(`(?i)(?:^|\s)--(?:version|tag|image-tag|app-version|release|revision|build|sha|ref)[ =]` + value)
	imageVersion = regexp.MustCompile(`^(?:[\w.-]+=)?((?:` + reference + `|[\w./-]|:\d+/)*):` + value + `$`)
	fileVersion  = regexp.MustCompile(`[-_]v?((?:` + reference + `|[\w.+~]|-)*?)(?:[-_](?:amd64|arm64|all|x86_64|noarch))?\.(?:deb|rpm|jar|war|tgz|tar\.gz|tar\.xz|zip|gem|whl)$`)
	anyReference = regexp.MustCompile(reference)
	foreign      = regexp.MustCompile(`(?i)(node|java|jdk|python|golang|ruby|kube|kubernetes|kubectl|helm|ansible|terraform|php|docker|chart|api|schema|min|max|nginx|compose|tls)[-_.]?version|^(api|go)[-_]?version$`)
	versionLike  = regexp.MustCompile(`(?i)(sha|tag|version|build_?number|revision|run_?number|pipeline_?iid|pipeline_?id|build_?id|git_?commit|release)(::?-?\d+(:\d+)?)?\s*\}*\)?$`)
	anySpace     = regexp.MustCompile(`\s+`)
)

// versionsOf is what a command calls the version of what it deploys or builds; values that never change are none.
func versionsOf(c command) []string {
	var out []string
	add := func(v string) {
		v = strings.TrimRight(v, ".-")
		if anyReference.MatchString(v) && !c.turning(v) && !slices.ContainsFunc(out, func(o string) bool { return same(o, v) }) {
			out = append(out, v)
		}
	}
	for _, text := range append(slices.Clone(c.words), c.heredoc) {
		for _, m := range keyedVersion.FindAllStringSubmatch(text, -1) {
			if !foreign.MatchString(m[1]) {
				add(m[2])
			}
		}
	}
	if name := c.name(); name != "helm" {
		for _, m := range flagVersion.FindAllStringSubmatch(strings.Join(c.words, " "), -1) {
			add(m[1])
		}
	}
	for _, piece := range pieces(c) {
		for _, v := range ofPiece(c, piece) {
			add(v)
		}
	}
	return out
}

// turning reports whether a value is of a variable that a loop changes.
func (c command) turning(v string) bool {
	return slices.ContainsFunc(anyReference.FindAllString(v, -1), func(r string) bool {
		m := shellName.FindStringSubmatch(r)
		return m != nil && slices.Contains(c.turns, m[1])
	})
}

// pieces are the words of a command and of what it runs elsewhere. Expressions of the pipeline are one.
func pieces(c command) []string {
	var out []string
	for _, text := range append(slices.Clone(c.words), c.heredoc) {
		for _, p := range splitOutside(text) {
			out = append(out, strings.Trim(p, `"'`))
		}
	}
	return out
}

var separator = regexp.MustCompile(`\$\{\{.*?\}\}|\$\([^()]*\)|[\s;&|]+`)

// splitOutside splits at blanks and ends of commands, but not within expressions.
func splitOutside(text string) []string {
	var out []string
	begin := 0
	for _, at := range separator.FindAllStringIndex(text, -1) {
		if text[at[0]] == '$' {
			continue
		}
		out = append(out, text[begin:at[0]])
		begin = at[1]
	}
	return slices.DeleteFunc(append(out, text[begin:]), func(s string) bool { return s == "" })
}

func ofPiece(c command, piece string) []string {
	copies := slices.Contains([]string{"scp", "rsync", "sftp"}, c.name())
	if m := imageVersion.FindStringSubmatch(piece); m != nil && !copies && !strings.Contains(piece, "@") && m[1] != "" {
		return []string{m[2]}
	}
	if m := fileVersion.FindStringSubmatch(piece); m != nil {
		if v := fromReference(m[1]); v != "" {
			return []string{v}
		}
	}
	var out []string
	for _, part := range partsOf(piece) {
		if versionLike.MatchString(part) {
			out = append(out, part)
		}
	}
	return out
}

// partsOf are the references that are a whole part of a path, of a word's value or of a list.
func partsOf(piece string) []string {
	var out []string
	for _, at := range anyReference.FindAllStringIndex(piece, -1) {
		begins := at[0] == 0 || strings.IndexByte("/=:@", piece[at[0]-1]) >= 0
		ends := at[1] == len(piece) || strings.IndexByte("/:", piece[at[1]]) >= 0
		if begins && ends && !strings.HasPrefix(piece[at[0]:], "$(") {
			out = append(out, piece[at[0]:at[1]])
		}
	}
	return out
}

// fromReference drops what stands before the first variable of a file's name, unless it begins a number: of orders-1.4.$N it keeps 1.4.$N.
func fromReference(s string) string {
	at := anyReference.FindStringIndex(s)
	if at == nil {
		return ""
	}
	begin := at[0]
	for begin > 0 && s[begin-1] != '-' && s[begin-1] != '_' {
		begin--
	}
	return s[begin:]
}

// builds reports whether a command makes or uploads what is deployed.
func builds(c command) bool {
	args := c.args()
	if len(args) == 0 {
		return false
	}
	switch c.name() {
	case "docker", "podman", "buildah", "nerdctl":
		return has(args, "build", "push", "tag", "bake")
	case "fpm", "mvn", "mvnw", "gradle", "gradlew", "dch", "nfpm", "kaniko", "executor", "aptly", "dput", "package_cloud", "jfrog", "goreleaser", "tar", "aws", "gsutil", "curl":
		return true
	}
	return false
}

var knownSame = map[string]string{"github.sha": "$GITHUB_SHA", "github.run_number": "$GITHUB_RUN_NUMBER", "github.ref_name": "$GITHUB_REF_NAME", "github.run_id": "$GITHUB_RUN_ID",
	"env.BUILD_NUMBER": "$BUILD_NUMBER", "BUILD_NUMBER": "$BUILD_NUMBER", "env.GIT_COMMIT": "$GIT_COMMIT", "GIT_COMMIT": "$GIT_COMMIT", "env.TAG_NAME": "$TAG_NAME", "env.BUILD_TAG": "$BUILD_TAG"}

// same reports whether two expressions are the same but for how they are written.
func same(a, b string) bool { return plainly(a) == plainly(b) }

func plainly(s string) string {
	return anyReference.ReplaceAllStringFunc(s, func(r string) string {
		inner, ok := strings.CutPrefix(r, "${{")
		if ok {
			inner = strings.TrimSpace(strings.TrimSuffix(inner, "}}"))
			if known, ok := knownSame[inner]; ok {
				return known
			}
			return "${{" + anySpace.ReplaceAllString(inner, " ") + "}}"
		}
		if inner, ok := strings.CutPrefix(r, "${"); ok {
			if inner = strings.TrimSuffix(inner, "}"); isName(inner) {
				return "$" + inner
			}
		}
		return r
	})
}
