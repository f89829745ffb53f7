// A driver for the JavaScript client on Node, Bun and Deno. The arguments are the client's folder in node_modules and,
// if it should have another one, that of its parser.

import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { drive } from "./drive.js";

const { Bun, Deno } = globalThis;
const [client, parser] = process.argv.slice(2);
const whole = await import(client);
const io = whole.io ?? whole.default;
const other = parser && (await import(parser));

const report = (one) => process.stdout.write(`${JSON.stringify(one)}\n`);
const command = drive((url, options) => io(url, other ? { parser: other.default, ...options } : options), report);

const { version } = JSON.parse(readFileSync(new URL(`node_modules/${client}/package.json`, import.meta.url), "utf8"));
const runtime = Bun ? `Bun ${Bun.version}` : Deno ? `Deno ${Deno.version.deno}` : `Node ${process.versions.node}`;
report({ report: "ready", version, runtime });

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => command(JSON.parse(line)));
lines.on("close", () => process.exit(0));
