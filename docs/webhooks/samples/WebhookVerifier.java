import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Verifies webhooks of the register (Java 17 or later): v1 with a whsec_ secret, v1a with a whpk_ public key. */
public final class WebhookVerifier {
    private static final long TOLERANCE_SECONDS = 300;
    /** What precedes the 32 bytes of an Ed25519 key in its X.509 form (RFC 8410). */
    private static final byte[] ED25519_PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");

    private WebhookVerifier() {}

    /**
     * True when the webhook is authentic and at most five minutes old.
     *
     * @param headers with names in lower case
     * @param body as it came over the wire, not parsed and written again
     * @param now Unix seconds
     */
    public static boolean verify(String key, Map<String, String> headers, byte[] body, long now)
            throws GeneralSecurityException {
        String id = headers.getOrDefault("webhook-id", "");
        String timestamp = headers.getOrDefault("webhook-timestamp", "");
        if (id.isEmpty() || !timestamp.matches("[0-9]{1,11}")) {
            return false;
        }
        if (Math.abs(now - Long.parseLong(timestamp)) > TOLERANCE_SECONDS) {
            return false;
        }
        byte[] signed = concatenated((id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8), body);
        for (String element : headers.getOrDefault("webhook-signature", "").split(" ")) {
            int comma = element.indexOf(',');
            if (comma > 0 && matches(key, element.substring(0, comma), element.substring(comma + 1), signed)) {
                return true;
            }
        }
        return false;
    }

    private static boolean matches(String key, String version, String encoded, byte[] signed)
            throws GeneralSecurityException {
        byte[] signature;
        try {
            signature = Base64.getDecoder().decode(encoded);
        } catch (IllegalArgumentException notBase64) {
            return false;
        }
        if (version.equals("v1") && key.startsWith("whsec_")) {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(raw(key, "whsec_"), "HmacSHA256"));
            return MessageDigest.isEqual(signature, mac.doFinal(signed));
        }
        if (version.equals("v1a") && key.startsWith("whpk_")) {
            byte[] encodedKey = concatenated(ED25519_PREFIX, raw(key, "whpk_"));
            PublicKey publicKey =
                    KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encodedKey));
            Signature verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(publicKey);
            verifier.update(signed);
            return signature.length == 64 && verifier.verify(signature);
        }
        return false;
    }

    private static byte[] raw(String key, String prefix) {
        return Base64.getDecoder().decode(key.substring(prefix.length()));
    }

    private static byte[] concatenated(byte[] first, byte[] second) {
        byte[] whole = new byte[first.length + second.length];
        System.arraycopy(first, 0, whole, 0, first.length);
        System.arraycopy(second, 0, whole, first.length, second.length);
        return whole;
    }
}
