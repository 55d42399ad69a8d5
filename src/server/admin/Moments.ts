/**
 * Moments in a query: as ISO 8601 writes them, a date alone is its midnight by UTC; or as epoch milliseconds.
 */
import { Schema, SchemaGetter } from "effect"

const iso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/

/** Whether a month has that day: JavaScript takes February 30 for March 2. */
const isDay = (date: string): boolean => {
  const millis = Date.parse(date)
  return !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(date)
}

const millisOf = (text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  return iso.test(text) && isDay(text.slice(0, "2027-01-31".length)) ? Date.parse(text) : Number.NaN
}

const expected = 'a moment such as "2027-01-31T00:00:00Z", a date, or epoch milliseconds'

/** A moment, as epoch milliseconds. */
export const moment = Schema.optionalKey(
  Schema.String.annotate({ expected })
    .check(Schema.makeFilter((text) => millisOf(text) >= 0, { expected }))
    .pipe(
      Schema.decodeTo(Schema.Finite, {
        decode: SchemaGetter.transform(millisOf),
        encode: SchemaGetter.transform((millis) => new Date(millis).toISOString())
      })
    )
)
