// Reads events as a stock client does, one line of JSON each: {"frames": [text or {"base64": …}, …], "payload": …}, the
// messages of a WebSocket and the body of a long-polling answer with the same. Answers each with a line: {"events": …},
// one list of events for each way, with the attachments as their sizes, or {"error": …}.

import { createInterface } from "node:readline";
import { decodePacket, decodePayload } from "engine.io-parser";
import { Decoder } from "socket.io-parser";

function heard(packets) {
  const events = [];
  const decoder = new Decoder();
  decoder.on("decoded", (packet) => events.push([packet.type, packet.nsp, packet.data]));
  for (const packet of packets) {
    if (packet.type !== "message") throw new Error(`a packet of the type ${packet.type}`);
    decoder.add(packet.data);
  }
  if (decoder.reconstructor) throw new Error("an attachment is missing");
  return events;
}

function answer({ frames, payload }) {
  const messages = frames.map((frame) => (typeof frame === "string" ? frame : Buffer.from(frame.base64, "base64")));
  return [heard(messages.map((message) => decodePacket(message))), heard(decodePayload(payload))];
}

const sizes = (key, value) =>
  value && value.type === "Buffer" && Array.isArray(value.data) ? { attachment: value.data.length } : value;

createInterface({ input: process.stdin }).on("line", (line) => {
  let told;
  try {
    told = { events: answer(JSON.parse(line)) };
  } catch (error) {
    told = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(told, sizes)}\n`);
});
