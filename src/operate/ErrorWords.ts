/**
 * Who said that something failed, and of what a row of the error log is.
 */
import { type Blame, blameOf, type ResilienceError } from "../errors/index.ts"

/** What failed: one attempt, or the request. */
export const kinds = ["attempt", "request"] as const

/** Who said it. */
export const origins = ["openai_error", "claude_error", "gemini_error", "upstream_error", "relay_error"] as const
export type Origin = (typeof origins)[number]

const vendors: { readonly [dialect: string]: Origin } = {
  openai: "openai_error",
  responses: "openai_error",
  anthropic: "claude_error",
  gemini: "gemini_error"
}

/** Whether an attempt that failed so has failed by its upstream. */
const byUpstream: { readonly [B in Blame]: boolean } = {
  caller: false,
  content: false,
  credential: true,
  quota: true,
  rate: true,
  model: true,
  channel: false,
  upstream: true,
  timeout: true,
  transport: true,
  rejected: false,
  exhausted: false,
  storage: false,
  cancelled: false,
  defect: false
}

/** What somebody asked, if anybody was: the dialect of the channel. */
export interface Asked {
  readonly dialect: string | undefined
}

/**
 * Who said that it failed: the vendor, where its envelope was read (it names its errors by code or type, which no page of
 * a proxy does); else the upstream, where it was asked and is to blame; else this relay.
 */
export const originOf = (error: ResilienceError, asked: Asked | undefined): Origin => {
  const { upstream } = error
  if (asked === undefined) return "relay_error"
  if (upstream?.code !== undefined || upstream?.type !== undefined) {
    return vendors[asked.dialect ?? ""] ?? "upstream_error"
  }
  return upstream !== undefined || byUpstream[blameOf(error)] ? "upstream_error" : "relay_error"
}
