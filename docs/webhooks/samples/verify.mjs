// Verify a webhook of the register with Node's own crypto: `v1` with a `whsec_` secret, `v1a` with a `whpk_`
// public key.
import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from "node:crypto";

const TOLERANCE_SECONDS = 300;

/**
 * True when the webhook is authentic and at most five minutes old.
 * @param {string} key whsec_... or whpk_...
 * @param {Record<string, string>} headers in lower case
 * @param {Buffer} body as it came over the wire, not parsed and written again
 * @param {number} now Unix seconds
 */
export function verify(key, headers, body, now) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (id === "" || !/^[0-9]{1,11}$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  return (headers["webhook-signature"] ?? "").split(" ").some((element) => {
    const comma = element.indexOf(",");
    if (comma < 0) return false;
    const version = element.slice(0, comma);
    const signature = Buffer.from(element.slice(comma + 1), "base64");
    if (version === "v1" && key.startsWith("whsec_")) {
      const secret = Buffer.from(key.slice("whsec_".length), "base64");
      const expected = createHmac("sha256", secret).update(signed).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    }
    if (version === "v1a" && key.startsWith("whpk_")) {
      const x = Buffer.from(key.slice("whpk_".length), "base64").toString("base64url");
      const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
      return verifySignature(null, signed, publicKey, signature);
    }
    return false;
  });
}
