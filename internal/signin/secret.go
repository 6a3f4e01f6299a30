package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// TokenPrefix begins every token's secret, so that people and scanners see what it is.
const TokenPrefix = "cvn_"

// secretBytes is how much chance is in a secret.
const secretBytes = 32

// newSecret is a secret of 256 random bits, in letters that need no escaping anywhere. Reading chance does not fail (crypto/rand).
func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashOf is what is kept of a secret. SHA-256 once and without salt is enough for 256 random bits: salts and slow hashes protect what people
// choose and others can guess.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// secretLength is that of a secret as text.
var secretLength = base64.RawURLEncoding.EncodedLen(secretBytes)

// isSecret tells a secret from what cannot be one, before anything is looked up.
func isSecret(text string) bool {
	_, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(text) == secretLength
}

// isToken tells a token's secret from what cannot be one.
func isToken(text string) bool {
	rest, ok := strings.CutPrefix(text, TokenPrefix)
	return ok && isSecret(rest)
}
