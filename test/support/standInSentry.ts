/**
 * A stand-in for `@sentry/node` in a relay's process, which writes down what it is told: for tests of what leaves it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

/** What a process is started with, so that it finds the stand-in in place of the package; and what was told so far. */
export interface StandInSentry {
  readonly environment: { readonly NODE_OPTIONS: string }
  readonly told: () => string
}

/** Puts one into a folder. */
export const standInSentry = (folder: string): StandInSentry => {
  const [hook, told, module] = ["sentryHook.mjs", "told.jsonl", "sentry.mjs"].map((name) => join(folder, name)) as [
    string,
    string,
    string
  ]
  writeFileSync(
    module,
    `import { appendFileSync } from "node:fs"
     const tell = (what) => appendFileSync(${JSON.stringify(told)}, JSON.stringify(what) + "\\n")
     export const init = ({ dsn, ...options }) => tell({ options })
     export const captureException = (error, context) =>
       tell({ ...error, name: error.name, message: error.message, stack: error.stack, cause: error.cause, context })
     export const close = async () => (tell("closed"), true)`
  )
  writeFileSync(
    hook,
    `import { registerHooks } from "node:module"
     registerHooks({
       resolve: (name, context, next) =>
         name === "@sentry/node"
           ? { url: ${JSON.stringify(pathToFileURL(module).href)}, format: "module", shortCircuit: true }
           : next(name, context)
     })`
  )
  return {
    environment: { NODE_OPTIONS: `--import=${pathToFileURL(hook).href}` },
    told: () => (existsSync(told) ? readFileSync(told, "utf8") : "")
  }
}
