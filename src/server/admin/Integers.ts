/**
 * Integers in a query or a path, as people write them: in decimal digits, in one way only. What JavaScript would take for a
 * number besides (nothing at all, ` `, `0x10`, `1e2`, `-0`) is refused: an empty variable of a script is not the key 0.
 */
import { Schema, SchemaGetter } from "effect"

const decimal = /^(0|-?[1-9]\d{0,14})$/
const natural = /^(0|[1-9]\d{0,14})$/

/** What is written as `digits` says; `expected` is told of any other text. */
const writtenAs = (digits: RegExp, expected: string) =>
  Schema.String.annotate({ expected })
    .check(
      Schema.makeFilter((text) => digits.test(text), { expected, toJsonSchema: () => ({ pattern: digits.source }) })
    )
    .pipe(
      Schema.decodeTo(Schema.Finite, { decode: SchemaGetter.transform(Number), encode: SchemaGetter.transform(String) })
    )

/** An integer. */
export const integer = writtenAs(decimal, "an integer")

/** An integer from 0 on, of which is told what it stands for. */
export const naturalFor = (expected: string) => writtenAs(natural, expected)
