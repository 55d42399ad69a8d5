/**
 * Which session a request is of: the first value that the section `affinity` looks for, hashed with the token and the model,
 * so that nothing of what a client calls its conversation is kept, and no token can name another's.
 */
import { createHash } from "node:crypto"
import type { SessionSource } from "../channel/index.ts"
import type { AnswerRequest } from "../dialect/index.ts"

/** What is looked at of a request. */
export interface Seen {
  readonly request: Pick<AnswerRequest, "body" | "model">
  readonly header: (name: string) => string | undefined
  /** The name of its token, or `""`. */
  readonly owner: string
}

const fieldAt = (body: unknown, path: ReadonlyArray<string>): unknown => {
  let value = body
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as { readonly [key: string]: unknown })[step]
  }
  return value
}

/** A value that can stand for a session: a text that is more than white space, or a number. */
const valueAt = (source: SessionSource, { header, owner, request }: Seen): string | undefined => {
  const found =
    source._tag === "Body" ? fieldAt(request.body, source.path) : source._tag === "Header" ? header(source.name) : owner
  if (typeof found === "number") return String(found)
  return typeof found === "string" && found.trim() !== "" ? found : undefined
}

/** The session of a request, as it is kept; `undefined` where nothing tells it. */
export const sessionOf = (by: ReadonlyArray<SessionSource>, seen: Seen): string | undefined => {
  for (const [at, source] of by.entries()) {
    const value = valueAt(source, seen)
    if (value === undefined) continue
    const named = JSON.stringify([seen.owner, seen.request.model, at, value])
    return createHash("sha256").update(named).digest("base64url")
  }
  return undefined
}
