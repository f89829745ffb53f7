// Bundles the page into a folder, `dist` by default. `queuecast-room.js` is the one of this repository; copy it into yours.

import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const outdir = process.argv[2] ?? join(here, "dist");
await mkdir(outdir, { recursive: true });
await build({
  entryPoints: [join(here, "src", "main.tsx"), join(here, "src", "main.css")],
  outdir,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  alias: { "queuecast-room": join(here, "..", "..", "..", "clients", "queuecast-room.js") },
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
await copyFile(join(here, "index.html"), join(outdir, "index.html"));
