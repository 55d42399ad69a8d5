/**
 * `npm run bench -- NAME...` runs benchmarks by name; without a name it runs all but the long ones. Each is a module that
 * exports `run`, and is loaded only when it runs.
 */

interface Bench {
  readonly load: () => Promise<{ readonly run: () => Promise<void> }>
  /** Only when it is asked for. */
  readonly isLong?: true
}

const benches: { readonly [name: string]: Bench } = {
  journal: { load: () => import("./journal.ts") },
  dialects: { load: () => import("./dialects.ts") },
  relay: { load: () => import("./relay.ts") },
  policy: { load: () => import("./policy.ts") },
  keywords: { load: () => import("./keywords.ts") },
  start: { load: () => import("./start.ts") },
  errorlog: { load: () => import("./errorlog.ts"), isLong: true },
  full: { load: () => import("./full.ts"), isLong: true },
  soak: { load: () => import("./soak.ts"), isLong: true },
  open: { load: () => import("./open.ts"), isLong: true }
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in benches))

if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}`)
  process.exitCode = 2
} else {
  for (const [name, { isLong, load }] of Object.entries(benches)) {
    if (asked.length > 0 ? !asked.includes(name) : isLong) continue
    console.log(`\n${name}`)
    const { run } = await load()
    await run()
  }
}
