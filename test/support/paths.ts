/**
 * What the path of a request says in each dialect, where it says anything.
 */
import type { Asking, ClientDialectName } from "#src/dialect/index"

/** The path and query of a request for a stream on model `m`. */
export const pathOf = (name: ClientDialectName): Pick<Asking, "parameter" | "query"> =>
  name === "gemini" ? { parameter: "m:streamGenerateContent", query: "alt=sse" } : { parameter: "", query: "" }
