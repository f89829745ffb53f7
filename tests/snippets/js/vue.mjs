// Compiles Vue's single-file components: `NAME.vue` to `NAME.vue.ts`, the template inside the script, so that the compiler of
// TypeScript sees both.

import { readFile, writeFile } from "node:fs/promises";
import { compileScript, parse } from "vue/compiler-sfc";

for (const file of process.argv.slice(2)) {
  const { descriptor, errors } = parse(await readFile(file, "utf8"), { filename: file });
  if (errors.length) throw errors[0];
  const { content } = compileScript(descriptor, { id: file, inlineTemplate: true });
  await writeFile(`${file}.ts`, content);
}
