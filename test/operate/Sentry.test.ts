/**
 * What Sentry is sent, byte by byte: the vendor's own client (`@sentry/core`, which `@sentry/node` is made of, without the
 * packages that look at a process) speaks to an ingest server of this test.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import {
  captureException,
  close,
  createStackParser,
  createTransport,
  initAndBind,
  nodeStackLineParser,
  ServerRuntimeClient,
  type ServerRuntimeClientOptions
} from "@sentry/core"
import { InternalError, makeSecrets, Secrets, UpdateDataError } from "#src/errors/index"
import * as TrackerNode from "#src/operate/TrackerNode"
import { ErrorTracker } from "#src/telemetry/index"

interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly items: ReadonlyArray<{ readonly [field: string]: unknown }>
  readonly text: string
}

/** Takes envelopes: a JSON object a line, a head first, then a head and a body for each item. */
const withIngest = async (use: (dsn: string, received: ReadonlyArray<Received>) => Promise<void>): Promise<void> => {
  const received: Array<Received> = []
  const server = createServer((request, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
    request.on("end", () => {
      const items = text.split("\n").map((line) => JSON.parse(line) as Received["items"][number])
      received.push({ path: request.url!, headers: request.headers, items, text })
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    await use(`http://public@127.0.0.1:${(server.address() as AddressInfo).port}/7`, received)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** The vendor's client behind the face that `@sentry/node` has, over `fetch`. */
const vendor: TrackerNode.SentryNode = {
  init: (options) =>
    initAndBind(ServerRuntimeClient, {
      platform: "node",
      ...options,
      integrations: [],
      stackParser: createStackParser(nodeStackLineParser()),
      transport: (transport) =>
        createTransport(transport, async ({ body }) => {
          const answer = await fetch(transport.url, { method: "POST", body: body as string })
          await answer.text()
          return { statusCode: answer.status }
        })
    } as ServerRuntimeClientOptions & Parameters<typeof initAndBind>[1]),
  captureException: (exception, context) => captureException(exception, context as never),
  close
}

// A worker keeps its globals between files.
afterAll(() => {
  delete (globalThis as { __SENTRY__?: unknown }).__SENTRY__
})

const track = (dsn: string, tell: (tracker: ErrorTracker["Service"]) => void): Promise<void> => {
  const secrets = makeSecrets()
  secrets.know(["quiet-river-42"])
  return Effect.map(ErrorTracker, tell).pipe(
    Effect.provide(
      TrackerNode.layerSentry(
        { dsn: Redacted.make(dsn), environment: "night", release: "2026.11", sampleRate: 1 },
        Effect.succeed(vendor)
      )
    ),
    Effect.provideService(Secrets, secrets),
    Effect.runPromise
  )
}

describe("Sentry is sent", () => {
  it("one event an error, with code and place as its fingerprint, before the relay has ended", () =>
    withIngest(async (dsn, received) => {
      await track(dsn, (tracker) => {
        tracker.track(new InternalError({ message: "x of quiet-river-42 is undefined" }), {
          requestId: "req_1",
          channel: "a",
          model: "m"
        })
        tracker.track(new UpdateDataError({ message: "the disk is full" }), { requestId: "req_2" })
      })
      assert.deepStrictEqual(
        received.map(({ path }) => path.split("?")[0]),
        ["/api/7/envelope/", "/api/7/envelope/"]
      )
      assert.deepStrictEqual(
        received.map(({ items }) => items[1]?.["type"]),
        ["event", "event"]
      )
      const [bug, store] = received.map(({ items }) => items[2]!)
      assert.deepStrictEqual(bug!["tags"], {
        code: "internal_error",
        status: 500,
        class: "defect",
        channel: "a",
        model: "m",
        request_id: "req_1"
      })
      assert.deepStrictEqual(
        [bug!["level"], bug!["environment"], bug!["release"], store!["level"]],
        ["fatal", "night", "2026.11", "error"]
      )
      const [code, place] = bug!["fingerprint"] as ReadonlyArray<string>
      assert.strictEqual(code, "internal_error")
      assert.match(place ?? "", /Sentry\.test\.ts/)
      const { values } = bug!["exception"] as {
        values: ReadonlyArray<{ type: string; value: string; stacktrace: object }>
      }
      assert.deepStrictEqual([values[0]?.type, values[0]?.value], ["InternalError", "x of *** is undefined"])
      assert.include(JSON.stringify(values[0]?.stacktrace), "Sentry.test.ts")
    }))

  it("no secret, no folder of the machine, no name of it, and nothing of the process", () =>
    withIngest(async (dsn, received) => {
      await track(dsn, (tracker) =>
        tracker.track(new InternalError({ message: "quiet-river-42" }), { requestId: "req_1" })
      )
      const [{ items, text }] = received as [Received]
      assert.notInclude(text, "quiet-river-42")
      assert.notInclude(text, process.cwd())
      for (const field of ["server_name", "user", "request", "modules", "breadcrumbs", "extra"]) {
        assert.notProperty(items[2], field)
      }
    }))
})
