/**
 * What the tests of the configuration share: files written and loaded.
 */
import { assert } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TokensSection } from "#src/account/index"
import { BreakerSection, type Channel, ChannelSection, TimeoutsSection } from "#src/channel/index"
import { type Configuration, loadConfiguration } from "#src/cli/index"
import { JournalSection } from "#src/journal/JournalSection"
import { StoreSection } from "#src/journal/StoreSection"
import { RecoverySection, RetrySection } from "#src/relay/index"
import { ChatSection, ServerSection } from "#src/server/index"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { afterAll, beforeAll } from "vitest"

/** A folder for the files of a test, of its worker's own. */
export const folder = join(tmpdir(), `configuration-${process.pid}`)

/** Keeps the folder while a test file runs: each calls it, because a worker loads this module once for all of them. */
export const keepFolder = (): void => {
  beforeAll(() => void mkdirSync(folder, { recursive: true }))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
}

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

/** The value of each section. */
export const optionsOf = ({ settings }: Configuration) => ({
  server: settings.of(ServerSection).current,
  chat: settings.of(ChatSection).current,
  store: settings.of(StoreSection).current,
  journal: settings.of(JournalSection).current,
  timeouts: settings.of(TimeoutsSection).current,
  retry: settings.of(RetrySection).current,
  recovery: settings.of(RecoverySection).current,
  breaker: settings.of(BreakerSection).current,
  tokens: settings.of(TokensSection).current,
  channels: settings.of(ChannelSection).current
})

/** What a file that is right says. */
export const accepted = async (text: string, environment?: { readonly [name: string]: string }) =>
  optionsOf(Result.getOrThrow(await load(text, environment)))

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
