/**
 * The numbers of a response's items, where its upstream tells them apart by ids alone: several may be open at once.
 */
import type { NativeEvents } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { ofItems } from "./Passing.ts"

type Raw = NativeEvents["responses"]

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

/** What an event calls its item: there are servers that call a call by its own id alone. */
const idsOf = (raw: Raw): ReadonlyArray<string> => {
  const item = isObject(raw["item"]) ? raw["item"] : {}
  return [textIn(raw, "item_id"), textIn(item, "id"), textIn(item, "call_id")].filter((id) => id !== "")
}

/** Numbers the items of one response. */
export class ItemNumbers {
  private readonly known = new Map<string, number>()
  /** The number of the next item of which nobody says one. */
  private next = 0
  /** The number of the call that began last. */
  private lastCall: number | undefined

  /** Writes the number of an event's item in place, where its upstream says none. */
  write(raw: Raw): void {
    if ((raw["output_index"] ?? undefined) !== undefined) return
    const ids = idsOf(raw)
    if (ids.length === 0) return
    const known = ids.map((id) => this.known.get(id)).find((number) => number !== undefined)
    // No call begins with its input: that is of the last one, however it is called there.
    const isInput = raw.type.startsWith("response.function_call_arguments.")
    const begins =
      raw.type === "response.output_item.added" || (known === undefined && !isInput && ofItems.test(raw.type))
    const number = begins ? this.next : (known ?? (isInput ? this.lastCall : undefined))
    if (number === undefined) return
    raw["output_index"] = number
    this.called(ids, number)
  }

  /** The item of an event begins. */
  begins(raw: Raw, isCall: boolean): void {
    const said = raw["output_index"]
    const number = typeof said === "number" ? said : undefined
    if (number !== undefined) this.called(idsOf(raw), number)
    if (isCall) this.lastCall = number
  }

  private called(ids: ReadonlyArray<string>, number: number): void {
    for (const id of ids) this.known.set(id, number)
    this.next = Math.max(this.next, number + 1)
  }
}
