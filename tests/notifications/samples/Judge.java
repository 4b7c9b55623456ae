import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;

/** Judges one webhook a line, each field in base64: key, id, timestamp, signatures, body; then the clock. */
public final class Judge {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] fields = line.split("\t", -1);
            Map<String, String> headers = Map.of(
                    "webhook-id", text(fields[1]),
                    "webhook-timestamp", text(fields[2]),
                    "webhook-signature", text(fields[3]));
            byte[] body = Base64.getDecoder().decode(fields[4]);
            System.out.println(WebhookVerifier.verify(text(fields[0]), headers, body, Long.parseLong(fields[5])));
        }
    }

    private static String text(String field) {
        return new String(Base64.getDecoder().decode(field), StandardCharsets.UTF_8);
    }
}
