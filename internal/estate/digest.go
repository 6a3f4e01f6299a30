package estate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// DigestOf is the digest of v's JSON: "sha256:" and 64 hexadecimal digits. Equal values, equal digests.
// It is meant for this project's own values, which all encode; anything else gives the empty digest.
func DigestOf(v any) Digest {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(v); err != nil {
		return ""
	}
	return Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}
