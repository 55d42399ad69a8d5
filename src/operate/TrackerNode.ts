/**
 * The error tracker of the settings, told by the relay's events. Sentry's package is an optional peer, and is loaded only
 * where it is asked for.
 */
import { Effect, Layer, Redacted } from "effect"
import { PeerMissing } from "../books/index.ts"
import { RelayEvents } from "../relay/index.ts"
import { Settings } from "../settings/index.ts"
import { type EventLog, ErrorTracker, type TrackedError } from "../telemetry/index.ts"
import { sentryPackage, type TrackerOptions, TrackerSection } from "./TrackerSection.ts"
import { trackerSink } from "./TrackerSink.ts"

/** What of the package is used. */
export interface SentryNode {
  readonly init: (options: { readonly [option: string]: unknown }) => unknown
  readonly captureException: (
    exception: unknown,
    context: {
      readonly fingerprint: ReadonlyArray<string>
      readonly tags: { readonly [tag: string]: string | number }
      readonly level: string
    }
  ) => unknown
  readonly close: (timeoutMillis?: number) => PromiseLike<boolean>
}

/** Loads the package. */
const loadSentry: Effect.Effect<SentryNode, PeerMissing> = Effect.tryPromise({
  try: (): Promise<SentryNode> => import("@sentry/node"),
  catch: () =>
    new PeerMissing({
      message: `tracker.type: sentry needs the package ${sentryPackage}: npm install ${sentryPackage}`,
      package: sentryPackage
    })
})

/** How long it may take to send what is left, in milliseconds. */
const closingFor = 2_000

/** The error as Sentry reads one: what was masked already, and nothing that hangs on the error itself. */
const exceptionOf = ({ message, name, stack }: TrackedError): Error => {
  const error = new Error(message)
  error.name = name
  error.stack = stack ?? `${name}: ${message}`
  return error
}

/**
 * A tracker that tells Sentry. None of the package's integrations is on: they would look at requests, at the console and
 * at the process, and send what they find.
 */
export const layerSentry = (
  options: Pick<TrackerOptions, "dsn" | "environment" | "release" | "sampleRate">,
  load: Effect.Effect<SentryNode, PeerMissing> = loadSentry
): Layer.Layer<ErrorTracker, PeerMissing> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const sentry = yield* load
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          sentry.init({
            dsn: options.dsn === undefined ? undefined : Redacted.value(options.dsn),
            environment: options.environment,
            release: options.release,
            sampleRate: options.sampleRate,
            defaultIntegrations: false,
            skipOpenTelemetrySetup: true,
            sendDefaultPii: false,
            // The machine's name; `environment` says which relay it is.
            includeServerName: false,
            maxBreadcrumbs: 0
          })
        ),
        () =>
          Effect.ignore(
            Effect.timeoutOption(
              Effect.tryPromise(() => Promise.resolve(sentry.close(closingFor))),
              closingFor
            )
          )
      )
      return ErrorTracker.layerSend((error) => {
        const { class: blame, code, status, channel, model, request_id } = error.tags
        sentry.captureException(exceptionOf(error), {
          fingerprint: error.fingerprint,
          level: blame === "defect" ? "fatal" : "error",
          tags: {
            code,
            status,
            class: blame,
            ...(channel === undefined ? {} : { channel }),
            ...(model === undefined ? {} : { model }),
            ...(request_id === undefined ? {} : { request_id })
          }
        })
      })
    })
  )

/** The tracker that the settings name. */
export const layerSettings: Layer.Layer<ErrorTracker, PeerMissing, EventLog | Settings> = Layer.unwrap(
  Effect.map(Settings, (settings): Layer.Layer<ErrorTracker, PeerMissing, EventLog> => {
    const options = settings.of(TrackerSection).current
    switch (options.type) {
      case "none":
        return ErrorTracker.layerNone
      case "log":
        return ErrorTracker.layerLog
      case "sentry":
        return layerSentry(options)
    }
  })
)

/** Tells the tracker that there is of what happens to the relay. */
export const layerSink: Layer.Layer<never, never, ErrorTracker | RelayEvents> = RelayEvents.layerSink(
  "tracker",
  Effect.map(ErrorTracker, trackerSink)
)
