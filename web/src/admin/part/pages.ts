/**
 * A long list, read page by page behind its cursor. What is far from what one looks at is dropped, and read again by its
 * cursor when one comes back: a list of any length takes the memory of a few pages. Pure.
 */

/** One page: where it begins, how many rows it has, and the rows while they are kept. */
export interface Page<A> {
  readonly cursor: string | undefined
  /** The index of its first row. */
  readonly from: number
  readonly count: number
  readonly rows: ReadonlyArray<A> | undefined
}

/** What is known of a list. */
export interface Pages<A> {
  readonly pages: ReadonlyArray<Page<A>>
  /** Where it goes on; `undefined` at its end. */
  readonly next: string | undefined
  /** Nothing was read yet. */
  readonly isFresh: boolean
}

/** How many rows a page has, and how many pages are kept around what one looks at. */
export const pageSize = 200
const kept = 5

/** Of nothing that was read yet. */
export const fresh: Pages<never> = { pages: [], next: undefined, isFresh: true }

/** How many rows are known. */
export const known = <A>({ pages }: Pages<A>): number => {
  const last = pages.at(-1)
  return last === undefined ? 0 : last.from + last.count
}

/** The page that a row is in. */
const placeOf = <A>({ pages }: Pages<A>, index: number): number => pages.findLastIndex((page) => page.from <= index)

/** A row, if it is kept. */
export const rowAt = <A>(list: Pages<A>, index: number): A | undefined => {
  const page = list.pages[placeOf(list, index)]
  return page?.rows?.[index - page.from]
}

/** What has to be read so that the rows from one to another can be seen: the place of a page and its cursor. */
export const missing = <A>(
  list: Pages<A>,
  from: number,
  to: number
): { readonly place: number; readonly cursor: string | undefined } | undefined => {
  if (list.isFresh) return { place: 0, cursor: undefined }
  const first = Math.max(0, placeOf(list, from))
  const last = placeOf(list, to)
  for (let place = first; place <= last; place++) {
    const page = list.pages[place]
    if (page !== undefined && page.rows === undefined) return { place, cursor: page.cursor }
  }
  // The next one, a little before it is needed.
  return list.next !== undefined && to >= known(list) - pageSize / 4
    ? { place: list.pages.length, cursor: list.next }
    : undefined
}

/** With a page that was read. */
export const withPage = <A>(
  list: Pages<A>,
  at: { readonly place: number; readonly cursor: string | undefined },
  read: { readonly data: ReadonlyArray<A>; readonly next: string | undefined }
): Pages<A> => {
  const isNew = at.place === list.pages.length
  // A page keeps its length: rows that were deleted meanwhile leave a gap, and what stands behind them does not move.
  const page: Page<A> = isNew
    ? { cursor: at.cursor, from: known(list), count: read.data.length, rows: read.data }
    : { ...list.pages[at.place]!, rows: read.data }
  return {
    pages: [...list.pages, page].flatMap((one, place) => {
      if (place === list.pages.length && !isNew) return []
      if (place === at.place) return [page]
      return [Math.abs(place - at.place) > kept ? { ...one, rows: undefined } : one]
    }),
    next: isNew ? read.next : list.next,
    isFresh: false
  }
}
