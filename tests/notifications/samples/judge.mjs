// Judges one webhook a line, each field in base64: key, id, timestamp, signatures, body; then the receiver's clock.
import { readFileSync } from "node:fs";

const { verify } = await import(process.argv[2]);
for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  const fields = line.split("\t");
  const [key, id, timestamp, signature, body] = fields.slice(0, 5).map((one) => Buffer.from(one, "base64"));
  const headers = {
    "webhook-id": id.toString(),
    "webhook-timestamp": timestamp.toString(),
    "webhook-signature": signature.toString(),
  };
  console.log(verify(key.toString(), headers, body, Number(fields[5])));
}
