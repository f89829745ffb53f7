// Bundles scripts for a browser: each file becomes NAME.bundle.js beside it. The first argument is the folder.

import { join, resolve } from "node:path";
import { build } from "esbuild";

// `vue.mjs` has compiled them.
const vue = {
  name: "vue",
  setup({ onResolve }) {
    onResolve({ filter: /\.vue$/ }, ({ path, resolveDir }) => ({ path: `${resolve(resolveDir, path)}.ts` }));
  },
};

const [folder, ...files] = process.argv.slice(2);
await build({
  absWorkingDir: folder,
  entryPoints: files.map((file) => ({ in: join(folder, file), out: `${file}.bundle` })),
  outdir: folder,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  plugins: [vue],
  alias: { "react-native": join(import.meta.dirname, "..", "standins", "react-native.js") },
  resolveExtensions: [".tsx", ".ts", ".js"],
  define: { "process.env.NODE_ENV": '"development"', __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
  logLevel: "warning",
});
