/**
 * `doctor`: a request's story from the books. It only reads, and the relay may run meanwhile.
 */
import { Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { StoreSection } from "../journal/StoreSection.ts"
import * as BooksPlaceNode from "../operate/BooksPlaceNode.ts"
import { BooksSection, ErrorLog, ErrorLogSection, requestStory } from "../operate/index.ts"
import { Settings } from "../settings/index.ts"
import type { Configuration } from "./Configuration.ts"
import { printErr, printOut } from "./Process.ts"

const failed = (message: string): Effect.Effect<number> => Effect.as(printErr(message), 1)

/** What is told where nothing is known: why that may be. */
const nothingKnown = (requestId: string, { enabled, successes }: { enabled: boolean; successes: boolean }): string =>
  [
    `nothing is known of the request ${requestId}`,
    ...(enabled ? [] : ["errorLog.enabled is false: no rows are written"]),
    ...(successes ? [] : ["what went well leaves no row (errorLog.successes)"]),
    "it may have been asked of another relay, be older than errorLog.retention, or never have come here"
  ].join("\n  ")

/** Prints the story of a request. The exit code: 0; 1 where nothing is known, or the books cannot be read. */
export const doctor = ({ settings }: Configuration, requestId: string): Effect.Effect<number> =>
  Effect.suspend(() => {
    const place = BooksPlaceNode.placeOf(settings.of(BooksSection).current, settings.of(StoreSection).current)
    if (place._tag === "Memory") {
      return failed("the books are in the relay's memory: ask it for GET /admin/requests/REQUEST_ID")
    }
    if (place._tag === "File" && !existsSync(place.path)) return failed(`there are no books at ${place.path}`)
    const books = Layer.provide(BooksPlaceNode.layer, Layer.succeed(Settings, settings))
    const story = Effect.flatMap(ErrorLog, (log) => log.ofRequest(requestId)).pipe(
      Effect.flatMap((rows) =>
        rows.length === 0
          ? failed(nothingKnown(requestId, settings.of(ErrorLogSection).current))
          : Effect.as(printOut(requestStory(requestId, rows)), 0)
      )
    )
    return Effect.scoped(
      Effect.flatMap(Layer.build(Layer.provide(ErrorLog.layerReader, books)), (context) =>
        Effect.provideContext(story, context)
      )
    ).pipe(Effect.catch(({ message }) => failed(message)))
  })
