/**
 * Reading the headers of an upstream's answer.
 */
import type { HttpAnswer } from "./Dialect.ts"

/** One header, by its lower-case name; the first one where it came several times. */
export const headerOf = (headers: HttpAnswer["headers"], name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : value?.[0]
}
