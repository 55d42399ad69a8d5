/**
 * `npm run bench -- NAME...` runs benchmarks by name; without a name it runs them all. Each is a module that exports
 * `run`, and is loaded only when it runs.
 */

const benches: { readonly [name: string]: () => Promise<{ readonly run: () => Promise<void> }> } = {
  journal: () => import("./journal.ts"),
  relay: () => import("./relay.ts"),
  policy: () => import("./policy.ts")
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in benches))

if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}`)
  process.exitCode = 2
} else {
  for (const [name, load] of Object.entries(benches)) {
    if (asked.length > 0 && !asked.includes(name)) continue
    console.log(`\n${name}`)
    const { run } = await load()
    await run()
  }
}
