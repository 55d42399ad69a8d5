/**
 * A change of a balance: as it is typed, as the relay is asked for it, and what takes it back. Pure.
 */

/** What is typed into the question. The form writes into it. */
export interface Typed {
  how: "add" | "set" | "lift"
  amount: string
  reason: string
}

/** What the relay is asked for; `null` is unlimited. */
export type ChangeOfBalance = { readonly add: number } | { readonly set: number | null }

/** What was typed; `undefined` where it is no whole number. */
export const changeOf = ({ amount, how }: Typed): ChangeOfBalance | undefined => {
  if (how === "lift") return { set: null }
  const credits = Number(amount.replaceAll(/[\s_,]/g, ""))
  return amount.trim() === "" || !Number.isSafeInteger(credits)
    ? undefined
    : how === "add"
      ? { add: credits }
      : { set: credits }
}

/** What takes it back. The difference is added, not the old balance set: what was spent meanwhile stays spent. */
export const takenBack = (change: ChangeOfBalance | undefined, before: number | undefined): ChangeOfBalance => {
  if (change === undefined) return { add: 0 }
  if ("add" in change) return { add: -change.add }
  return before === undefined || change.set === null ? { set: before ?? null } : { add: before - change.set }
}
