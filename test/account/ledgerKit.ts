/**
 * Quota and ledger over any books, with a journal of their own.
 */
import { Context, Effect, Exit, Layer, Result, Scope } from "effect"
import {
  GroupsSection,
  Ledger,
  LedgerSection,
  type Processes,
  Quota,
  QuotaLive,
  QuotaSection,
  TokensNode,
  TokensSection
} from "#src/account/index"
import { Books } from "#src/books/index"
import { Journal, JournalStoreMemory } from "#src/journal/index"
import { Settings, settingsFile } from "#src/settings/index"

/** One process's part in the books. */
export interface Process {
  readonly quota: Quota["Service"]
  readonly ledger: Ledger["Service"]
  readonly journal: Journal["Service"]
  /** It dies: what it has in hand is gone. */
  readonly die: Effect.Effect<void>
}

const file = settingsFile({ sections: [TokensSection, QuotaSection, GroupsSection, LedgerSection] })

/** Opens them over books; `written` is the configuration, and `processes` what is known of others. */
export const processOn = (
  books: Books["Service"],
  written: { readonly [section: string]: unknown } = {},
  processes?: Processes
) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const settings = Result.getOrThrow(Settings.make(file, written))
    const tokens = settings.of(TokensSection)
    const layer = Layer.merge(QuotaLive.layer({ processes }), Ledger.layer).pipe(
      Layer.provide(TokensNode.layer({ file: () => tokens.current })),
      Layer.provideMerge(Journal.layer({ retention: "1 hour" }).pipe(Layer.provide(JournalStoreMemory.layer))),
      Layer.provide(Layer.merge(Layer.succeed(Settings, settings), Layer.succeed(Books, books)))
    )
    const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
    return {
      quota: Context.get(context, Quota),
      ledger: Context.get(context, Ledger),
      journal: Context.get(context, Journal),
      die: Scope.close(scope, Exit.void)
    } satisfies Process
  })
