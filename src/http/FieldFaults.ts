/**
 * What is wrong with an input, one detail a field: read from the issue of a schema. Pure.
 *
 * | code | what |
 * |---|---|
 * | `missing` | a field that has to be there is not |
 * | `unexpected` | a field that nothing is known of |
 * | `type` | a value of another kind, or none of those that are allowed |
 * | `invalid` | a value of the right kind that a check refuses |
 * | a code of your own | what `errorCode` says at the schema, or at its check |
 */
import * as SchemaIssue from "effect/SchemaIssue"
import type { Detail } from "../errors/index.ts"

const key = "effect-resilience/code"

/**
 * The annotation that gives a schema's faults, or those of one check, a code of your own.
 *
 * ```ts import.meta.vitest
 * import { Effect, Schema } from "effect"
 * import { detailsOf, errorCode } from "effect-resilience/http"
 *
 * const Email = Schema.String.check(Schema.isPattern(/.+@.+/)).annotate(errorCode("INVALID_EMAIL"))
 * const User = Schema.Struct({ email: Email, tags: Schema.Array(Schema.String) })
 *
 * const decode = Schema.decodeUnknownEffect(User, { errors: "all" })
 * const faults = Effect.map(Effect.flip(decode({ email: "nobody", tags: ["a", 1] })), ({ issue }) => detailsOf(issue))
 *
 * Effect.runSync(faults).map(({ code, field }) => [field, code]) // => [["email", "INVALID_EMAIL"], ["tags[1]", "type"]]
 * ```
 */
export const errorCode = (code: string): { readonly [key]: string } => ({ [key]: code })

type Annotated = { readonly annotations?: { readonly [key: string]: unknown } | undefined }

const ownCode = (node: Annotated | undefined): string | undefined => {
  const found = node?.annotations?.[key]
  return typeof found === "string" ? found : undefined
}

/** What a schema says of itself that it takes: `expected`, where somebody has annotated it. */
const ownWords = (node: Annotated | undefined): string | undefined => {
  const found = node?.annotations?.["expected"]
  return typeof found === "string" ? found : undefined
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** How JSON writes the numbers that it has no words for: whoever sends a text for a number need not know. */
const numbersOfJson = /(?:number \| )?"Infinity" \| "-Infinity" \| "NaN"/g

const words = (issue: SchemaIssue.Issue, expected?: string | undefined): string =>
  expected === undefined
    ? (format(issue).issues[0]?.message ?? "Expected another value").replace(numbersOfJson, "number")
    : `Expected ${expected}`

/** A path as people write it: `address.city`, `tags[0]`. A name that is no word is quoted: `["a b"].c`. */
const fieldOf = (path: ReadonlyArray<PropertyKey>): string => {
  let field = ""
  for (const step of path) {
    if (typeof step === "number" || /^\d+$/.test(String(step))) field += `[${String(step)}]`
    else if (/^[\w$-]+$/.test(String(step))) field += field === "" ? String(step) : `.${String(step)}`
    else field += `[${JSON.stringify(String(step))}]`
  }
  return field
}

/** Every fault that an issue holds, in its order, one for each field. The field of a whole input is empty. */
export const detailsOf = (root: SchemaIssue.Issue): ReadonlyArray<Detail> => {
  const details = new Map<string, Detail>()
  const add = (path: ReadonlyArray<PropertyKey>, code: string, message: string): void => {
    const field = fieldOf(path)
    if (!details.has(field)) details.set(field, { field, message, code })
  }
  // `own` and `said` are the nearest code and words above an issue that has none of its own, within the same field.
  const collect = (
    issue: SchemaIssue.Issue,
    path: ReadonlyArray<PropertyKey>,
    own: string | undefined,
    said: string | undefined
  ): void => {
    switch (issue._tag) {
      case "Pointer":
        return collect(issue.issue, [...path, ...issue.path], undefined, undefined)
      case "Composite":
        return issue.issues.forEach((inner) =>
          collect(inner, path, ownCode(issue.ast) ?? own, ownWords(issue.ast) ?? said)
        )
      case "Encoding":
        return collect(issue.issue, path, ownCode(issue.ast) ?? own, ownWords(issue.ast) ?? said)
      case "AnyOf":
        // One member whose tag or kind fits says what is wrong within it; of several none is meant.
        return issue.issues.length === 1
          ? collect(issue.issues[0]!, path, ownCode(issue.ast) ?? own, said ?? ownWords(issue.ast))
          : add(path, ownCode(issue.ast) ?? own ?? "type", words(issue, said ?? ownWords(issue.ast)))
      case "Filter":
        return hasPath(issue.issue)
          ? collect(issue.issue, path, ownCode(issue.filter) ?? own, ownWords(issue.filter) ?? said)
          : add(path, ownCode(issue.filter) ?? own ?? "invalid", words(issue))
      case "MissingKey":
        return add(path, "missing", words(issue))
      case "UnexpectedKey":
        return add(path, "unexpected", words(issue))
      case "InvalidType":
      case "OneOf":
        return add(path, ownCode(issue.ast) ?? own ?? "type", words(issue, ownWords(issue.ast) ?? said))
      case "InvalidValue":
      case "Forbidden":
        return add(path, own ?? "invalid", words(issue))
    }
  }
  collect(root, [], undefined, undefined)
  return [...details.values()]
}

const hasPath = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "Pointer" || (issue._tag === "Composite" && issue.issues.some(hasPath))
