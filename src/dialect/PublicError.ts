/**
 * What of an error a client may read.
 */
import { blameOf, lookup, codeOf, type ResilienceError, type UpstreamSaid } from "../errors/index.ts"
import { redactText } from "./Redact.ts"

const isTold = (error: ResilienceError): boolean => {
  const blame = blameOf(error)
  return blame === "caller" || blame === "content"
}

/** What the upstream said, where a client may know it: faults of the caller and of the content. */
export const publicSaid = (error: ResilienceError): UpstreamSaid | undefined =>
  isTold(error) ? error.upstream : undefined

/** The message for a client: faults of the caller and of the content in their own words, redacted; else the catalogue's. */
export const publicMessage = (error: ResilienceError): string =>
  isTold(error) ? redactText(error.upstream?.message ?? error.message) : lookup(codeOf(error)).message
