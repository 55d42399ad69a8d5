/**
 * A process that loads modules and tells, as JSON on stdout, what of the unstable each of them asked for by name:
 *
 *   node load.ts refuse|watch MODULE...
 *
 * `refuse` makes it a failure, as though a release of Effect had taken it away; `watch` lets it pass. The stable modules
 * of Effect load parts of the unstable ones themselves, by their paths: that is Effect's own affair.
 */
import { registerHooks } from "node:module"
import process from "node:process"
import { unstable } from "../../lint/floors.js"

const [mode, ...modules] = process.argv.slice(2)
const asked = new Set<string>()

registerHooks({
  resolve: (specifier, context, next) => {
    // What is asked for by Effect's own other packages is theirs too.
    if (!unstable.test(specifier) || context.parentURL?.includes("/node_modules/") === true) {
      return next(specifier, context)
    }
    asked.add(specifier)
    if (mode === "refuse") throw new Error(`refused: ${specifier}`)
    return next(specifier, context)
  }
})

const told: { [module: string]: { readonly asked: ReadonlyArray<string>; readonly failure: string | undefined } } = {}
for (const module of modules) {
  asked.clear()
  const failure = await import(module).then(
    () => undefined,
    (error: unknown) => String(error)
  )
  told[module] = { asked: [...asked].sort(), failure }
}
process.stdout.write(JSON.stringify(told))
