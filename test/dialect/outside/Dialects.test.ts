/**
 * Dialects that a program gives: where their names count, and what becomes of a channel whose dialect is not there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Result } from "effect"
import { Dialects, upstreamDialects } from "effect-resilience/dialect"
import {
  type ConfigurationFaults,
  type DecodeOptions,
  decodeConfiguration,
  defaultParts,
  layerFrom,
  loadConfiguration,
  serve,
  Settings
} from "effect-resilience/relay"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const odd = upstreamDialects.openai

const written = (dialect: string) => ({
  server: { port: 0 },
  store: { type: "memory" },
  channels: [{ id: "one", dialect, baseUrl: "http://127.0.0.1:9/v1", keys: [], models: ["m"] }]
})

const refusal =
  (got: string, more = "") =>
  ({ lines }: ConfigurationFaults) =>
    assert.deepStrictEqual(lines, [
      `test: channels[0].dialect: expected "openai" or "responses" or "anthropic" or "gemini"${more}, got "${got}"`
    ])

const decode = (dialect: string, options: DecodeOptions = {}) =>
  decodeConfiguration(written(dialect), {}, "test", options)

describe("the names of dialects", () => {
  it("are those that are built in, and those that were given", () => {
    assert.deepStrictEqual(Dialects.make({}).names, ["openai", "responses", "anthropic", "gemini"])
    const dialects = Dialects.make({ odd })
    assert.deepStrictEqual(dialects.names, ["openai", "responses", "anthropic", "gemini", "odd"])
    assert.strictEqual(dialects.of("odd"), odd)
    assert.strictEqual(dialects.of("gemini"), upstreamDialects.gemini)
    assert.isTrue(dialects.has("odd"))
    assert.isFalse(dialects.has("toString"))
  })

  it.each(["openai", "Odd", "o.d", "", "9", "a".repeat(33), "__proto__"])("refuses %j", (name) => {
    assert.throws(() => Dialects.make(Object.fromEntries([[name, odd]])), /Dialects: "name" must be at most 32/)
  })

  it("a name that is not there says nothing, and never breaks", () => {
    const nobody = Dialects.make({}).of("nobody")
    const about: Parameters<typeof nobody.unsaid> = [{} as never, "m"]
    assert.deepStrictEqual(nobody.unsaid(...about), ["model"])
    assert.deepStrictEqual(nobody.continuations("m"), [])
    const encoded = nobody.encode({} as never)
    assert.isTrue(Result.isFailure(encoded))
    assert.include(Result.getOrThrow(Result.flip(encoded)).message, '"nobody"')
  })
})

describe("the configuration of a program with dialects of its own", () => {
  it("refuses the names that are not there, by their path, and says which are", () => {
    Result.match(decode("odd"), { onSuccess: () => assert.fail("accepted"), onFailure: refusal("odd") })
    Result.match(decode("old", { dialects: Dialects.make({ odd }) }), {
      onSuccess: () => assert.fail("accepted"),
      onFailure: refusal("old", ' or "odd"')
    })
  })

  it("takes those that are, also when it is read again", async () => {
    const { settings } = Result.getOrThrow(decode("odd", { dialects: Dialects.make({ odd }) }))
    const change = (dialect: string) =>
      settings.reload({ value: written(dialect), secretPaths: [], secrets: new Set(), faults: [] })
    await Effect.runPromise(change("odd"))
    const { lines } = await Effect.runPromise(Effect.flip(change("even")))
    assert.match(lines[0] ?? "", /channels\[0\]\.dialect: .* or "odd", got "even"/)
  })

  it("takes them from the program around it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dialects-"))
    const file = join(folder, "relay.json")
    writeFileSync(file, JSON.stringify(written("odd")))
    const load = loadConfiguration(file, {})
    const loaded = await Effect.runPromise(Effect.exit(Effect.provide(load, Dialects.layer({ odd }))))
    assert.isTrue(Exit.isSuccess(loaded))
    assert.match((await Effect.runPromise(Effect.flip(load))).lines[0] ?? "", /channels\[0\]\.dialect/)
    rmSync(folder, { recursive: true, force: true })
  })
})

describe("a relay", () => {
  it("takes them from the layers of a program, too", async () => {
    const { settings } = Result.getOrThrow(decode("odd", { dialects: Dialects.make({ odd }) }))
    const parts = Layer.provide(layerFrom(defaultParts), Layer.succeed(Settings, settings))
    const build = (relay: typeof parts) => Effect.runPromise(Effect.exit(Effect.scoped(Layer.build(relay))))
    assert.isTrue(Exit.isFailure(await build(parts)))
    assert.isTrue(Exit.isSuccess(await build(Layer.provide(parts, Dialects.layer({ odd })))))
  })

  it("that was not given what its channels speak does not start, and says why", async () => {
    const { settings } = Result.getOrThrow(decode("odd", { dialects: Dialects.make({ odd }) }))
    const start = Effect.exit(Effect.scoped(serve(settings)))
    const exit = await Effect.runPromise(start)
    assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", 'channel one speaks "odd"')
    assert.isTrue(
      Exit.isSuccess(
        await Effect.runPromise(Effect.provide(start, Dialects.layer({ odd })).pipe(Effect.flatten, Effect.exit))
      )
    )
  })
})
