using System;
using System.Collections.Generic;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

/// <summary>
/// Verifies webhooks of the register (.NET 6 or later, Mono 6): v1 with a whsec_ secret. The class library has no Ed25519;
/// for v1a hand the same signed bytes to a library that has, such as NSec or Bouncy Castle.
/// </summary>
public static class WebhookVerifier
{
    private const long ToleranceSeconds = 300;

    /// <summary>True when the webhook is authentic and at most five minutes old.</summary>
    /// <param name="headers">Names in lower case.</param>
    /// <param name="body">As it came over the wire, not parsed and written again.</param>
    /// <param name="now">Unix seconds.</param>
    public static bool Verify(string key, IReadOnlyDictionary<string, string> headers, byte[] body, long now)
    {
        string id = Header(headers, "webhook-id");
        string timestamp = Header(headers, "webhook-timestamp");
        if (id.Length == 0 || !Regex.IsMatch(timestamp, @"\A[0-9]{1,11}\z"))
        {
            return false;
        }
        if (Math.Abs(now - long.Parse(timestamp, CultureInfo.InvariantCulture)) > ToleranceSeconds)
        {
            return false;
        }
        byte[] head = Encoding.UTF8.GetBytes($"{id}.{timestamp}.");
        byte[] signed = new byte[head.Length + body.Length];
        head.CopyTo(signed, 0);
        body.CopyTo(signed, head.Length);
        foreach (string element in Header(headers, "webhook-signature").Split(' '))
        {
            if (element.StartsWith("v1,", StringComparison.Ordinal) && Matches(key, element.Substring(3), signed))
            {
                return true;
            }
        }
        return false;
    }

    private static bool Matches(string key, string encoded, byte[] signed)
    {
        if (!key.StartsWith("whsec_", StringComparison.Ordinal))
        {
            return false;
        }
        byte[] signature;
        try
        {
            signature = Convert.FromBase64String(encoded);
        }
        catch (FormatException)
        {
            return false;
        }
        using (var mac = new HMACSHA256(Convert.FromBase64String(key.Substring("whsec_".Length))))
        {
            return CryptographicOperations.FixedTimeEquals(signature, mac.ComputeHash(signed));
        }
    }

    private static string Header(IReadOnlyDictionary<string, string> headers, string name)
    {
        return headers.TryGetValue(name, out var value) ? value : "";
    }
}
