/**
 * A list of the relay, page by page. Pure.
 */
import { fieldsOf, listOf, textOf } from "./Decode.ts"

/** One page of a list, and where the next begins. */
export interface Paged<A> {
  readonly data: ReadonlyArray<A>
  readonly next: string | undefined
}

/** A page of what `of` reads. */
export const pagedOf =
  <A>(of: (row: unknown) => A) =>
  (body: unknown): Paged<A> => {
    const page = fieldsOf(body)
    const next = page["next"]
    return { data: listOf(page["data"], of), next: typeof next === "number" ? String(next) : textOf(next) }
  }
