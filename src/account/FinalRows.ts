/**
 * What a batch of ends comes to: which of them are new, what each account is charged, and the final rows of the ledger.
 * Pure; `QuotaLive` reads and writes.
 */
import type { Row } from "../books/index.ts"
import type { AccountOf } from "./Allowance.ts"
import { type AccountChange, keyOf, type LedgerRow } from "./LedgerRows.ts"
import type { Final } from "./Quota.ts"

/** By stream: the row of what was reserved for it. */
export type Taken = ReadonlyMap<string, Row>

/**
 * The ends that get a row: of each stream the first, and none that has one by now (`done`), or that gives back what was
 * never reserved. Whose it is says who has reserved it.
 */
export const freshOf = (
  finals: ReadonlyArray<Final>,
  taken: Taken,
  done: ReadonlySet<string>
): ReadonlyArray<Final> => {
  const seen = new Set(done)
  return finals.flatMap((final) => {
    const { credits, streamId } = final
    const row = taken.get(streamId)
    if (seen.has(streamId) || (credits === "refund" && row === undefined)) return []
    seen.add(streamId)
    return row === undefined ? [final] : [{ ...final, token: String(row["token"]), group: String(row["token_group"]) }]
  })
}

const byKeyDown = (one: AccountChange, other: AccountChange): number =>
  one.key < other.key ? 1 : one.key > other.key ? -1 : 0

/** What they charge, in the one order in which everybody holds accounts: two that wait for each other would wait for ever. */
export const changesOf = (
  fresh: ReadonlyArray<Final>,
  taken: Taken,
  isLimited: (group: string) => boolean
): ReadonlyArray<AccountChange> => {
  const changes = new Map<string, AccountChange>()
  const change = (of: AccountOf, settled: number, released: number): void => {
    const key = keyOf(of)
    const sum = changes.get(key)
    changes.set(key, {
      key,
      settled: (sum?.settled ?? 0) + settled,
      released: (sum?.released ?? 0) + released
    })
  }
  for (const { credits, group, streamId, token } of fresh) {
    const row = taken.get(streamId)
    const settled = credits === "refund" ? 0 : credits
    // Also of nobody, on a relay without tokens: it is asked what was spent.
    change({ _tag: "Token", name: token }, settled, Number(row?.["of_token"] ?? 0))
    const ofGroup = Number(row?.["of_group"] ?? 0)
    if (ofGroup > 0 || isLimited(group)) change({ _tag: "Group", name: group }, settled, ofGroup)
  }
  return [...changes.values()].sort(byKeyDown)
}

/**
 * Their rows. `before`: by account, the balance that it had before all of them; those that have none are unlimited. It goes
 * down row by row.
 */
export const finalRows = (
  fresh: ReadonlyArray<Final>,
  taken: Taken,
  before: ReadonlyMap<string, number>,
  { at, idOf }: { readonly at: number; readonly idOf: (at: number) => string }
): ReadonlyArray<LedgerRow> => {
  const balances = new Map(before)
  return fresh.map((final) => {
    const { credits, group, streamId, token } = final
    const refunded = credits === "refund"
    const amount = refunded ? Number(taken.get(streamId)?.["credits"] ?? 0) : credits
    const key = keyOf({ _tag: "Token", name: token })
    const had = balances.get(key)
    const balance = had === undefined ? null : had - (refunded ? 0 : amount)
    if (balance !== null) balances.set(key, balance)
    return {
      id: idOf(at),
      at,
      token,
      group,
      kind: refunded ? "refund" : "settle",
      amount,
      balance,
      tokenCharged: !refunded && balance !== null,
      groupCharged: !refunded && balances.has(keyOf({ _tag: "Group", name: group })),
      streamId,
      reason: final.reason,
      model: final.model,
      channel: final.channel,
      inputTokens: refunded ? null : final.inputTokens,
      outputTokens: refunded ? null : final.outputTokens,
      cachedTokens: refunded ? null : final.cachedTokens
    }
  })
}
