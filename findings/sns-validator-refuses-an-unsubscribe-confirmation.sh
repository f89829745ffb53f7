#!/usr/bin/env bash
# sns-validator: each UnsubscribeConfirmation has an "invalid" signature
#
# Versions: sns-validator 0.3.5, AWS' own validator for Node; selfsigned 5.5.0 for a certificate (npm).
# Expected: SNS' guide, "Verifying the signatures of Amazon SNS messages", has the same seven fields signed for
# SubscriptionConfirmation and for UnsubscribeConfirmation, among them `Token`. The library's README handles both types alike.
# Seen: for UnsubscribeConfirmation it leaves `Token` out, as for a notification, so a correctly signed message is refused. The
# one message that tells an endpoint that somebody unsubscribed it, with the address that undoes it, never arrives.
#
# Output:
#> SubscriptionConfirmation signature version 1: accepted
#> SubscriptionConfirmation signature version 2: accepted
#> UnsubscribeConfirmation  signature version 1: The message signature is invalid.
#> UnsubscribeConfirmation  signature version 2: The message signature is invalid.
#> Notification             signature version 1: accepted
#> Notification             signature version 2: accepted

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund sns-validator@0.3.5 selfsigned@5.5.0

cat > probe.mjs <<'PROBE'
import crypto from "node:crypto";
import https from "node:https";
import MessageValidator from "sns-validator";
import { generate } from "selfsigned";

const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }], { keySize: 2048 });
const server = https.createServer({ key, cert }, (request, response) => response.end(cert));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
https.globalAgent.options.ca = cert;
const validator = new MessageValidator(/^localhost:\d+$/);
const signed = {
  SubscriptionConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
  UnsubscribeConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
};
for (const [Type, fields] of Object.entries(signed))
  for (const SignatureVersion of ["1", "2"]) {
    const message = {
      Type, SignatureVersion, MessageId: "7", TopicArn: "arn:aws:sns:eu-central-1:123456789012:orders", Message: "a message",
      Timestamp: "2026-11-30T12:00:00.000Z", SigningCertURL: `https://localhost:${server.address().port}/sns.pem`,
    };
    if (Type === "Notification") message.Subject = "an order";
    else Object.assign(message, { Token: "2336412f", SubscribeURL: "https://sns.eu-central-1.amazonaws.com/?Token=2336412f" });
    const text = fields.map((field) => `${field}\n${message[field]}\n`).join("");
    message.Signature = crypto.sign(SignatureVersion === "1" ? "sha1" : "sha256", Buffer.from(text), key).toString("base64");
    const result = await new Promise((resolve) => validator.validate(message, (error) => resolve(error?.message ?? "accepted")));
    console.log(`${Type.padEnd(24)} signature version ${SignatureVersion}: ${result}`);
  }
server.closeAllConnections();
server.close();
PROBE
node --no-deprecation probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
