/**
 * Writes the package `effect-resilience-client` to `dist/client-package`: `RetryStreamingClient` and `useRetryStreaming`
 * in a few files without a dependency, with their types, for front ends that install nothing else.
 *
 *   npm run build:client               # part of `npm run check:exports`
 *   node scripts/buildClient.ts FOLDER # to another folder
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const root = fileURLToPath(new URL("..", import.meta.url))
const conditions = ["effect-resilience-source", "import", "default"]

interface Own {
  readonly version: string
  readonly license: string
  readonly peerDependencies: { readonly react: string }
}

const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Own

/** What the package says of itself. */
const manifest = {
  name: "effect-resilience-client",
  version: own.version,
  description: "Streamed answers that come back by themselves: a client for browsers and Node, and a hook for React.",
  license: own.license,
  type: "module",
  sideEffects: false,
  exports: {
    "./package.json": "./package.json",
    ".": { types: "./types/exports/clientBrowser.d.ts", default: "./index.js" },
    "./react": { types: "./types/exports/react.d.ts", default: "./react.js" }
  },
  files: ["*.js", "types", "README.md", "LICENSE"],
  peerDependencies: { react: own.peerDependencies.react },
  peerDependenciesMeta: { react: { optional: true } }
}

const readme = `# effect-resilience-client

Streamed answers that come back by themselves: \`RetryStreamingClient\` for browsers and Node, \`useRetryStreaming\` for React 18 and 19. Without dependencies. It is what \`effect-resilience/client/browser\` and \`effect-resilience/react\` are, from the same source.

\`\`\`js
import { RetryStreamingClient } from "effect-resilience-client"

const client = new RetryStreamingClient("/chat", { method: "POST" })
client
  .on("message", (content) => output.append(content))
  .on("reset", () => output.replaceChildren())
  .on("retry", ({ attempt, maxRetries, delay }) => console.log(\`\${attempt} of \${maxRetries} in \${delay} ms\`))
  .on("fatal", (message) => alert(message))
client.connect({ message: "hello" })
\`\`\`

All of it: [docs/client.md](https://unpkg.com/effect-resilience/docs/client.md), [docs/react.md](https://unpkg.com/effect-resilience/docs/react.md).
`

/** One file for each entry, and one for what they share. */
const bundle = async (folder: string): Promise<void> => {
  const build = await rolldown({
    input: { index: join(root, "src/exports/clientBrowser.ts"), react: join(root, "src/exports/react.ts") },
    external: ["react"],
    platform: "browser",
    resolve: { conditionNames: conditions }
  })
  await build.write({ dir: folder, format: "esm", minify: true, comments: false, chunkFileNames: "[name].js" })
  await build.close()
}

/** Their types, and those of what they import. */
const declare = (folder: string): void => {
  const project = join(folder, "tsconfig.json")
  writeFileSync(
    project,
    JSON.stringify({
      extends: join(root, "tsconfig.build.json"),
      compilerOptions: {
        rootDir: join(root, "src"),
        outDir: join(folder, "types"),
        emitDeclarationOnly: true,
        declarationMap: false,
        sourceMap: false,
        typeRoots: [join(root, "node_modules/@types")]
      },
      include: [],
      files: [join(root, "src/exports/clientBrowser.ts"), join(root, "src/exports/react.ts")]
    })
  )
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", project], { encoding: "utf8" })
  rmSync(project)
  if (status !== 0) throw new Error(stdout)
}

/** Writes the package to a folder. */
export const buildClient = async (folder: string): Promise<void> => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await bundle(folder)
  declare(folder)
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"))
  writeFileSync(join(folder, "README.md"), readme)
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`)
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? join(root, "dist/client-package"))
  await buildClient(folder)
  for (const file of globSync("*.js", { cwd: folder })) console.log(join(dirname(folder), file))
}
