// Verify a webhook of the register with Go's standard library: v1 with a whsec_ secret, v1a with a whpk_ public key.
package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
)

const toleranceSeconds = 300

var digits = regexp.MustCompile(`^[0-9]{1,11}$`)

// Verify tells whether the webhook is authentic and at most five minutes old. Header names are in lower case, body
// is as it came over the wire, now is in Unix seconds.
func Verify(key string, headers map[string]string, body []byte, now int64) bool {
	id, timestamp := headers["webhook-id"], headers["webhook-timestamp"]
	if id == "" || !digits.MatchString(timestamp) {
		return false
	}
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now-sent > toleranceSeconds || sent-now > toleranceSeconds {
		return false
	}
	signed := append([]byte(id+"."+timestamp+"."), body...)
	for _, element := range strings.Fields(headers["webhook-signature"]) {
		version, encoded, found := strings.Cut(element, ",")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if !found || err != nil {
			continue
		}
		if matches(key, version, signature, signed) {
			return true
		}
	}
	return false
}

func matches(key string, version string, signature []byte, signed []byte) bool {
	switch {
	case version == "v1" && strings.HasPrefix(key, "whsec_"):
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
		if err != nil {
			return false
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(signed)
		return hmac.Equal(signature, mac.Sum(nil))
	case version == "v1a" && strings.HasPrefix(key, "whpk_"):
		public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whpk_"))
		return err == nil && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, signed, signature)
	}
	return false
}
