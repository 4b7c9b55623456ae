using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

/// <summary>Judges one webhook a line, each field in base64: key, id, timestamp, signatures, body; then the clock.</summary>
public static class Judge
{
    public static void Main()
    {
        for (var line = Console.ReadLine(); line != null; line = Console.ReadLine())
        {
            string[] fields = line.Split('\t');
            var headers = new Dictionary<string, string>
            {
                ["webhook-id"] = Text(fields[1]),
                ["webhook-timestamp"] = Text(fields[2]),
                ["webhook-signature"] = Text(fields[3]),
            };
            byte[] body = Convert.FromBase64String(fields[4]);
            long now = long.Parse(fields[5], CultureInfo.InvariantCulture);
            Console.WriteLine(WebhookVerifier.Verify(Text(fields[0]), headers, body, now) ? "true" : "false");
        }
    }

    private static string Text(string field) => Encoding.UTF8.GetString(Convert.FromBase64String(field));
}
