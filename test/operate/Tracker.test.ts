/**
 * The tracker: what of the relay's events it is told, and how Sentry is told it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import {
  ChannelHeaderOverrideInvalid,
  InternalError,
  makeSecrets,
  Secrets,
  UpdateDataError,
  UpstreamOverloaded
} from "#src/errors/index"
import * as TrackerNode from "#src/operate/TrackerNode"
import { trackerSink } from "#src/operate/TrackerSink"
import { type AnswerRef, LastAsked, type TrailEntry } from "#src/relay/index"
import { ErrorTracker, TrackedErrors } from "#src/telemetry/index"

const ref: AnswerRef = {
  requestId: "req_1",
  streamId: "s",
  owner: "team",
  group: "default",
  model: "m",
  listed: true,
  dialect: "openai",
  delivery: "stream",
  asked: new LastAsked()
}
const entry: TrailEntry = {
  attempt: 1,
  channel: "a",
  key: 0,
  model: "m",
  mode: undefined,
  status: 400,
  blame: "channel",
  code: "channel:header_override_invalid",
  durationMillis: 5
}
const ended = {
  _tag: "StreamEnded",
  answer: ref,
  ended: undefined,
  tokenCount: 0,
  usage: { inputTokens: 1, outputTokens: 0, estimated: true },
  attempts: 1,
  credits: 5,
  continuations: 0,
  dropped: [],
  trail: [entry],
  firstContentMillis: undefined,
  durationMillis: 5
} as const

describe("what the tracker is told", () => {
  it.effect("is each bug, failing store and wrong channel, once, and nothing of an upstream's words", () =>
    Effect.gen(function* () {
      const sink = trackerSink(yield* ErrorTracker)
      const wrong = new ChannelHeaderOverrideInvalid({
        message: "the upstream answered 400: x-team is unknown, you said launch codes",
        upstream: { status: 400, message: "x-team is unknown, you said launch codes" }
      })
      const overloaded = new UpstreamOverloaded({})
      sink.AttemptEnded({ _tag: "AttemptEnded", answer: ref, entry, error: wrong, firstContentMillis: undefined })
      sink.StreamEnded({ ...ended, error: wrong })
      sink.AttemptEnded({ _tag: "AttemptEnded", answer: ref, entry, error: overloaded, firstContentMillis: undefined })
      sink.StreamEnded({ ...ended, error: overloaded })
      sink.StreamEnded({ ...ended, error: new UpdateDataError({ message: "the disk is full" }) })
      sink.RelayErred({ _tag: "RelayErred", requestId: "req_2", error: new InternalError({ message: "a bug" }) })
      const { errors } = yield* TrackedErrors
      assert.deepStrictEqual(
        errors.map(({ fingerprint, tags }) => [fingerprint[0], tags.class, tags.status, tags.channel, tags.model]),
        [
          ["channel:header_override_invalid", "channel", 502, "a", "m"],
          ["update_data_error", "storage", 500, "a", "m"],
          ["internal_error", "defect", 500, undefined, undefined]
        ]
      )
      assert.match(errors[2]?.fingerprint[1] ?? "", /Tracker\.test\.ts/)
      assert.notInclude(JSON.stringify(errors), "launch codes")
    }).pipe(Effect.provide(ErrorTracker.layerMemory))
  )
})

describe("Sentry", () => {
  it.effect(
    "is told by its package's own functions, with fingerprint and tags, and what is left when it is closed",
    () =>
      Effect.gen(function* () {
        const folder = mkdtempSync(join(tmpdir(), "sentry-"))
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
        const file = join(folder, "sentry.mjs")
        writeFileSync(
          file,
          `export const calls = []
         export const init = (options) => void calls.push(["init", options])
         export const captureException = (error, context) => void calls.push(["captureException", error, context])
         export const close = async (millis) => { calls.push(["close", millis]); return true }`
        )
        const fake = yield* Effect.promise(
          () =>
            import(/* @vite-ignore */ pathToFileURL(file).href) as Promise<
              TrackerNode.SentryNode & { readonly calls: ReadonlyArray<ReadonlyArray<unknown>> }
            >
        )
        const secrets = makeSecrets()
        secrets.know(["quiet-river-42"])
        yield* Effect.gen(function* () {
          const tracker = yield* ErrorTracker
          tracker.track(new InternalError({ message: "x of quiet-river-42 is undefined" }), {
            requestId: "req_1",
            model: "m"
          })
        }).pipe(
          Effect.provide(
            TrackerNode.layerSentry(
              { dsn: Redacted.make("https://key@sentry.example/1"), environment: "night", sampleRate: 0.5 },
              Effect.succeed(fake)
            )
          ),
          Effect.provideService(Secrets, secrets)
        )
        const [init, captured, closed] = fake.calls
        assert.deepInclude(init?.[1], {
          dsn: "https://key@sentry.example/1",
          environment: "night",
          sampleRate: 0.5,
          defaultIntegrations: false,
          sendDefaultPii: false,
          includeServerName: false
        })
        const [, error, context] = captured as [string, Error, { fingerprint: ReadonlyArray<string>; tags: object }]
        assert.strictEqual(error.name, "InternalError")
        assert.notInclude(`${error.message} ${error.stack}`, "quiet-river-42")
        assert.strictEqual(context.fingerprint[0], "internal_error")
        assert.deepStrictEqual(context.tags, {
          code: "internal_error",
          status: 500,
          class: "defect",
          model: "m",
          request_id: "req_1"
        })
        assert.strictEqual(closed?.[0], "close")
      })
  )

  it.effect("is a fault at start where its package is not there", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(
        Effect.scoped(Effect.provide(ErrorTracker, TrackerNode.layerSentry({ sampleRate: 1 })))
      )
      assert.strictEqual(missing.package, "@sentry/node")
      assert.match(missing.message, /^tracker\.type/)
    })
  )
})
