/**
 * What the tests of the configuration share: files written and loaded.
 */
import { assert } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { Channel } from "#src/channel/index"
import { loadConfiguration } from "#src/cli/index"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

/** A folder for the files of a test. */
export const folder = mkdtempSync(join(tmpdir(), "configuration-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Loads a configuration file with this text. */
export const load = (text: string, environment: { readonly [name: string]: string } = {}) => {
  const file = join(folder, "relay.yaml")
  writeFileSync(file, text)
  return Effect.runPromise(Effect.result(loadConfiguration(file, environment)))
}

/** The faults without the name of the file. */
export const faultLines = async (text: string, environment?: { readonly [name: string]: string }) => {
  const result = await load(text, environment)
  if (Result.isSuccess(result)) return []
  const prefix = `${join(folder, "relay.yaml")}: `
  return result.failure.lines.map((line) => {
    assert.isTrue(line.startsWith(prefix), line)
    return line.slice(prefix.length)
  })
}

/** The options of a file that is right. */
export const accepted = async (text: string, environment?: { readonly [name: string]: string }) =>
  Result.getOrThrow(await load(text, environment)).options

/** A channel of a file, right but for the fields given. */
export const channel = (fields: { readonly [key: string]: unknown } = {}) => ({
  id: "primary",
  dialect: "openai",
  baseUrl: "https://api.example.com/v1",
  keys: [],
  models: ["gpt-5"],
  ...fields
})
/** A file with one such channel. */
export const withChannel = (
  fields: { readonly [key: string]: unknown },
  rest: { readonly [key: string]: unknown } = {}
) => JSON.stringify({ channels: [channel(fields)], ...rest })
/** The channel of such a file, decoded. */
export const firstChannel = async (fields: { readonly [key: string]: unknown }): Promise<Channel> => {
  const [first] = (await accepted(withChannel(fields))).channels
  assert.isDefined(first)
  return first!
}
